/**
 * What the API server needs to know of serving.knative.dev: columns, defaulting, validation and what
 * may not change. Rules that depend on ConfigMaps read them through an argument.
 * Source: knative.dev/serving pkg/apis/serving/v1/{service,configuration,route,revision}_validation.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AutoscalerConfig } from '../autoscaling/config.ts';
import { defaultAutoscalerConfig } from '../autoscaling/config.ts';
import type { FieldError } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition, PrinterColumn } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import type { ServingDefaults } from './config-defaults.ts';
import { defaultServingDefaults } from './config-defaults.ts';
import {
  applyConfigurationDefaults,
  applyRevisionDefaults,
  applyRouteDefaults,
  applyServiceDefaults,
} from './defaults.ts';
import {
  configurationGenerationLabelKey,
  configurationLabelKey,
  serviceLabelKey,
} from './labels.ts';
import type { Configuration, Revision, RevisionTemplateSpec, Route, Service } from './types.ts';
import { configurationKind, revisionKind, routeKind, serviceKind } from './types.ts';
import {
  validateObjectMetadata,
  validateOwnerLabel,
  validateRevisionAnnotations,
  validateTemplateMetadata,
} from './validate-metadata.ts';
import { validateRevisionSpec } from './validate-revision-spec.ts';
import { validateTraffic } from './validate-traffic.ts';

/** What admission takes from the ConfigMaps `config-defaults` and `config-autoscaler`. */
export interface ServingAdmissionConfig {
  readonly defaults: ServingDefaults;
  readonly autoscaler: AutoscalerConfig;
}

export const defaultServingAdmissionConfig: ServingAdmissionConfig = {
  defaults: defaultServingDefaults,
  autoscaler: defaultAutoscalerConfig,
};

export function validateService(
  service: Service,
  context: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): readonly FieldError[] {
  return [
    ...validateObjectMetadata(service, context),
    ...validateTemplate(service, context, config),
    ...validateTraffic(service.spec.traffic, 'Service'),
  ];
}

export function validateConfiguration(
  configuration: Configuration,
  context: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): readonly FieldError[] {
  return [
    ...validateObjectMetadata(configuration, context),
    ...validateOwnerLabel(configuration, 'Service', serviceLabelKey),
    ...validateTemplate(configuration, context, config),
  ];
}

export function validateRoute(route: Route, context: AdmissionContext): readonly FieldError[] {
  return [
    ...validateObjectMetadata(route, context),
    ...validateOwnerLabel(route, 'Service', serviceLabelKey),
    ...validateTraffic(route.spec?.traffic, 'Route'),
  ];
}

/** Annotations of a Revision may change, e.g. its min-scale; its spec may not. */
export function validateRevision(
  revision: Revision,
  context: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): readonly FieldError[] {
  const errors = [
    ...validateOwnerLabel(revision, 'Configuration', configurationLabelKey),
    ...validateRevisionAnnotations(
      revision.metadata.annotations,
      config.autoscaler,
      'metadata.annotations',
    ),
  ];
  if (!context.old)
    return [...errors, ...validateRevisionSpec(revision.spec, config.defaults, 'spec')];
  const old = (context.old as Revision).spec;
  if (!isDeepStrictEqual(old, revision.spec))
    errors.push({
      message: 'Immutable fields changed (-old +new)',
      paths: ['spec'],
      details: describeChange(old, revision.spec),
    });
  return errors;
}

function validateTemplate(
  object: KubeObject & { spec: { template: RevisionTemplateSpec } },
  context: AdmissionContext,
  config: ServingAdmissionConfig,
): readonly FieldError[] {
  const { template } = object.spec;
  const errors = [
    ...validateTemplateMetadata(template, object, { autoscaler: config.autoscaler, context }),
    ...validateRevisionSpec(template.spec, config.defaults, 'spec.template.spec'),
  ];
  const old = (context.old as typeof object | undefined)?.spec.template;
  const name = template.metadata?.name;
  if (old && name && name === old.metadata?.name && !isDeepStrictEqual(old, template))
    errors.push({
      message: 'Saw the following changes without a name change (-old +new)',
      paths: ['spec.template.metadata.name'],
      details: describeChange(old, template),
    });
  return errors;
}

