/** Kubernetes' apps/v1 kinds that Knit's agent runs. */
import type { PodTemplateSpec } from '../core/types.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface LabelSelector {
  matchLabels?: Record<string, string>;
}

export interface Deployment extends KubeObject {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplateSpec;
    progressDeadlineSeconds?: number;
    revisionHistoryLimit?: number;
    strategy?: unknown;
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    unavailableReplicas?: number;
    conditions?: {
      type: string;
      status: string;
      reason?: string;
      message?: string;
      lastUpdateTime?: string;
      lastTransitionTime?: string;
    }[];
  };
}

export const deploymentKind: ResourceKind<Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
