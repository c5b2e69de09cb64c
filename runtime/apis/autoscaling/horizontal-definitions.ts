/**
 * HorizontalPodAutoscaler in both of its versions, read and write only: on the local home nothing
 * scales by it, since Knative's autoscaler does that for revisions.
 * Source: k8s.io/kubernetes pkg/apis/autoscaling (defaults).
 */
import type { KindDefinition } from '../meta/kind-definition.ts';
import {
  CPU_UTILIZATION_DEFAULT,
  cpuUtilization,
  fromVersion1,
  toVersion1,
  type HorizontalPodAutoscalerV1,
} from './horizontal-conversion.ts';
import { validateAutoscaler } from './horizontal-rules.ts';
import {
  horizontalPodAutoscalerKind,
  type HorizontalPodAutoscaler,
  type ScalingRules,
} from './horizontal-types.ts';

const common = {
  ...horizontalPodAutoscalerKind,
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: false,
} as const;

/** In 15 s at most four Pods more, or as many again: whichever is more. */
const scaleUpDefault: ScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const scaleDownDefault: ScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

const version2: KindDefinition<HorizontalPodAutoscaler> = {
  ...common,
  applyDefaults({ spec, ...object }) {
    if (!spec) return object;
    const { behavior } = spec;
    return {
      ...object,
      spec: {
        ...spec,
        minReplicas: spec.minReplicas ?? 1,
        metrics: spec.metrics?.length ? spec.metrics : [cpuUtilization(CPU_UTILIZATION_DEFAULT)],
        ...(behavior
          ? {
              behavior: {
                scaleUp: { ...scaleUpDefault, ...behavior.scaleUp },
                scaleDown: { ...scaleDownDefault, ...behavior.scaleDown },
              },
            }
          : {}),
      },
      status: { desiredReplicas: 0, currentMetrics: null, ...object.status },
    };
  },
  validate: validateAutoscaler,
};

const version1: KindDefinition<HorizontalPodAutoscalerV1> = {
  ...common,
  version: 'v1',
  face: {
    of: horizontalPodAutoscalerKind,
    toStored: (object) => fromVersion1(object),
    fromStored: (object) => toVersion1(object),
  },
  applyDefaults: (object) =>
    object.spec
      ? {
          ...object,
          spec: { ...object.spec, minReplicas: object.spec.minReplicas ?? 1 },
          status: { currentReplicas: 0, desiredReplicas: 0, ...object.status },
        }
      : object,
  validate: (object) => validateAutoscaler(fromVersion1(object)),
};

/** The stored version first. */
export const horizontalDefinitions: readonly KindDefinition[] = [version2, version1];
