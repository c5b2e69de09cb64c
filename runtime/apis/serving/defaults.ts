/**
 * Defaulting of Serving's kinds. Returns new objects; what has the wrong shape is left for validation
 * to refuse. `creator` and `lastModifier` are stamped here too, as Knative's webhook does.
 * Source: knative.dev/serving pkg/apis/serving/v1/*_defaults.go, pkg/apis/config/defaults.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import type { ServingAdmissionConfig } from './admission-config.ts';
import { defaultServingAdmissionConfig } from './admission-config.ts';
import { defaultRevisionSpec } from './default-revision-spec.ts';
import { creatorAnnotationKey, lastModifierAnnotationKey } from './labels.ts';
import type {
  Configuration,
  Revision,
  RevisionTemplateSpec,
  Route,
  Service,
  TrafficTarget,
} from './types.ts';

export function applyServiceDefaults(
  service: Service,
  context?: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): Service {
  const old = context?.old as Service | undefined;
  const given = (service.spec as Service['spec'] | undefined) ?? {};
  const { template, traffic } = given as Partial<Service['spec']>;
  const spec = {
    ...given,
    template: defaultTemplate(template, {
      old: old?.spec.template,
      parent: service,
      context,
      config,
    }),
    traffic: defaultServiceTraffic(traffic),
  };
  return stampUsers({ ...service, spec }, context);
}

export function applyConfigurationDefaults(
  configuration: Configuration,
  context?: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): Configuration {
  const old = context?.old as Configuration | undefined;
  const given = configuration.spec as Configuration['spec'] | undefined;
  const template = defaultTemplate(given?.template, {
    old: old?.spec.template,
    parent: configuration,
    context,
    config,
  });
  return stampUsers({ ...configuration, spec: { ...configuration.spec, template } }, context);
}

/** A Route gets no traffic of its own; only a Service has one to assume. */
export function applyRouteDefaults(route: Route, context?: AdmissionContext): Route {
  if (!Array.isArray(route.spec?.traffic)) return stampUsers(route, context);
  const traffic = route.spec.traffic.map(defaultTarget);
  return stampUsers({ ...route, spec: { ...route.spec, traffic } }, context);
}

/** A Revision is defaulted once: its spec never changes afterwards. */
export function applyRevisionDefaults(
  revision: Revision,
  context?: AdmissionContext,
  config: ServingAdmissionConfig = defaultServingAdmissionConfig,
): Revision {
  if (context?.old) return revision;
  const spec = defaultRevisionSpec(revision.spec, { config, parent: {}, isCreate: true });
  return { ...revision, spec };
}

function defaultTemplate(
  template: RevisionTemplateSpec | undefined,
  options: {
    readonly old: RevisionTemplateSpec | undefined;
    readonly parent: KubeObject;
    readonly context: AdmissionContext | undefined;
    readonly config: ServingAdmissionConfig;
  },
): RevisionTemplateSpec {
  const { old, parent, context, config } = options;
  const given = template ?? { spec: { containers: [] } };
  // Under a name that stays, what is filled in would read as a change without a new name.
  const { name } = given.metadata ?? {};
  if (name && old?.metadata?.name === name) return given;
  const isCreate = context === undefined || context.operation === 'CREATE';
  const spec = defaultRevisionSpec(given.spec, { config, parent: parent.metadata, isCreate });
  return { ...given, spec };
}

const isObjectList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);

function defaultServiceTraffic(traffic: readonly TrafficTarget[] | undefined): TrafficTarget[] {
  if (traffic !== undefined && !isObjectList(traffic)) return traffic as TrafficTarget[];
  if (!traffic || traffic.length === 0) return [{ latestRevision: true, percent: 100 }];
  return traffic.map(defaultTarget);
}

const defaultTarget = (target: TrafficTarget): TrafficTarget => ({
  ...target,
  latestRevision: target.latestRevision ?? (target.revisionName ?? '') === '',
  percent: target.percent ?? 0,
});

/** Children of a Service inherit the annotations from it, so nobody stamps them. */
export function stampUsers<T extends KubeObject & { spec: unknown }>(
  object: T,
  context: AdmissionContext | undefined,
): T {
  if (!context || (object.metadata.ownerReferences?.length ?? 0) > 0) return object;
  const old = context.old as T | undefined;
  const user = context.userName;
  const annotations = { ...object.metadata.annotations };
  if (!old) {
    annotations[creatorAnnotationKey] = user;
    annotations[lastModifierAnnotationKey] = user;
  } else {
    const before = old.metadata.annotations ?? {};
    // Clients that replace the whole object, without having read it, keep what the server stamped.
    for (const key of [creatorAnnotationKey, lastModifierAnnotationKey])
      if (before[key] !== undefined) annotations[key] ??= before[key];
    if (!isDeepStrictEqual(old.spec, object.spec)) annotations[lastModifierAnnotationKey] = user;
  }
  return { ...object, metadata: { ...object.metadata, annotations } };
}
