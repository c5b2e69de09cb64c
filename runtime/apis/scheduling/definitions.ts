/** scheduling.k8s.io/v1 and node.k8s.io/v1: stored and shown; one node has nothing to prefer. */
import { ageColumn } from '../core/workload-columns.ts';
import { oneOf, required, unchanged } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

interface PriorityClass extends KubeObject {
  value?: number;
  globalDefault?: boolean;
  preemptionPolicy?: string;
}

interface RuntimeClass extends KubeObject {
  handler?: string;
}

const priorityClass: KindDefinition<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  hasStatus: false,
  columns: [
    { name: 'Value', type: 'integer', jsonPath: '.value' },
    { name: 'Global-Default', type: 'boolean', jsonPath: '.globalDefault' },
    ageColumn,
    { name: 'PreemptionPolicy', type: 'string', jsonPath: '.preemptionPolicy' },
  ],
  applyDefaults: (object) => ({
    ...object,
    value: object.value ?? 0,
    preemptionPolicy: object.preemptionPolicy ?? 'PreemptLowerPriority',
  }),
  validate: (object, { old }) => [
    ...oneOf('preemptionPolicy', object.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
    ...(old ? unchanged('value', object.value, (old as PriorityClass).value) : []),
  ],
};

const runtimeClass: KindDefinition<RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  singular: 'runtimeclass',
  namespaced: false,
  hasStatus: false,
  hasGeneration: false,
  columns: [{ name: 'Handler', type: 'string', jsonPath: '.handler' }, ageColumn],
  validate: (object, { old }) => [
    ...(object.handler ? [] : [required('handler')]),
    ...(old ? unchanged('handler', object.handler, (old as RuntimeClass).handler) : []),
  ],
};

export const schedulingDefinitions: readonly KindDefinition[] = [priorityClass, runtimeClass];
