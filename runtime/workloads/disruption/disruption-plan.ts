/**
 * The status of a PodDisruptionBudget: how many of its Pods may go. Pure. Counts the Pods that exist,
 * where upstream asks their owners how many there should be.
 * Source: k8s.io/kubernetes pkg/controller/disruption (behaviour, words).
 */
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import type { Pod } from '../../apis/core/types.ts';
import { matchesSelector } from '../../apis/meta/label-selector.ts';
import { type PodDisruptionBudget, podDisruptionBudgetKind } from '../../apis/policy/types.ts';
import type { Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { isoSeconds, isPodActive } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

/** As upstream: after that the eviction is taken for one that did not happen. */
const DISRUPTION_TIMEOUT_MS = 120_000;

/** @param pods all Pods of the namespace */
export function planDisruption(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): Plan {
  const { metadata, spec = {}, status: before } = budget;
  if (metadata.deletionTimestamp) return emptyPlan;
  const covered = pods.filter(
    (pod) => isPodActive(pod) && matchesSelector(spec.selector, pod.metadata.labels),
  );
  const expectedPods = covered.length;
  // Evicted a moment ago, and not marked yet: it serves no longer, whatever it says.
  const disrupted = Object.entries(before?.disruptedPods ?? {}).filter(
    ([name, since]) =>
      Date.parse(since) + DISRUPTION_TIMEOUT_MS > nowMs &&
      covered.some((pod) => pod.metadata.name === name),
  );
  const leaving = new Set(disrupted.map(([name]) => name));
  const currentHealthy = covered.filter(
    (pod) => isPodReady(pod) && !leaving.has(pod.metadata.name),
  ).length;
  const desiredHealthy =
    spec.maxUnavailable === undefined
      ? // Upstream's default, when a budget says neither.
        resolve(spec.minAvailable ?? 1, expectedPods)
      : Math.max(0, expectedPods - resolve(spec.maxUnavailable, expectedPods));
  const disruptionsAllowed = expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const isAllowed = disruptionsAllowed > 0;
  const old = before?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const status = isAllowed ? 'True' : 'False';
  const condition = {
    type: 'DisruptionAllowed',
    status,
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : isoSeconds(nowMs),
  };
  return {
    actions: patchStatus(
      podDisruptionBudgetKind,
      budget,
      {
        observedGeneration: metadata.generation ?? 0,
        disruptionsAllowed,
        currentHealthy,
        desiredHealthy,
        expectedPods,
        disruptedPods: leaving.size === 0 ? undefined : Object.fromEntries(disrupted),
        conditions: [condition],
      },
      ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'],
    ),
    events: [],
    requeueAfterMs: leaving.size === 0 ? undefined : DISRUPTION_TIMEOUT_MS,
  };
}

/** Percentages are rounded up, in favour of the Pods that run. */
const resolve = (value: number | string, total: number): number =>
  typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);
