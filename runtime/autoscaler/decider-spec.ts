/**
 * What a PodAutoscaler and the configuration ask for, in the terms of the decision.
 * Source: knative.dev/serving pkg/reconciler/autoscaling/{kpa/resources/decider,resources/target}.go.
 */
import {
  activationScaleKey,
  aggregationKey,
  durationAnnotationMs,
  findAnnotation,
  hpaClass,
  classKey,
  initialScaleKey,
  maxScaleKey,
  metricKey,
  minScaleKey,
  numberAnnotation,
  panicThresholdKey,
  panicWindowKey,
  retentionPeriodKey,
  scaleDownDelayKey,
  targetKey,
  targetUtilizationKey,
  windowKey,
} from '../apis/autoscaling/annotations.ts';
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import type { PodAutoscaler } from '../apis/autoscaling/types.ts';
import type { DeciderSpec } from './decide.ts';
import type { Aggregation } from './metric-window.ts';

export interface MetricSpec {
  readonly metric: 'concurrency' | 'rps';
  readonly stableWindowMs: number;
  readonly panicWindowMs: number;
  readonly aggregation: Aggregation;
}

export interface ScaleBounds {
  readonly min: number;
  /** 0 = unlimited. */
  readonly max: number;
  /** Pods of which the first readiness waits. */
  readonly initial: number;
  readonly retentionMs: number;
  readonly isScaleToZeroEnabled: boolean;
}

const TARGET_MIN = 0.01;
/** Requests per second are aimed at 70 %, whatever the configuration says of concurrency. */
const RPS_UTILIZATION = 0.7;
const SECOND_MS = 1_000;

export function metricSpecOf(autoscaler: PodAutoscaler, config: AutoscalerConfig): MetricSpec {
  const { annotations } = autoscaler.metadata;
  const stableWindowMs = durationAnnotationMs(annotations, windowKey) ?? config.stableWindowMs;
  const percent = numberAnnotation(annotations, panicWindowKey) ?? config.panicWindowPercent;
  const panicSeconds = Math.round((stableWindowMs * percent) / 100 / SECOND_MS);
  return {
    metric: annotations?.[metricKey] === 'rps' ? 'rps' : 'concurrency',
    stableWindowMs,
    panicWindowMs: Math.max(1, panicSeconds) * SECOND_MS,
    aggregation:
      (findAnnotation(annotations, aggregationKey)?.value ?? 'linear') === 'linear'
        ? 'linear'
        : 'weighted-exponential',
  };
}

export function deciderSpecOf(autoscaler: PodAutoscaler, config: AutoscalerConfig): DeciderSpec {
  const { annotations } = autoscaler.metadata;
  const thresholdPercent =
    numberAnnotation(annotations, panicThresholdKey) ?? config.panicThresholdPercent;
  return {
    targetValue: targetValueOf(autoscaler, config),
    panicThreshold: thresholdPercent / 100,
    stableWindowMs: metricSpecOf(autoscaler, config).stableWindowMs,
    maxScaleUpRate: config.maxScaleUpRate,
    maxScaleDownRate: config.maxScaleDownRate,
    activationScale: numberAnnotation(annotations, activationScaleKey) ?? 0,
    scaleDownDelayMs:
      durationAnnotationMs(annotations, scaleDownDelayKey) ?? config.scaleDownDelayMs,
    isReachable: autoscaler.spec.reachability !== 'Unreachable',
  };
}

/** What a pod may carry, times the share of it that is aimed at. */
function targetValueOf(autoscaler: PodAutoscaler, config: AutoscalerConfig): number {
  const { annotations } = autoscaler.metadata;
  const isRps = annotations?.[metricKey] === 'rps';
  const limit = autoscaler.spec.containerConcurrency ?? 0;
  const asked = numberAnnotation(annotations, targetKey);
  let total = isRps
    ? config.requestsPerSecondTargetDefault
    : limit || config.concurrencyTargetDefault;
  if (asked !== undefined) total = !isRps && limit > 0 ? Math.min(asked, limit) : asked;
  const percent = numberAnnotation(annotations, targetUtilizationKey);
  const fallback = isRps ? RPS_UTILIZATION : config.concurrencyTargetRatio;
  return Math.max(TARGET_MIN, total * (percent === undefined ? fallback : percent / 100));
}

/** Unreachable revisions keep no pods for their own sake: min-scale, initial scale and retention do not count. */
export function scaleBoundsOf(autoscaler: PodAutoscaler, config: AutoscalerConfig): ScaleBounds {
  const { annotations } = autoscaler.metadata;
  const isReachable = autoscaler.spec.reachability !== 'Unreachable';
  const asked = numberAnnotation(annotations, initialScaleKey);
  const isUsable = asked !== undefined && (asked > 0 || config.allowZeroInitialScale);
  const min = numberAnnotation(annotations, minScaleKey) ?? config.minScale;
  // The HPA class is served by the same decision; like upstream's it does not scale to zero.
  const classMin = annotations?.[classKey] === hpaClass ? 1 : 0;
  return {
    min: isReachable ? Math.max(min, classMin) : 0,
    max: numberAnnotation(annotations, maxScaleKey) ?? config.maxScale,
    initial: isUsable ? asked : config.initialScale,
    retentionMs: isReachable
      ? (durationAnnotationMs(annotations, retentionPeriodKey) ??
        config.scaleToZeroPodRetentionPeriodMs)
      : 0,
    isScaleToZeroEnabled: config.isScaleToZeroEnabled,
  };
}
