/**
 * From a decision to what is done about it: bounds, and the way to zero as a state machine over the
 * Active condition. The gateway is always in the path, so there is no activator to probe for and no
 * grace period to wait out: an idle stable window is enough.
 * Source: knative.dev/serving pkg/reconciler/autoscaling/kpa/scaler.go.
 */
import { active, scaleTargetInitialized } from '../apis/autoscaling/conditions.ts';
import type { PodAutoscaler } from '../apis/autoscaling/types.ts';
import { getCondition, isConditionTrue } from '../apis/meta/condition.ts';
import type { ScaleBounds } from './decider-spec.ts';

/** "Not known": nothing has been decided, or nothing is to be changed. */
export const scaleUnknown = -1;
/** An activation may take as long as a rollout, and this much more. */
const ACTIVATION_MARGIN_MS = 30_000;
const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;

export interface ScaleInput {
  readonly podAutoscaler: PodAutoscaler;
  readonly bounds: ScaleBounds;
  readonly stableWindowMs: number;
  /** The decision; `scaleUnknown` before there is one. */
  readonly desired: number;
  /** Of the Deployment's spec; undefined when there is no Deployment. */
  readonly replicas: number | undefined;
  readonly progressDeadlineSeconds: number | undefined;
}

export interface ScalePlan {
  /** What the PodAutoscaler reports as wanted; `scaleUnknown` = no opinion. */
  readonly want: number;
  /** Replicas to set; undefined = leave them. */
  readonly replicas?: number;
  readonly requeueAfterMs?: number;
}

export function planScale(input: ScaleInput, nowMs: number): ScalePlan {
  const { podAutoscaler, bounds } = input;
  const conditions = podAutoscaler.status?.conditions;
  const isActivating = (getCondition(conditions, active)?.status ?? 'Unknown') === 'Unknown';
  if (input.desired < 0 && !isActivating) return { want: scaleUnknown };
  const isInitialized = isConditionTrue(conditions, scaleTargetInitialized);
  const isReachable = podAutoscaler.spec.reachability !== 'Unreachable';
  const min =
    !isInitialized && isReachable && bounds.initial > 1
      ? Math.max(bounds.min, bounds.initial)
      : bounds.min;
  const max = bounds.max === 0 ? Infinity : bounds.max;
  const want = Math.min(Math.max(input.desired, min), max);
  return want === 0 ? planZero(input, nowMs) : set(input, want);
}

function planZero(input: ScaleInput, nowMs: number): ScalePlan {
  if (!input.bounds.isScaleToZeroEnabled) return set(input, 1);
  const condition = getCondition(input.podAutoscaler.status?.conditions, active);
  const sinceMs = nowMs - (Date.parse(condition?.lastTransitionTime ?? '') || nowMs);
  switch (condition?.status) {
    // Activating => (activating | inactive): give the pods their time, but not for ever.
    case undefined:
    case 'Unknown': {
      const { progressDeadlineSeconds = DEFAULT_PROGRESS_DEADLINE_SECONDS } = input;
      const timeoutMs = progressDeadlineSeconds * 1_000 + ACTIVATION_MARGIN_MS;
      if (sinceMs >= timeoutMs) return set(input, 0);
      return { want: scaleUnknown, requeueAfterMs: timeoutMs - sinceMs };
    }
    // Active => (active | inactive): a revision that has just become active keeps a pod for a window.
    case 'True':
      if (sinceMs < input.stableWindowMs)
        return { ...set(input, 1), requeueAfterMs: input.stableWindowMs - sinceMs };
      return input.bounds.retentionMs > 0 ? { want: 0 } : set(input, 0);
    // Inactive: the last pods go when their retention is over.
    case 'False': {
      const leftMs = input.bounds.retentionMs - sinceMs;
      return leftMs > 0 ? { want: 0, requeueAfterMs: leftMs } : set(input, 0);
    }
  }
}

function set(input: ScaleInput, want: number): ScalePlan {
  const isChange = input.replicas !== undefined && input.replicas !== want;
  return isChange ? { want, replicas: want } : { want };
}
