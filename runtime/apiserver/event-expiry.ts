/**
 * Forgets Events: they say what happened, and nobody deletes them. Upstream gives each an hour in
 * etcd; here it is a day, because `sls logs` finds the pods that are gone by them. Source:
 * kube-apiserver `--event-ttl` (behaviour: the time runs from the last write).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import { getPath } from './json-value.ts';
import type { Store } from './store/store.ts';

/** As long as the agent keeps the logs of removed pods. */
export const EVENT_TTL_MS = 24 * 60 * 60 * 1000;
/** A listing of them stays under a few MiB, and 500 removed pods have their two Events each. */
export const EVENTS_PER_NAMESPACE_MAX = 4_000;
const SWEEP_MS = 30_000;
const EVENT_STORES = ['/events', 'events.k8s.io/events'];
const TIME_FIELDS = [
  'lastTimestamp',
  'eventTime',
  'series.lastObservedTime',
  'deprecatedLastTimestamp',
];

/** Sweeps until the result is called. */
export function startEventExpiry({ store, clock }: { store: Store; clock: Clock }): () => void {
  return clock.every(SWEEP_MS, () => {
    for (const resource of EVENT_STORES)
      for (const { metadata } of selectExpired(store.list(resource), clock.now()))
        store.delete(
          resource,
          { namespace: metadata.namespace ?? '', name: metadata.name },
          'behind',
        );
  });
}

/** Those whose time is over, and in each namespace the oldest beyond the limit. */
export function selectExpired(events: readonly KubeObject[], nowMs: number): KubeObject[] {
  const byNamespace = new Map<string, { event: KubeObject; ms: number }[]>();
  const expired: KubeObject[] = [];
  for (const event of events) {
    const ms = lastSeenMs(event);
    if (nowMs - ms > EVENT_TTL_MS) {
      expired.push(event);
      continue;
    }
    const namespace = event.metadata.namespace ?? '';
    const others = byNamespace.get(namespace);
    if (others) others.push({ event, ms });
    else byNamespace.set(namespace, [{ event, ms }]);
  }
  for (const known of byNamespace.values()) {
    if (known.length <= EVENTS_PER_NAMESPACE_MAX) continue;
    known.sort((a, b) => b.ms - a.ms);
    expired.push(...known.slice(EVENTS_PER_NAMESPACE_MAX).map(({ event }) => event));
  }
  return expired;
}

function lastSeenMs(event: KubeObject): number {
  const times = [event.metadata.creationTimestamp, ...TIME_FIELDS.map((f) => getPath(event, f))];
  const known = times.map((time) => Date.parse(String(time))).filter((ms) => !Number.isNaN(ms));
  // The server gives each a creationTimestamp: without any time it is nobody's.
  return known.length === 0 ? 0 : Math.max(...known);
}
