/**
 * What a ReplicaSet needs next: Pods to adopt, create and delete, and its status. Pure. Pods that
 * have ended are deleted, which upstream leaves to its pod garbage collector.
 * Source: k8s.io/kubernetes pkg/controller/replicaset (behaviour).
 */
import { type ReplicaSet, replicaSetKind } from '../../apis/apps/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import type { Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';
import { claimPods } from '../claim-pods.ts';
import { createPod, deletePod, makePod, randomName } from '../make-pod.ts';
import { availableInMs, byWorth, isPodActive, isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

/** Pods per turn, as upstream's burst: the rest follows when these are visible. */
const BURST_MAX = 500;

export interface ReplicaSetPlanOptions {
  readonly nodeName: string | undefined;
  readonly nowMs: number;
  readonly random: Random;
}

/** @param candidates all Pods of the namespace, with those that were asked for and are not visible yet */
export function planReplicaSet(
  replicaSet: ReplicaSet,
  candidates: readonly Pod[],
  options: ReplicaSetPlanOptions,
): Plan {
  if (replicaSet.metadata.deletionTimestamp) return emptyPlan;
  const { spec } = replicaSet;
  const { pods, adoptions } = claimPods(replicaSet, replicaSetKind, candidates);
  const active = pods.filter(isPodActive);
  const difference = (spec.replicas ?? 1) - active.length;
  const victims = [
    ...pods.filter((pod) => isPodFinished(pod) && !isPodLeaving(pod)),
    ...(difference < 0 ? [...active].sort(byWorth).slice(0, -difference) : []),
  ];
  const births = Array.from({ length: Math.max(0, Math.min(difference, BURST_MAX)) }, () =>
    createPod(
      makePod({
        owner: replicaSet,
        ownerKind: replicaSetKind,
        template: spec.template,
        name: randomName(replicaSet.metadata.name, options.random),
        nodeName: options.nodeName,
      }),
    ),
  );
  const { status, requeueAfterMs } = makeStatus(replicaSet, active, options.nowMs);
  return {
    actions: [
      ...births,
      ...adoptions,
      ...victims.slice(0, BURST_MAX).map(deletePod),
      ...patchStatus(replicaSetKind, replicaSet, status, ['replicas']),
    ],
    events: [],
    requeueAfterMs,
  };
}

function makeStatus(
  { metadata, spec, status: before }: ReplicaSet,
  active: readonly Pod[],
  nowMs: number,
): { status: NonNullable<ReplicaSet['status']>; requeueAfterMs: number | undefined } {
  const waits = active.flatMap((pod) => availableInMs(pod, spec.minReadySeconds ?? 0, nowMs) ?? []);
  const labels = Object.entries(spec.template.metadata?.labels ?? {});
  const later = waits.filter((waitMs) => waitMs > 0);
  return {
    status: {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) =>
        labels.every(([key, value]) => pod.metadata.labels?.[key] === value),
      ).length,
      readyReplicas: waits.length,
      availableReplicas: waits.length - later.length,
      observedGeneration: metadata.generation ?? 0,
      ...(before?.conditions ? { conditions: before.conditions } : {}),
    },
    requeueAfterMs: later.length === 0 ? undefined : Math.min(...later),
  };
}
