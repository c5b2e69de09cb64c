/** `pods/log`: checks the request against the Pod and hands it to whoever runs the Pods. */
import { PodRefusal } from '../apis/core/pod-refusal.ts';
import type { Pod } from '../apis/core/types.ts';
import type { ApiResponse } from './api-response.ts';
import type { ObjectRef } from './write-context.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';

export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Undefined for a pod whose object is gone: nothing tells which containers it had. */
  readonly container?: string;
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** Ms since the epoch; never together with `sinceSeconds`. */
  readonly sinceTimeMs?: number;
  readonly timestamps: boolean;
  readonly previous: boolean;
  /** Aborts when nobody reads any longer: ends a `follow` that waits for more. */
  readonly signal: AbortSignal;
}

/**
 * Yields the log's bytes; ends by itself unless `follow`, and when its consumer returns. Is asked for
 * pods whose object is gone, too. @throws {PodRefusal} 404 for a pod it knows nothing of.
 */
export type PodLogReader = (request: PodLogRequest) => AsyncIterable<Uint8Array>;

/** @throws {StatusError} 400 when it is unclear which container is meant; 404 when it is opened. */
export function openPodLog(
  store: Store,
  read: PodLogReader | undefined,
  ref: ObjectRef,
  query: Readonly<Record<string, string>>,
): ApiResponse {
  const pod = store.get('/pods', ref.namespace, ref.name) as Pod | undefined;
  if (!read) throw StatusError.internal('no agent that could read logs runs in this server');
  const tailLines = parseCount(query['tailLines'], 'tailLines');
  const since = parseSince(query);
  const limitBytes = parseCount(query['limitBytes'], 'limitBytes');
  if (limitBytes === 0)
    throw StatusError.badRequest('limitBytes: Invalid value: 0: must be greater than 0');
  // Upstream answers 404 without the object. Here a pod that has scaled to zero is still asked for.
  const container = pod ? pickContainer(pod, query['container']) : query['container'] || undefined;
  const request: Omit<PodLogRequest, 'signal'> = {
    namespace: ref.namespace,
    pod: ref.name,
    follow: isTrue(query['follow']),
    timestamps: isTrue(query['timestamps']),
    previous: isTrue(query['previous']),
    ...(container === undefined ? {} : { container }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...since,
  };
  return {
    type: 'log',
    open(signal) {
      try {
        const chunks = read({ ...request, signal });
        return limitBytes === undefined ? chunks : limit(chunks, limitBytes);
      } catch (error) {
        if (!(error instanceof PodRefusal)) throw error;
        if (error.code === 400) throw StatusError.badRequest(error.message);
        throw StatusError.notFound({ group: '', plural: 'pods' }, ref.name);
      }
    },
  };
}

export function pickContainer(pod: Pod, wanted: string | undefined): string {
  const names = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
    ({ name }) => name,
  );
  if (wanted) {
    if (names.includes(wanted)) return wanted;
    throw StatusError.badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const [only, ...others] = pod.spec.containers;
  if (only && others.length === 0) return only.name;
  throw StatusError.badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(' ')}]`,
  );
}

function parseCount(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw StatusError.badRequest(
      `${name}: Invalid value: ${JSON.stringify(text)}: must be a non-negative integer`,
    );
  return Number(text);
}

/** @throws {StatusError} 400 when both ways to say it are used, or the time is none. */
function parseSince(
  query: Readonly<Record<string, string>>,
): Pick<PodLogRequest, 'sinceSeconds' | 'sinceTimeMs'> {
  const sinceSeconds = parseCount(query['sinceSeconds'], 'sinceSeconds');
  const time = query['sinceTime'];
  if (!time) return sinceSeconds === undefined ? {} : { sinceSeconds };
  if (sinceSeconds !== undefined)
    throw StatusError.badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified');
  const sinceTimeMs = /^\d{4}-\d\d-\d\dT/.test(time) ? Date.parse(time) : NaN;
  if (Number.isNaN(sinceTimeMs))
    throw StatusError.badRequest(
      `sinceTime: Invalid value: ${JSON.stringify(time)}: must be a time such as 2026-01-31T08:00:00Z`,
    );
  return { sinceTimeMs };
}

/** The first so many bytes. */
async function* limit(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  let left = bytesMax;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

const isTrue = (value: string | undefined): boolean => value === 'true' || value === '1';
