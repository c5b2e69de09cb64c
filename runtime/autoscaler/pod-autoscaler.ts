/**
 * What a PodAutoscaler needs next: the replicas of its Deployment and its own status. Pure; the
 * decision comes in as a number. Source: knative.dev/serving pkg/reconciler/autoscaling/kpa/kpa.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment } from '../apis/apps/types.ts';
import { deploymentKind } from '../apis/apps/types.ts';
import {
  active,
  podAutoscalerConditions,
  scaleTargetInitialized,
  sksReady,
} from '../apis/autoscaling/conditions.ts';
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import type { PodAutoscaler } from '../apis/autoscaling/types.ts';
import { podAutoscalerKind } from '../apis/autoscaling/types.ts';
import type { Condition, Conditions } from '../apis/meta/condition.ts';
import {
  getCondition,
  initializeConditions,
  isConditionTrue,
  markFalse,
  markTrue,
  markUnknown,
} from '../apis/meta/condition.ts';
import { privateServiceName } from '../apis/serving/names.ts';
import type { Action, Plan } from '../kube/plan.ts';
import type { ScaleBounds } from './decider-spec.ts';
import { metricSpecOf, scaleBoundsOf } from './decider-spec.ts';
import { planScale } from './plan-scale.ts';

export interface ObservedAutoscaler {
  readonly podAutoscaler: PodAutoscaler;
  readonly deployment: Deployment | undefined;
  /** The decision; `scaleUnknown` before there is one. */
  readonly desired: number;
}

const set = podAutoscalerConditions;

export function planPodAutoscaler(
  observed: ObservedAutoscaler,
  config: AutoscalerConfig,
  nowMs: number,
): Plan {
  const { podAutoscaler, deployment } = observed;
  const bounds = scaleBoundsOf(podAutoscaler, config);
  const scale = planScale(scaleInputOf(observed, config), nowMs);
  const readyPods = deployment?.status?.readyReplicas ?? 0;
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = markScale(podAutoscaler, {
    want: scale.want,
    readyPods,
    now,
    minReady: minReadyOf(podAutoscaler, bounds),
  });
  const actions: Action[] = [];
  // The scale goes first: a stale decision must not overtake one that a waiting request brought about.
  if (scale.replicas !== undefined && deployment)
    actions.push(scaleAction(deployment, scale.replicas));
  const { name, generation } = podAutoscaler.metadata;
  const before = podAutoscaler.status;
  const status: NonNullable<PodAutoscaler['status']> = {
    ...before,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: keepTransitionTimes(before?.conditions, conditions),
    serviceName: name,
    metricsServiceName: privateServiceName(name),
    // An unknown want does not take back what was known.
    desiredScale: scale.want < 0 ? (before?.desiredScale ?? scale.want) : scale.want,
    actualScale: readyPods,
  };
  if (!isDeepStrictEqual(before, status))
    actions.push({
      type: 'updateStatus',
      kind: podAutoscalerKind,
      object: { ...podAutoscaler, status } as PodAutoscaler,
    });
  return { actions, events: [], requeueAfterMs: scale.requeueAfterMs };
}

export const scaleInputOf = (
  observed: ObservedAutoscaler,
  config: AutoscalerConfig,
): Parameters<typeof planScale>[0] => ({
  podAutoscaler: observed.podAutoscaler,
  bounds: scaleBoundsOf(observed.podAutoscaler, config),
  stableWindowMs: metricSpecOf(observed.podAutoscaler, config).stableWindowMs,
  desired: observed.desired,
  // An unset number of replicas is one.
  replicas: observed.deployment ? (observed.deployment.spec.replicas ?? 1) : undefined,
  progressDeadlineSeconds: observed.deployment?.spec.progressDeadlineSeconds,
});

export const scaleAction = (deployment: Deployment, replicas: number): Action => ({
  type: 'patch',
  kind: deploymentKind,
  namespace: deployment.metadata.namespace ?? '',
  name: deployment.metadata.name,
  patchType: 'merge',
  subresource: 'scale',
  body: { spec: { replicas } },
});

/** Ready pods from which on the revision counts as active. */
function minReadyOf(podAutoscaler: PodAutoscaler, bounds: ScaleBounds): number {
  const isInitialized = isConditionTrue(podAutoscaler.status?.conditions, scaleTargetInitialized);
  return Math.max(bounds.min, isInitialized ? 1 : bounds.initial);
}

function markScale(
  podAutoscaler: PodAutoscaler,
  options: {
    readonly want: number;
    readonly readyPods: number;
    readonly minReady: number;
    readonly now: string;
  },
): Conditions {
  const { want, readyPods, minReady, now } = options;
  let conditions = initializeConditions(set, podAutoscaler.status?.conditions, now);
  conditions = markTrue(set, conditions, sksReady, now);
  const before = getCondition(conditions, active)?.status;
  if (want === 0 || minReady === 0)
    conditions = markFalse(
      set,
      conditions,
      active,
      before === 'Unknown' && minReady > 0
        ? { reason: 'TimedOut', message: 'The target could not be activated.', now }
        : { reason: 'NoTraffic', message: 'The target is not receiving traffic.', now },
    );
  else if (want < 0 && before === 'False') {
    // Nothing is decided and it was inactive: so it stays.
  } else if (readyPods < minReady)
    conditions = markUnknown(set, conditions, active, {
      reason: 'Queued',
      message: 'Requests to the target are being buffered as resources are provisioned.',
      now,
    });
  else conditions = markTrue(set, conditions, active, now);
  if (readyPods >= minReady) conditions = markTrue(set, conditions, scaleTargetInitialized, now);
  return conditions;
}

/** A condition that ends as it was keeps its time: the way to zero is measured by it. */
function keepTransitionTimes(before: Conditions | undefined, after: Conditions): Condition[] {
  return after.map((condition) => {
    const old = getCondition(before, condition.type);
    const isSame =
      old !== undefined &&
      old.status === condition.status &&
      old.reason === condition.reason &&
      old.message === condition.message;
    return isSame ? old : condition;
  });
}