/** The top-level fields that differ, as `-field: old` and `+field: new`. */
function describeChange(old: object, next: object): string {
  const before = old as Record<string, unknown>;
  const after = next as Record<string, unknown>;
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return fields
    .filter((field) => !isDeepStrictEqual(before[field], after[field]))
    .flatMap((field) => [
      `-${field}: ${JSON.stringify(before[field])}`,
      `+${field}: ${JSON.stringify(after[field])}`,
    ])
    .join('\n');
}

const ready: readonly PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
];
const url: PrinterColumn = { name: 'URL', type: 'string', jsonPath: '.status.url' };
const latest: readonly PrinterColumn[] = [
  { name: 'LatestCreated', type: 'string', jsonPath: '.status.latestCreatedRevisionName' },
  { name: 'LatestReady', type: 'string', jsonPath: '.status.latestReadyRevisionName' },
];
/** JSONPath in a printer column escapes the dots of a label key. */
const labelPath = (key: string): string => `.metadata.labels['${key.replaceAll('.', '\\.')}']`;

const categories = ['all', 'knative', 'serving'];

/**
 * The definitions under a configuration that may change while they are in use: `config` is asked at
 * each write. The API server calls each definition's functions with objects of its own kind only.
 */
export function makeServingDefinitions(
  config: () => ServingAdmissionConfig,
): readonly KindDefinition[] {
  const serviceDefinition: KindDefinition<Service> = {
    ...serviceKind,
    singular: 'service',
    shortNames: ['kservice', 'ksvc'],
    categories,
    hasStatus: true,
    columns: [url, ...latest, ...ready],
    applyDefaults: (object, context) => applyServiceDefaults(object, context, config().defaults),
    validate: (object, context) => validateService(object, context, config()),
  };
  const configurationDefinition: KindDefinition<Configuration> = {
    ...configurationKind,
    singular: 'configuration',
    shortNames: ['config', 'cfg'],
    categories,
    hasStatus: true,
    columns: [...latest, ...ready],
    applyDefaults: (object, context) =>
      applyConfigurationDefaults(object, context, config().defaults),
    validate: (object, context) => validateConfiguration(object, context, config()),
  };
  const routeDefinition: KindDefinition<Route> = {
    ...routeKind,
    singular: 'route',
    shortNames: ['rt'],
    categories,
    hasStatus: true,
    columns: [url, ...ready],
    applyDefaults: applyRouteDefaults,
    validate: validateRoute,
  };
  const revisionDefinition: KindDefinition<Revision> = {
    ...revisionKind,
    singular: 'revision',
    shortNames: ['rev'],
    categories,
    hasStatus: true,
    columns: [
      { name: 'Config Name', type: 'string', jsonPath: labelPath(configurationLabelKey) },
      { name: 'Generation', type: 'string', jsonPath: labelPath(configurationGenerationLabelKey) },
      ...ready,
      { name: 'Actual Replicas', type: 'integer', jsonPath: '.status.actualReplicas' },
      { name: 'Desired Replicas', type: 'integer', jsonPath: '.status.desiredReplicas' },
    ],
    applyDefaults: (object, context) => applyRevisionDefaults(object, context, config().defaults),
    validate: (object, context) => validateRevision(object, context, config()),
  };

  return [
    serviceDefinition,
    configurationDefinition,
    routeDefinition,
    revisionDefinition,
  ] as unknown as readonly KindDefinition[];
}

/** The definitions under Knative's own defaults. */
export const servingDefinitions = makeServingDefinitions(() => defaultServingAdmissionConfig);
