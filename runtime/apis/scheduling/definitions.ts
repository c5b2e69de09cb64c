/** scheduling.k8s.io/v1 and node.k8s.io/v1: stored and shown; one node has nothing to prefer. */
import { ageColumn } from '../core/workload-columns.ts';
import { forbidden, oneOf, required, unchanged } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { reservedNameProblem, USER_PRIORITY_MAX } from './system-classes.ts';
import {
  priorityClassKind,
  runtimeClassKind,
  type PriorityClass,
  type RuntimeClass,
} from './types.ts';

const priorityClass: KindDefinition<PriorityClass> = {
  ...priorityClassKind,
  singular: 'priorityclass',
  shortNames: ['pc'],
  hasStatus: false,
  applyDefaults: (object) => ({
    ...object,
    value: object.value ?? 0,
    preemptionPolicy: object.preemptionPolicy ?? 'PreemptLowerPriority',
  }),
  validate(object, { old }) {
    const before: PriorityClass | undefined = old;
    if (before)
      return [
        ...(object.value === before.value
          ? []
          : [forbidden('value', 'may not be changed in an update.')]),
        ...unchanged('preemptionPolicy', object.preemptionPolicy, before.preemptionPolicy),
      ];
    const reserved = reservedNameProblem(object);
    return [
      ...(reserved === undefined ? [] : [forbidden('metadata.name', reserved)]),
      ...((object.value ?? 0) > USER_PRIORITY_MAX && !object.metadata.name?.startsWith('system-')
        ? [
            forbidden(
              'value',
              `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`,
            ),
          ]
        : []),
      ...oneOf('preemptionPolicy', object.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    ];
  },
};

const runtimeClass: KindDefinition<RuntimeClass> = {
  ...runtimeClassKind,
  singular: 'runtimeclass',
  hasStatus: false,
  hasGeneration: false,
  columns: [{ name: 'Handler', type: 'string', jsonPath: '.handler' }, ageColumn],
  validate: (object, { old }) => [
    ...(object.handler ? [] : [required('handler')]),
    ...(old ? unchanged('handler', object.handler, (old as RuntimeClass).handler) : []),
  ],
};

export const schedulingDefinitions: readonly KindDefinition[] = [priorityClass, runtimeClass];
