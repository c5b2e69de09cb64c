/**
 * What a ReplicaSet needs next: Pods to adopt, create and delete, and its status. Pure. Pods that
 * have ended are deleted, which upstream leaves to its pod garbage collector.
 * Source: k8s.io/kubernetes pkg/controller/replicaset (behaviour).
 */
import { type ReplicaSet, replicaSetKind } from '../../apis/apps/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';
import { claimPods } from '../claim-pods.ts';
import { createPod, deletePod, makePod, randomName } from '../make-pod.ts';
import {
  availableInMs,
  byWorth,
  isoSeconds,
  isPodActive,
  isPodFinished,
  isPodLeaving,
} from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

/** The condition of a ReplicaSet whose Pods cannot be made or deleted; its Deployment repeats it. */
export const REPLICA_FAILURE = 'ReplicaFailure';
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

/** The first failure stays until there is none: each attempt has another name and another text. */
export function planReplicaFailure(
  replicaSet: ReplicaSet,
  failure: { readonly reason: string; readonly message: string; readonly nowMs: number },
): readonly Action[] {
  const { status, metadata } = replicaSet;
  const conditions = status?.conditions ?? [];
  if (conditions.some(({ type }) => type === REPLICA_FAILURE)) return [];
  // Without the name of the event: a condition says only what went wrong.
  const message = failure.message.replace(/^Error (creating|deleting): /, '');
  const condition = {
    type: REPLICA_FAILURE,
    status: 'True',
    lastTransitionTime: isoSeconds(failure.nowMs),
    reason: failure.reason,
    message,
  };
  const next = {
    replicas: 0,
    ...status,
    observedGeneration: metadata.generation ?? 0,
    conditions: [...conditions, condition],
  };
  return patchStatus(replicaSetKind, replicaSet, next, ['replicas']);
}

function makeStatus(
  { metadata, spec, status: before }: ReplicaSet,
  active: readonly Pod[],
  nowMs: number,
): { status: NonNullable<ReplicaSet['status']>; requeueAfterMs: number | undefined } {
  const waits = active.flatMap((pod) => availableInMs(pod, spec.minReadySeconds ?? 0, nowMs) ?? []);
  const labels = Object.entries(spec.template.metadata?.labels ?? {});
  const later = waits.filter((waitMs) => waitMs > 0);
  const conditions = before?.conditions?.filter(({ type }) => type !== REPLICA_FAILURE);
  return {
    status: {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) =>
        labels.every(([key, value]) => pod.metadata.labels?.[key] === value),
      ).length,
      readyReplicas: waits.length,
      availableReplicas: waits.length - later.length,
      observedGeneration: metadata.generation ?? 0,
      // Whoever gets so far as to write this has made all Pods that were missing.
      ...(conditions && conditions.length > 0 ? { conditions } : {}),
    },
    requeueAfterMs: later.length === 0 ? undefined : Math.min(...later),
  };
}
