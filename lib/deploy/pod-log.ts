/** Reads a container's log from the API, at once or as it grows. */
import type { Pod } from '../../runtime/apis/core/types.ts';
import { podKind } from '../../runtime/apis/core/types.ts';
import { ApiError } from '../../runtime/kube/api-error.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { objectPath } from '../../runtime/kube/resource-path.ts';

/** A container of a pod that may be gone. */
export interface LogSource {
  readonly namespace: string;
  readonly name: string;
  /** @default the only container */
  readonly container?: string | undefined;
}

export const logSourceOf = ({ metadata, spec }: Pod): LogSource => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  container: spec.containers[0]?.name,
});

export interface PodLogOptions {
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  readonly follow?: boolean;
  /** Of the instance before the last restart. */
  readonly previous?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * As `readPodLog`; where the container has just been restarted and printed nothing yet, what the
 * instance before it printed. Empty of one that waits for its first start.
 */
export async function* readLatestLog(
  client: KubeClient,
  pod: Pod,
  options: PodLogOptions,
): AsyncGenerator<string> {
  let isEmpty = true;
  const source = logSourceOf(pod);
  try {
    for await (const chunk of readPodLog(client, source, options)) {
      if (chunk !== '') isEmpty = false;
      yield chunk;
    }
  } catch (error) {
    // A Bad Request is the answer for a container that has not been started.
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
  }
  if (isEmpty && pod.status?.containerStatuses?.some(({ restartCount }) => restartCount > 0))
    yield* readPodLog(client, source, { ...options, previous: true });
}

/**
 * All that a cluster still has of what a removed pod printed, the attempt before the last one first;
 * empty where it keeps nothing of pods that are gone, as most do.
 */
export async function readRemovedLog(
  client: KubeClient,
  source: LogSource,
  options: PodLogOptions,
): Promise<string> {
  let text = '';
  for (const previous of [true, false])
    try {
      for await (const chunk of readPodLog(client, source, { ...options, previous })) text += chunk;
    } catch (error) {
      // 404: gone with its log. 400: there was no such attempt.
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 400))
        throw error;
    }
  return text;
}

/** Text as it arrives, not split into lines. @throws {ApiError} when the API refuses. */
export async function* readPodLog(
  client: KubeClient,
  source: LogSource,
  options: PodLogOptions,
): AsyncGenerator<string> {
  const { container } = source;
  const query: Record<string, string> = {
    ...(container === undefined ? {} : { container }),
    ...(options.tailLines === undefined ? {} : { tailLines: String(options.tailLines) }),
    ...(options.sinceSeconds === undefined ? {} : { sinceSeconds: String(options.sinceSeconds) }),
    ...(options.follow ? { follow: 'true' } : {}),
    ...(options.previous ? { previous: 'true' } : {}),
  };
  const { status, body } = await client.transport.stream({
    path: objectPath(podKind, source, 'log'),
    query,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const decoder = new TextDecoder();
  if (status >= 400) {
    let text = '';
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
    throw ApiError.from(status, parseOrText(text));
  }
  for await (const chunk of body) yield decoder.decode(chunk, { stream: true });
}

function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
