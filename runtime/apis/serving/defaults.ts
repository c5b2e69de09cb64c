/**
 * Defaulting of Serving's kinds. Returns new objects; what has the wrong shape is left for validation
 * to refuse. `creator` and `lastModifier` are stamped here too, as Knative's webhook does.
 * Source: knative.dev/serving pkg/apis/serving/v1/*_defaults.go, pkg/apis/config/defaults.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Container, Probe } from '../core/types.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import type { ServingDefaults } from './config-defaults.ts';
import { defaultServingDefaults } from './config-defaults.ts';
import { creatorAnnotationKey, lastModifierAnnotationKey } from './labels.ts';
import type {
  Configuration,
  Revision,
  RevisionSpec,
  RevisionTemplateSpec,
  Route,
  Service,
  TrafficTarget,
} from './types.ts';

export const defaultContainerName = 'user-container';
export const defaultInitContainerName = 'init-container';
export const defaultPort = 8080;

export function applyServiceDefaults(
  service: Service,
  context?: AdmissionContext,
  defaults: ServingDefaults = defaultServingDefaults,
): Service {
  const old = context?.old as Service | undefined;
  const given = (service.spec as Service['spec'] | undefined) ?? {};
  const { template, traffic } = given as Partial<Service['spec']>;
  const spec = {
    ...given,
    template: defaultTemplate(template, old?.spec.template, defaults),
    traffic: defaultServiceTraffic(traffic),
  };
  return stampUsers({ ...service, spec }, context);
}

export function applyConfigurationDefaults(
  configuration: Configuration,
  context?: AdmissionContext,
  defaults: ServingDefaults = defaultServingDefaults,
): Configuration {
  const old = context?.old as Configuration | undefined;
  const given = configuration.spec as Configuration['spec'] | undefined;
  const template = defaultTemplate(given?.template, old?.spec.template, defaults);
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
  defaults: ServingDefaults = defaultServingDefaults,
): Revision {
  if (context?.operation === 'UPDATE') return revision;
  return { ...revision, spec: defaultRevisionSpec(revision.spec, defaults) };
}

function defaultTemplate(
  template: RevisionTemplateSpec | undefined,
  old: RevisionTemplateSpec | undefined,
  defaults: ServingDefaults,
): RevisionTemplateSpec {
  const given = template ?? { spec: { containers: [] } };
  // A template that keeps its explicit name must stay byte-equal: new defaults of a newer version
  // would read as a change without a new name.
  const isSameNamed =
    given.metadata?.name !== undefined && old?.metadata?.name === given.metadata.name;
  if (isSameNamed && isDeepStrictEqual(given, old)) return given;
  return { ...given, spec: defaultRevisionSpec(given.spec, defaults) };
}

/** Fills in what a revision's spec leaves out. */
export function defaultRevisionSpec(
  given: RevisionSpec | undefined,
  defaults: ServingDefaults = defaultServingDefaults,
): RevisionSpec {
  const spec = given ?? { containers: [] };
  const containers = spec.containers ?? [];
  if (!isObjectList(containers) || !isObjectList(spec.initContainers ?? [])) return spec;
  const serving = servingContainerIndex(containers);
  const nameOf = nameGenerator(containers, defaultContainerName);
  const result: RevisionSpec = {
    ...spec,
    containerConcurrency: spec.containerConcurrency ?? defaults.containerConcurrency,
    timeoutSeconds: spec.timeoutSeconds || defaults.timeoutSeconds,
    enableServiceLinks: spec.enableServiceLinks ?? false,
    containers: containers.map((container, index) =>
      defaultContainer({ ...container, name: container.name || nameOf() }, index === serving, spec),
    ),
  };
  if (spec.initContainers) {
    const initNameOf = nameGenerator(spec.initContainers, defaultInitContainerName);
    result.initContainers = spec.initContainers.map((container) => ({
      ...container,
      name: container.name || initNameOf(),
    }));
  }
  return result;
}

const isObjectList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);

/** The container that requests go to: the only one, or the one with ports; -1 when it is not told. */
export function servingContainerIndex(containers: readonly Container[]): number {
  if (containers.length === 1) return 0;
  return containers.findIndex((container) => (container.ports?.length ?? 0) > 0);
}

function defaultContainer(container: Container, isServing: boolean, spec: RevisionSpec): Container {
  const result: Container = { ...container, resources: container.resources ?? {} };
  if (isServing) result.readinessProbe = defaultProbe(container.readinessProbe);
  if (container.volumeMounts)
    result.volumeMounts = container.volumeMounts.map((mount) =>
      isWritableVolume(spec, mount.name) ? mount : { ...mount, readOnly: true },
    );
  return result;
}

function isWritableVolume(spec: RevisionSpec, name: string): boolean {
  const volume = spec.volumes?.find((candidate) => candidate.name === name);
  return (
    volume?.emptyDir !== undefined ||
    volume?.persistentVolumeClaim !== undefined ||
    volume?.['ephemeral'] !== undefined
  );
}

/** An unset probe becomes TCP with period 0, which means: as often as it takes to find out at once. */
function defaultProbe(given: Probe | undefined): Probe {
  const probe: Probe = { ...given };
  if (!probe.httpGet && !probe.tcpSocket && !probe.exec && !probe.grpc)
    probe.tcpSocket = { port: 0 };
  if (probe.grpc) probe.grpc = { service: '', ...probe.grpc };
  probe.successThreshold = probe.successThreshold || 1;
  if (probe.periodSeconds) {
    probe.failureThreshold = probe.failureThreshold || 3;
    probe.timeoutSeconds = probe.timeoutSeconds || 1;
  }
  return probe;
}

/** `base` alone for a single container, `base-0`, `base-1`... for several; never one that is taken. */
function nameGenerator(containers: readonly Container[], base: string): () => string {
  const taken = new Set(containers.map(({ name }) => name));
  let next = 0;
  return () => {
    if (containers.length === 1) return base;
    while (taken.has(`${base}-${next}`)) next += 1;
    taken.add(`${base}-${next}`);
    return `${base}-${next}`;
  };
}

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
function stampUsers<T extends KubeObject & { spec: unknown }>(
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
    // Clients that replace the whole object keep what the server stamped.
    const oldAnnotations = old.metadata.annotations ?? {};
    annotations[creatorAnnotationKey] ??= oldAnnotations[creatorAnnotationKey] ?? user;
    annotations[lastModifierAnnotationKey] = isDeepStrictEqual(old.spec, object.spec)
      ? (oldAnnotations[lastModifierAnnotationKey] ?? user)
      : user;
  }
  return { ...object, metadata: { ...object.metadata, annotations } };
}
