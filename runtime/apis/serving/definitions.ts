/**
 * What the API server needs to know of serving.knative.dev: columns, defaulting, validation and what
 * may not change. Rules that depend on ConfigMaps read them through an argument.
 * Source: knative.dev/serving pkg/apis/serving/v1/{service,configuration,route,revision}_validation.go.
 */
import { isDeepStrictEqual } from 'node:util';
import { validateAutoscalingAnnotations } from '../autoscaling/validate-annotations.ts';
import type { FieldError } from '../meta/field-error.ts';
import { under } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition, PrinterColumn } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import type { ServingAdmissionConfig } from './admission-config.ts';
import { defaultServingAdmissionConfig } from './admission-config.ts';
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
import { describeChange } from './describe-change.ts';
import { applyDomainMappingDefaults, validateDomainMapping } from './domain-mapping.ts';
import type {
  Configuration,
  DomainMapping,
  Revision,
  RevisionTemplateSpec,
  Route,
  Service,
} from './types.ts';
import {
  configurationKind,
  domainMappingKind,
  revisionKind,
  routeKind,
  serviceKind,
} from './types.ts';
import {
  validateName,
  validateObjectMetadata,
  validateOwnerLabel,
  validateRolloutDuration,
  validateTemplateMetadata,
  validateUsers,
} from './validate-metadata.ts';
import { validateRevisionSpec } from './validate-revision-spec.ts';
import { validateTraffic } from './validate-traffic.ts';

export function validateService(
  service: Service,
  context: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): readonly FieldError[] {
  return [
    ...validateObjectMetadata(service),
    ...validateRolloutDuration(service),
    ...validateUsers(service, context),
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
    ...validateObjectMetadata(configuration),
    ...validateOwnerLabel(configuration, 'Service', serviceLabelKey),
    ...validateUsers(configuration, context),
    ...validateTemplate(configuration, context, config),
  ];
}

export function validateRoute(route: Route, context: AdmissionContext): readonly FieldError[] {
  return [
    ...validateObjectMetadata(route),
    ...validateOwnerLabel(route, 'Service', serviceLabelKey),
    ...validateRolloutDuration(route),
    ...validateUsers(route, context),
    ...validateTraffic(route.spec?.traffic, 'Route'),
  ];
}

/** Annotations of a Revision may change, e.g. its min-scale; its spec may not. */
export function validateRevision(
  revision: Revision,
  context: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): readonly FieldError[] {
  const old = (context.old as Revision | undefined)?.spec;
  // Nothing else is worth saying of a spec that may not change.
  if (old && !isDeepStrictEqual(old, revision.spec))
    return [
      {
        message: 'Immutable fields changed (-old +new)',
        paths: ['spec'],
        details: describeChange(old, revision.spec, '{v1.RevisionSpec}'),
      },
    ];
  const { annotations } = revision.metadata;
  return [
    ...validateName(revision),
    ...validateAutoscalingAnnotations(annotations, config.autoscaler, 'metadata.annotations'),
    ...validateOwnerLabel(revision, 'Configuration', configurationLabelKey),
    ...(old
      ? []
      : under('spec', validateRevisionSpec(revision.spec, config.defaults, config.features))),
  ];
}

function validateTemplate(
  object: KubeObject & { spec: { template: RevisionTemplateSpec } },
  context: AdmissionContext,
  config: ServingAdmissionConfig,
): readonly FieldError[] {
  const { template } = object.spec;
  const { autoscaler, defaults, features } = config;
  const errors = [
    ...validateTemplateMetadata(template, object, autoscaler),
    ...under('spec', validateRevisionSpec(template.spec, defaults, features)),
  ];
  const old = (context.old as typeof object | undefined)?.spec.template;
  const name = template.metadata?.name;
  if (old && name && name === old.metadata?.name && !isDeepStrictEqual(old, template))
    errors.push({
      message: 'Saw the following changes without a name change (-old +new)',
      paths: ['metadata.name'],
      details: describeChange(old, template, '{*v1.RevisionTemplateSpec}'),
    });
  return under('spec.template', errors);
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
    applyDefaults: (object, context) => applyServiceDefaults(object, context, config()),
    validate: (object, context) => validateService(object, context, config()),
  };
  const configurationDefinition: KindDefinition<Configuration> = {
    ...configurationKind,
    singular: 'configuration',
    shortNames: ['config', 'cfg'],
    categories,
    hasStatus: true,
    columns: [...latest, ...ready],
    applyDefaults: (object, context) => applyConfigurationDefaults(object, context, config()),
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
    applyDefaults: (object, context) => applyRevisionDefaults(object, context, config()),
    validate: (object, context) => validateRevision(object, context, config()),
  };

  const domainMappingDefinition: KindDefinition<DomainMapping> = {
    ...domainMappingKind,
    singular: 'domainmapping',
    shortNames: ['dm'],
    categories,
    hasStatus: true,
    columns: [url, ...ready],
    applyDefaults: applyDomainMappingDefaults,
    validate: validateDomainMapping,
  };

  return [
    serviceDefinition,
    configurationDefinition,
    routeDefinition,
    revisionDefinition,
    domainMappingDefinition,
  ] as unknown as readonly KindDefinition[];
}

/** The definitions under Knative's own defaults. */
export const servingDefinitions = makeServingDefinitions(() => defaultServingAdmissionConfig);
