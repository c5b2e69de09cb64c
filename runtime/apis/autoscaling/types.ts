/** autoscaling.internal.knative.dev/v1alpha1 PodAutoscaler: one per Revision, of the same name. */
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface PodAutoscaler extends KubeObject {
  spec: {
    containerConcurrency?: number;
    scaleTargetRef: { apiVersion: string; kind: string; name: string };
    /** '' = unknown. Unreachable revisions ignore min-scale and initial-scale. */
    reachability?: '' | 'Reachable' | 'Unreachable';
    protocolType?: 'http1' | 'h2c';
  };
  status?: {
    observedGeneration?: number;
    /** Ready <- Active, ScaleTargetInitialized, SKSReady. */
    conditions?: Condition[];
    serviceName?: string;
    metricsServiceName?: string;
    desiredScale?: number;
    actualScale?: number;
  };
}

export const podAutoscalerKind: ResourceKind<PodAutoscaler> = {
  group: 'autoscaling.internal.knative.dev',
  version: 'v1alpha1',
  kind: 'PodAutoscaler',
  plural: 'podautoscalers',
  namespaced: true,
};
