/** autoscaling/v2 HorizontalPodAutoscaler, which is stored. */
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface MetricIdentifier {
  name?: string;
  selector?: unknown;
}

/** A target in a spec (`type` and one number), a reading in a status (numbers alone). */
export interface MetricNumbers {
  type?: string;
  value?: string;
  averageValue?: string;
  averageUtilization?: number;
}

export interface ScaleTargetRef {
  kind?: string;
  name?: string;
  apiVersion?: string;
}

/** What a metric is of; which fields are there follows from the type. */
export interface MetricSource {
  name?: string;
  container?: string;
  metric?: MetricIdentifier;
  describedObject?: ScaleTargetRef;
  target?: MetricNumbers;
  current?: MetricNumbers;
}

export const metricParts = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
export type MetricPart = (typeof metricParts)[number];
export type Metric = { type?: string } & { [part in MetricPart]?: MetricSource };

export interface ScalingRules {
  stabilizationWindowSeconds?: number;
  selectPolicy?: string;
  policies?: { type?: string; value?: number; periodSeconds?: number }[];
  tolerance?: string;
}

export interface HorizontalPodAutoscaler extends KubeObject {
  spec?: {
    scaleTargetRef?: ScaleTargetRef;
    minReplicas?: number;
    maxReplicas?: number;
    metrics?: Metric[];
    behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules };
  };
  status?: {
    observedGeneration?: number;
    lastScaleTime?: string;
    currentReplicas?: number;
    desiredReplicas?: number;
    currentMetrics?: Metric[] | null;
    conditions?: unknown[];
  };
}

export const horizontalPodAutoscalerKind: ResourceKind<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
};
