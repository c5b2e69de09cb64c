/**
 * The spec of a Revision: numbers, the pod fields that Knative allows, and that containers, volumes
 * and mounts agree. One container is in `validate-container.ts`.
 * Source: knative.dev/serving pkg/apis/serving/k8s_validation.go, v1/revision_validation.go.
 */
import type { Container, SecurityContext } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, missingField, outOfBounds, under } from '../meta/field-error.ts';
import type { ServingDefaults } from './config-defaults.ts';
import type { Features } from './features.ts';
import { checkPodFields, checkPodSecurityFields } from './pod-fields.ts';
import type { RevisionSpec } from './types.ts';
import type { ContainerOptions } from './validate-container.ts';
import { validateContainer, validateIds } from './validate-container.ts';
import { dns1123SubdomainFaults } from './name-faults.ts';
import { notAList, validateVolumes } from './validate-volumes.ts';

const listFields = ['containers', 'initContainers', 'volumes'] as const;

/** Paths begin at the spec. */
export function validateRevisionSpec(
  spec: RevisionSpec | undefined,
  defaults: ServingDefaults,
  features: Features,
): readonly FieldError[] {
  if (!spec) return [missingField('')];
  for (const field of listFields)
    if (spec[field] !== undefined && !isObjectList(spec[field]))
      return [notAList(spec[field], field)];
  const { initContainers = [], volumes = [], serviceAccountName } = spec;
  // What a client sends may lack what the type has.
  const containers = (spec.containers as Container[] | undefined) ?? [];
  const mounted = new Set(
    [...containers, ...initContainers].flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name }) => name),
    ),
  );
  const options = {
    features,
    portName: containers.flatMap(({ ports = [] }) => ports).at(-1)?.name || 'http',
    volumes: new Map(volumes.map((volume) => [volume.name, volume])),
  };
  const faults = serviceAccountName ? dns1123SubdomainFaults(serviceAccountName) : [];
  return [
    ...checkPodFields(spec, features),
    ...under('securityContext', validatePodSecurity(spec.securityContext, features)),
    ...under('volumes', validateVolumes(volumes, mounted, features)),
    ...validateInitContainers(initContainers, containers, options),
    ...under('containers[*]', validatePortCount(containers)),
    ...validateContainers(containers, options),
    ...faults.map((fault) => invalidValue(serviceAccountName, 'serviceAccountName', fault)),
    ...validateNumbers(spec, defaults),
  ];
}

const isObjectList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);

type SharedOptions = Omit<ContainerOptions, 'role'>;

function validateContainers(
  containers: readonly Container[],
  options: SharedOptions,
): readonly FieldError[] {
  if (containers.length === 0) return [missingField('containers')];
  if (containers.length > 1 && options.features['multi-container'] !== 'Enabled')
    return [
      { message: `multi-container is off, but found ${containers.length} containers`, paths: [] },
    ];
  const seen = new Set<string>();
  return containers.flatMap((container, index) => {
    const isServing = containers.length === 1 || (container.ports ?? []).length > 0;
    const errors = [
      ...duplicateName(container.name, seen),
      ...validateContainer(container, { ...options, role: isServing ? 'serving' : 'sidecar' }),
    ];
    seen.add(container.name);
    return under(`containers[${index}]`, errors);
  });
}

/** Upstream reports them under `containers`, and so do we. */
function validateInitContainers(
  initContainers: readonly Container[],
  containers: readonly Container[],
  options: SharedOptions,
): readonly FieldError[] {
  if (initContainers.length === 0) return [];
  if (options.features['kubernetes.podspec-init-containers'] !== 'Enabled')
    return [
      {
        message: `pod spec support for init-containers is off, but found ${initContainers.length} init containers`,
        paths: [],
      },
    ];
  const taken = new Set(containers.map(({ name }) => name));
  return initContainers.flatMap((container, index) =>
    under(`containers[${index}]`, [
      ...duplicateName(container.name, taken),
      ...validateContainer(container, { ...options, role: 'init' }),
    ]),
  );
}

const duplicateName = (name: string, taken: ReadonlySet<string>): readonly FieldError[] =>
  taken.has(name) ? [{ message: `duplicate container name "${name}"`, paths: ['name'] }] : [];

function validatePortCount(containers: readonly Container[]): readonly FieldError[] {
  const count = containers.reduce((sum, { ports = [] }) => sum + ports.length, 0);
  if (count > 1)
    return [
      {
        message: 'more than one container port is set',
        paths: ['ports'],
        details: 'Only a single port is allowed across all containers',
      },
    ];
  return count === 0 && containers.length > 1 ? [missingField('ports')] : [];
}

function validatePodSecurity(
  context: SecurityContext | undefined,
  features: Features,
): readonly FieldError[] {
  if (!context) return [];
  const groups = context['supplementalGroups'];
  const numbered = Object.fromEntries(
    (Array.isArray(groups) ? groups : []).map((id: unknown, index) => [
      `supplementalGroups[${index}]`,
      id,
    ]),
  );
  return [
    ...checkPodSecurityFields(context, features),
    ...validateIds(context, ['runAsUser', 'runAsGroup', 'fsGroup']),
    ...validateIds(numbered, Object.keys(numbered)),
  ];
}

function validateNumbers(spec: RevisionSpec, defaults: ServingDefaults): readonly FieldError[] {
  const { containerConcurrency, timeoutSeconds } = spec;
  const { containerConcurrencyMax, timeoutSecondsMax, allowContainerConcurrencyZero } = defaults;
  const concurrencyMin = allowContainerConcurrencyZero ? 0 : 1;
  return [
    ...outside(timeoutSeconds, 0, timeoutSecondsMax, 'timeoutSeconds'),
    ...outside(
      containerConcurrency,
      concurrencyMin,
      containerConcurrencyMax,
      'containerConcurrency',
    ),
    // Upstream's decoder refuses these before its validation can look.
    ...(['responseStartTimeoutSeconds', 'idleTimeoutSeconds'] as const)
      .filter((field) => spec[field] !== undefined && !Number.isInteger(spec[field]))
      .map((field) => invalidValue(spec[field], field)),
  ];
}

const outside = (
  value: number | undefined,
  low: number,
  high: number,
  path: string,
): readonly FieldError[] =>
  value === undefined || (Number.isInteger(value) && value >= low && value <= high)
    ? []
    : [outOfBounds(value, low, high, path)];
