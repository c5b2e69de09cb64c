/**
 * What a revision's spec leaves out: timeouts, names of containers, resources, probes, and with
 * `secure-pod-defaults` the settings of the restricted profile. Pure.
 * Source: knative.dev/serving pkg/apis/serving/v1/revision_defaults.go.
 */
import type { Container, Probe, SecurityContext } from '../core/types.ts';
import { childName } from '../meta/child-name.ts';
import type { ObjectMeta } from '../meta/object.ts';
import type { ServingAdmissionConfig } from './admission-config.ts';
import { defaultServingAdmissionConfig } from './admission-config.ts';
import type { ResourceDefaults, ServingDefaults } from './config-defaults.ts';
import { containerNameOf } from './config-defaults.ts';
import { arePodsSecured } from './features.ts';
import type { Features } from './features.ts';
import type { RevisionSpec } from './types.ts';

export const defaultPort = 8080;
/** Ports below this one need a capability. */
const UNPRIVILEGED_PORT_MIN = 1_024;

export interface DefaultingOptions {
  readonly config: ServingAdmissionConfig;
  /** Metadata of the object that holds the template: names of containers may be made from it. */
  readonly parent: Partial<ObjectMeta>;
  readonly isCreate: boolean;
}

const plainOptions: DefaultingOptions = {
  config: defaultServingAdmissionConfig,
  parent: {},
  isCreate: true,
};

export function defaultRevisionSpec(
  given: RevisionSpec | undefined,
  { config, parent, isCreate }: DefaultingOptions = plainOptions,
): RevisionSpec {
  const { defaults, features } = config;
  const spec = given ?? { containers: [] };
  const { initContainers = [] } = spec;
  // What a client sends may lack what the type has.
  const containers = (spec.containers as Container[] | undefined) ?? [];
  if (!isObjectList(containers) || !isObjectList(initContainers)) return spec;
  const taken = new Set([...containers, ...initContainers].map(({ name }) => name));
  const nameOf = nameGenerator(
    containers.length,
    taken,
    containerNameOf(defaults.containerNameTemplate, parent),
  );
  const initNameOf = nameGenerator(
    initContainers.length,
    taken,
    containerNameOf(defaults.initContainerNameTemplate, parent),
  );
  const result: RevisionSpec = {
    ...spec,
    ...defaultTimeouts(spec, defaults),
    containerConcurrency: spec.containerConcurrency ?? defaults.containerConcurrency,
    containers: containers.map((container) =>
      secure(
        defaultContainer(
          { ...container, name: container.name || nameOf() },
          { spec, defaults, isServing: containers.length === 1 || hasPorts(container) },
        ),
        spec,
        features,
      ),
    ),
  };
  const { enableServiceLinks } = defaults;
  if (isCreate && spec.enableServiceLinks === undefined && enableServiceLinks !== undefined)
    result.enableServiceLinks = enableServiceLinks;
  if (spec.initContainers)
    result.initContainers = initContainers.map((container) =>
      secure({ ...container, name: container.name || initNameOf() }, spec, features),
    );
  return result;
}

const isObjectList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);

const hasPorts = ({ ports = [] }: Container): boolean => ports.length > 0;

/** The container that requests go to: the only one, or the one with ports; -1 when it is not told. */
export function servingContainerIndex(containers: readonly Container[]): number {
  return containers.length === 1 ? 0 : containers.findIndex(hasPorts);
}

/** The shorter timeouts are written down only where they are shorter than the whole. */
function defaultTimeouts(spec: RevisionSpec, defaults: ServingDefaults): Partial<RevisionSpec> {
  const timeoutSeconds = spec.timeoutSeconds || defaults.timeoutSeconds;
  const result: Partial<RevisionSpec> = { timeoutSeconds };
  for (const field of ['idleTimeoutSeconds', 'responseStartTimeoutSeconds'] as const) {
    const fallback = defaults[field];
    if (spec[field] === undefined && fallback !== 0 && fallback < timeoutSeconds)
      result[field] = fallback;
  }
  return result;
}

