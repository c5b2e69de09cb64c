/**
 * What a user needs when a function does not get ready: the object's own condition, the last lines
 * that it printed, and what serves meanwhile.
 */
import { eventKind, podKind, type Pod } from '../../runtime/apis/core/types.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { serviceKind, type Service } from '../../runtime/apis/serving/types.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { readLatestLog } from './pod-log.ts';
import { tidyCrash } from './tidy-crash.ts';

/** Lines that are shown of the failing pod. */
const LOG_LINES = 15;
/** Most of a crash's lines are stack frames, which are not shown. */
const LOG_LINES_READ = 60;

export interface Failure {
  readonly object: KubeObject;
  readonly why: string;
}

/** Never throws: what cannot be found out is left out. */
export async function describeFailure(client: KubeClient, failure: Failure): Promise<string> {
  const { object, why } = failure;
  const { namespace = '', name } = object.metadata;
  // Conditions quote conditions, each of which ends its sentence.
  const [cause = 'no reason given', ...more] = tidyCrash(why.replace(/\.{2,}$/, '.'));
  const lines = [`${object.kind} "${namespace}/${name}" did not become ready: ${cause}`];
  lines.push(...more.map((line) => `  ${line}`));
  if (object.kind !== serviceKind.kind) return lines.join('\n');
  const revision = (object as Service).status?.latestCreatedRevisionName ?? name;
  const pod = await newestPod(client, namespace, revision);
  const status = pod?.status?.containerStatuses?.[0];
  const { waiting, terminated = status?.lastState?.terminated } = status?.state ?? {};
  const printed = pod ? await lastLog(client, pod).catch(() => '') : '';
  const log = tidyCrash(printed, lines.join('\n')).slice(-LOG_LINES);
  if (log.length > 0) lines.push('  last lines of its log:', ...log.map((line) => `    ${line}`));
  else if (terminated?.message && !why.includes(terminated.message))
    lines.push(
      `  its container ended with exit code ${terminated.exitCode}: ${terminated.message}`,
    );
  else if (waiting?.message && !why.includes(waiting.message))
    lines.push(`  its container waits: ${waiting.reason}: ${waiting.message}`);
  else if (status?.state?.running)
    lines.push(
      '  its container runs, has printed nothing, and nothing answers on its port: its code may wait or loop while it starts.',
    );
  else lines.push(...(await lastWarnings(client, namespace, revision)));
  lines.push(`  ${describeServing(object as Service)}`);
  return lines.join('\n');
}

function describeServing(service: Service): string {
  const serving = service.status?.latestReadyRevisionName;
  return serving === undefined
    ? 'No earlier revision exists, so that requests to it fail.'
    : `Revision ${serving} goes on serving.`;
}

async function newestPod(
  client: KubeClient,
  namespace: string,
  revision: string,
): Promise<Pod | undefined> {
  const list = await client
    .list(podKind, { namespace, labelSelector: `serving.knative.dev/revision=${revision}` })
    .catch(() => ({ items: [] as Pod[] }));
  return [...list.items].sort((a, b) =>
    (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  )[0];
}

async function lastLog(client: KubeClient, pod: Pod): Promise<string> {
  let text = '';
  for await (const chunk of readLatestLog(client, pod, { tailLines: LOG_LINES_READ }))
    text += chunk;
  return text;
}

async function lastWarnings(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<string[]> {
  const { items } = await client.list(eventKind, { namespace }).catch(() => ({ items: [] }));
  return items
    .filter(
      ({ type, involvedObject }) =>
        type === 'Warning' && involvedObject.name?.startsWith(name) === true,
    )
    .slice(-3)
    .map(({ reason, message }) => `  event ${reason ?? ''}: ${message ?? ''}`);
}
