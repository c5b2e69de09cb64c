/** ReplicationController and PodTemplate: served for the manifests and tools that carry them. */
import type { KindDefinition } from '../meta/kind-definition.ts';
import { nonNegative, required } from '../meta/field-rule.ts';
import { requireRestartPolicy, validatePodSpec } from './pod-rules.ts';
import { defaultTemplate } from './pod-spec.ts';
import { limitDefinitions } from './limit-definitions.ts';
import type { PodTemplate, ReplicationController } from './types.ts';
import { podTemplateKind, replicationControllerKind } from './types.ts';
import { templateColumns } from './workload-columns.ts';

const replicationController: KindDefinition<ReplicationController> = {
  ...replicationControllerKind,
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  hasStatus: true,
  scale: { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' },
  applyDefaults(object) {
    const { spec } = object;
    if (typeof spec !== 'object' || spec === null) return object;
    const labels = spec.template?.metadata?.labels;
    const selector = spec.selector ?? labels;
    return {
      ...object,
      ...(object.metadata.labels || !labels
        ? {}
        : { metadata: { ...object.metadata, labels: { ...labels } } }),
      spec: {
        ...spec,
        replicas: spec.replicas ?? 1,
        ...(selector ? { selector } : {}),
        ...(spec.template ? { template: defaultTemplate(spec.template) } : {}),
      },
      status: object.status ?? { replicas: 0 },
    };
  },
  validate({ spec }) {
    if (!spec) return [required('spec.template')];
    const errors = nonNegative('spec.replicas', spec.replicas);
    if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required('spec.selector'));
    if (!spec.template) return [...errors, required('spec.template')];
    return [
      ...errors,
      ...validatePodSpec(spec.template.spec, 'spec.template.spec'),
      ...requireRestartPolicy(spec.template.spec, 'spec.template.spec', ['Always']),
    ];
  },
};

const podTemplate: KindDefinition<PodTemplate> = {
  ...podTemplateKind,
  singular: 'podtemplate',
  hasStatus: false,
  columns: templateColumns('.template').map(({ name, type, jsonPath }) => ({
    name,
    type,
    jsonPath,
  })),
  applyDefaults: (object) =>
    object.template ? { ...object, template: defaultTemplate(object.template) } : object,
  validate: ({ template }) => validatePodSpec(template?.spec, 'template.spec'),
};

export const resourceDefinitions: readonly KindDefinition[] = [
  replicationController as unknown as KindDefinition,
  podTemplate as unknown as KindDefinition,
  ...limitDefinitions,
];