function defaultContainer(
  container: Container,
  options: {
    readonly spec: RevisionSpec;
    readonly defaults: ServingDefaults;
    readonly isServing: boolean;
  },
): Container {
  const { spec, defaults, isServing } = options;
  const result: Container = { ...container, resources: defaultResources(container, defaults) };
  if (isServing || container.readinessProbe)
    result.readinessProbe = defaultProbe(container.readinessProbe, isServing);
  for (const field of ['readinessProbe', 'livenessProbe', 'startupProbe'] as const) {
    const probe = result[field];
    if (probe?.grpc) result[field] = { ...probe, grpc: { service: '', ...probe.grpc } };
  }
  if (container.volumeMounts)
    result.volumeMounts = container.volumeMounts.map((mount) =>
      isWritableVolume(spec, mount.name) ? mount : { ...mount, readOnly: true },
    );
  return result;
}

function defaultResources(
  container: Container,
  { requests, limits }: ServingDefaults,
): NonNullable<Container['resources']> {
  const given = container.resources ?? {};
  const fill = (
    field: 'requests' | 'limits',
    defaults: ResourceDefaults,
  ): NonNullable<Container['resources']> =>
    Object.keys(defaults).length === 0 ? {} : { [field]: { ...defaults, ...given[field] } };
  return { ...given, ...fill('requests', requests), ...fill('limits', limits) };
}

function isWritableVolume(spec: RevisionSpec, name: string): boolean {
  if (!isObjectList(spec.volumes ?? [])) return true;
  const volume = spec.volumes?.find((candidate) => candidate.name === name);
  return (
    volume?.emptyDir !== undefined ||
    volume?.persistentVolumeClaim !== undefined ||
    volume?.['ephemeral'] !== undefined
  );
}

/** An unset probe becomes TCP with period 0, which means: as often as it takes to find out at once. */
function defaultProbe(given: Probe | undefined, isServing: boolean): Probe {
  const probe: Probe = { ...given };
  if (isServing && !probe.httpGet && !probe.tcpSocket && !probe.exec && !probe.grpc)
    probe.tcpSocket = { port: 0 };
  probe.successThreshold = probe.successThreshold || 1;
  if (probe.periodSeconds) {
    probe.failureThreshold = probe.failureThreshold || 3;
    probe.timeoutSeconds = probe.timeoutSeconds || 1;
  }
  return probe;
}

/** What the pod says for all its containers stands; a container's own word too. */
function secure(container: Container, spec: RevisionSpec, features: Features): Container {
  if (!arePodsSecured(features)) return container;
  const pod: SecurityContext = spec.securityContext ?? {};
  const own: SecurityContext = container.securityContext ?? {};
  const result: SecurityContext = {
    ...own,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? false,
  };
  const typeOf = (context: SecurityContext): string =>
    (context['seccompProfile'] as { type?: string } | undefined)?.type ?? '';
  if (typeOf(pod) === '' && typeOf(own) === '')
    result['seccompProfile'] = { ...(own['seccompProfile'] as object), type: 'RuntimeDefault' };
  if (!own.capabilities) {
    const isLow = (container.ports ?? []).some(
      ({ containerPort }) => ((containerPort as number | undefined) ?? 0) < UNPRIVILEGED_PORT_MIN,
    );
    result.capabilities = { ...(isLow ? { add: ['NET_BIND_SERVICE'] } : {}), drop: ['ALL'] };
  }
  if (features['secure-pod-defaults'] === 'Enabled' && pod.runAsNonRoot === undefined)
    result.runAsNonRoot = own.runAsNonRoot ?? true;
  return { ...container, securityContext: result };
}

/** `base` alone for a single container, `base-0`, `base-1`... for several; never one that is taken. */
function nameGenerator(count: number, taken: ReadonlySet<string>, base: string): () => string {
  let next = 0;
  return () => {
    if (count <= 1 && !taken.has(base)) return base;
    for (;;) {
      const name = childName(base, `-${next}`);
      next += 1;
      if (!taken.has(name)) return name;
    }
  };
}
