/** What the API server needs to know of autoscaling.internal.knative.dev. */
import type { KindDefinition } from '../meta/kind-definition.ts';
import { podAutoscalerKind } from './types.ts';

export const autoscalingDefinitions: readonly KindDefinition[] = [
  {
    ...podAutoscalerKind,
    singular: 'podautoscaler',
    shortNames: ['kpa', 'pa'],
    categories: ['knative-internal', 'autoscaling'],
    hasStatus: true,
    // Derived from its owner, which makes it again after a crash.
    durability: 'behind',
    columns: [
      { name: 'DesiredScale', type: 'integer', jsonPath: '.status.desiredScale' },
      { name: 'ActualScale', type: 'integer', jsonPath: '.status.actualScale' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    ],
  },
];
