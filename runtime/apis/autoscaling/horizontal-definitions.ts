/**
 * autoscaling/v2 HorizontalPodAutoscaler, read and write only: on the local home nothing scales by
 * it, since Knative's autoscaler does that for revisions. Source: k8s.io/kubernetes pkg/apis/autoscaling.
 */
import { ageColumn } from '../core/workload-columns.ts';
import { invalid, required } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

interface HorizontalPodAutoscaler extends KubeObject {
  spec?: {
    scaleTargetRef?: { apiVersion?: string; kind?: string; name?: string };
    minReplicas?: number;
    maxReplicas?: number;
    metrics?: unknown[];
  };
  status?: { desiredReplicas: number; currentMetrics: unknown };
}

const CPU_UTILIZATION_DEFAULT = 80;

const horizontalPodAutoscaler: KindDefinition<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  hasGeneration: false,
  columns: [
    { name: 'Reference', type: 'string', jsonPath: '.spec.scaleTargetRef.name' },
    { name: 'MinPods', type: 'integer', jsonPath: '.spec.minReplicas' },
    { name: 'MaxPods', type: 'integer', jsonPath: '.spec.maxReplicas' },
    { name: 'Replicas', type: 'integer', jsonPath: '.status.currentReplicas' },
    ageColumn,
  ],
  applyDefaults: (object) =>
    object.spec
      ? {
          ...object,
          spec: {
            ...object.spec,
            minReplicas: object.spec.minReplicas ?? 1,
            metrics: object.spec.metrics?.length
              ? object.spec.metrics
              : [
                  {
                    type: 'Resource',
                    resource: {
                      name: 'cpu',
                      target: { type: 'Utilization', averageUtilization: CPU_UTILIZATION_DEFAULT },
                    },
                  },
                ],
          },
          status: object.status ?? { desiredReplicas: 0, currentMetrics: null },
        }
      : object,
  validate({ spec = {} }) {
    const { minReplicas = 1, maxReplicas = 0, scaleTargetRef } = spec;
    const range = 'must be greater than 0';
    return [
      ...(minReplicas < 1
        ? [invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1')]
        : []),
      ...(maxReplicas < 1 ? [invalid('spec.maxReplicas', maxReplicas, range)] : []),
      ...(maxReplicas < minReplicas
        ? [
            invalid(
              'spec.maxReplicas',
              maxReplicas,
              'must be greater than or equal to `minReplicas`',
            ),
          ]
        : []),
      ...(scaleTargetRef?.kind ? [] : [required('spec.scaleTargetRef.kind')]),
      ...(scaleTargetRef?.name ? [] : [required('spec.scaleTargetRef.name')]),
    ];
  },
};

export const horizontalDefinitions: readonly KindDefinition[] = [horizontalPodAutoscaler];
