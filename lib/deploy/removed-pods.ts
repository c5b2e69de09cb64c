/**
 * Finds the pods of functions that are gone: by the Events that their node recorded when it started
 * their containers, which outlive them. Nothing but Kubernetes' API is used, so it works on any
 * cluster; whether their output is still there is the node's to say.
 */
import { eventKind, type Event } from '../../runtime/apis/core/types.ts';
import { childName } from '../../runtime/apis/meta/child-name.ts';
import { revisionKind } from '../../runtime/apis/serving/types.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';

export interface RemovedPod {
  readonly namespace: string;
  readonly name: string;
  /** Name of the Knative Service. */
  readonly service: string;
  readonly container: string;
}

/** The newest are read; a cluster that keeps no logs of removed pods answers 404 for each of them. */
const REMOVED_PODS_MAX = 200;
const SERVICE_LABEL = 'serving.knative.dev/service';
const SIDECAR = 'queue-proxy';
/** Of a pod's name: what a cluster leaves of the names it is derived from before its random suffix. */
const NAME_HEAD_LENGTH = 57;

/** In the order in which they were started. `presentUids` are those that are not gone. */
export async function listRemovedPods(
  client: KubeClient,
  namespace: string,
  options: { readonly services: readonly string[]; readonly presentUids: ReadonlySet<string> },
): Promise<RemovedPod[]> {
  const [events, revisions] = await Promise.all([
    client.list(eventKind, {
      namespace,
      fieldSelector: 'involvedObject.kind=Pod,reason=Started',
    }),
    client.list(revisionKind, { namespace }),
  ]);
  return selectRemovedPods(events.items, {
    ...options,
    revisions: revisions.items.map(({ metadata }) => ({
      name: metadata.name,
      service: metadata.labels?.[SERVICE_LABEL] ?? '',
    })),
  });
}

/** Pure part of `listRemovedPods`. */
export function selectRemovedPods(
  events: readonly Event[],
  options: {
    readonly services: readonly string[];
    readonly presentUids: ReadonlySet<string>;
    readonly revisions: readonly { readonly name: string; readonly service: string }[];
  },
): RemovedPod[] {
  const { services, presentUids, revisions } = options;
  const found = new Map<string, RemovedPod & { readonly startedAt: string }>();
  for (const event of events) {
    const { namespace = '', name = '', uid = '', fieldPath = '' } = event.involvedObject;
    const container = /^spec\.containers\{(.+)\}$/.exec(fieldPath)?.[1];
    if (!container || container === SIDECAR || presentUids.has(uid) || found.has(uid)) continue;
    const service = services.find((one) => isPodOf(name, one, revisions));
    if (service === undefined) continue;
    const startedAt = event.firstTimestamp ?? event.metadata.creationTimestamp ?? '';
    found.set(uid, { namespace, name, service, container, startedAt });
  }
  return [...found.values()]
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt))
    .slice(-REMOVED_PODS_MAX);
}

/** By the names of its revisions; of those that are gone, too, by how they are made. */
function isPodOf(
  pod: string,
  service: string,
  revisions: readonly { readonly name: string; readonly service: string }[],
): boolean {
  const isOf = (revision: string): boolean =>
    pod.startsWith(`${childName(revision, '-deployment')}-`.slice(0, NAME_HEAD_LENGTH));
  if (revisions.some((revision) => revision.service === service && isOf(revision.name)))
    return true;
  const gone = pod.startsWith(`${service}-`)
    ? /^\d{5,}/.exec(pod.slice(service.length + 1))?.[0]
    : undefined;
  return gone !== undefined && isOf(`${service}-${gone}`);
}
