/** What controllers ask of a Pod. Pure. Source: k8s.io/kubernetes pkg/api/v1/pod and pkg/controller (behaviour). */
import { isPodReady, readyCondition } from '../apis/core/pod-readiness.ts';
import type { Pod } from '../apis/core/types.ts';

/** Upstream's API timestamps are whole seconds. */
export const isoSeconds = (ms: number): string =>
  new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export const isPodFinished = ({ status }: Pod): boolean =>
  status?.phase === 'Failed' || status?.phase === 'Succeeded';

export const isPodLeaving = ({ metadata }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined;

export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !isPodLeaving(pod);

/** How long until a pod counts as available: 0 when it does, undefined while it is not ready. */
export function availableInMs(
  pod: Pod,
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  const sinceMs = Date.parse(condition.lastTransitionTime ?? '') || nowMs;
  return Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs);
}

const restartsOf = ({ status }: Pod): number =>
  (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);

const deletionCost = ({ metadata }: Pod): number =>
  Number(metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;

const phaseRank = ({ status }: Pod): number =>
  status?.phase === 'Running' ? 2 : status?.phase === 'Unknown' ? 1 : 0;

/** Sorts what to delete first to the front: unplaced, pending, not ready, cheap, restarted, young. */
export function byWorth(a: Pod, b: Pod): number {
  const placed = Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName));
  if (placed !== 0) return placed;
  const phase = phaseRank(a) - phaseRank(b);
  if (phase !== 0) return phase;
  const ready = Number(isPodReady(a)) - Number(isPodReady(b));
  if (ready !== 0) return ready;
  const cost = deletionCost(a) - deletionCost(b);
  if (cost !== 0) return cost;
  const restarts = restartsOf(b) - restartsOf(a);
  if (restarts !== 0) return restarts;
  const [bornA, bornB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (bornA !== bornB) return bornA > bornB ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
