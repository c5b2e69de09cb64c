/**
 * The spec of a Revision: numbers, the pod fields that Knative allows, and that containers, volumes
 * and mounts agree. One container is in `validate-container.ts`.
 * Source: knative.dev/serving pkg/apis/serving/{fieldmask,k8s_validation}.go, v1/revision_validation.go.
 */
import type { Container, Volume } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, missingField, outOfBounds } from '../meta/field-error.ts';
import type { ServingDefaults } from './config-defaults.ts';
import { servingContainerIndex } from './defaults.ts';
import type { RevisionSpec } from './types.ts';
import { validateContainer } from './validate-container.ts';

const revisionFields = [
  'containerConcurrency',
  'timeoutSeconds',
  'responseStartTimeoutSeconds',
  'idleTimeoutSeconds',
];
/**
 * Pod fields that may be set. Features that upstream keeps behind `config-features` are off, but for
 * init containers and persistent volumes, which the local home and the plugin use.
 */
const allowedFields = new Set([
  ...revisionFields,
  'containers',
  'initContainers',
  'volumes',
  'serviceAccountName',
  'imagePullSecrets',
  'enableServiceLinks',
  'automountServiceAccountToken',
]);
const volumeSources = new Set([
  'secret',
  'configMap',
  'projected',
  'emptyDir',
  'persistentVolumeClaim',
]);

export function validateRevisionSpec(
  spec: RevisionSpec | undefined,
  defaults: ServingDefaults,
  path: string,
): readonly FieldError[] {
  if (!spec) return [missingField(path)];
  for (const field of ['containers', 'initContainers', 'volumes'] as const)
    if (spec[field] !== undefined && !isObjectList(spec[field]))
      return [
        invalidValue(JSON.stringify(spec[field]), `${path}.${field}`, 'must be a list of objects'),
      ];
  const errors: FieldError[] = [];
  const disallowed = Object.keys(spec).filter((field) => !allowedFields.has(field));
  if (disallowed.length > 0)
    errors.push(disallowedField(...disallowed.map((field) => `${path}.${field}`)));
  if (spec['automountServiceAccountToken'] === true)
    errors.push({
      message: 'invalid value: true',
      paths: [`${path}.automountServiceAccountToken`],
    });
  errors.push(...validateNumbers(spec, defaults, path));
  const containers = spec.containers ?? [];
  if (containers.length === 0) errors.push(missingField(`${path}.containers`));
  errors.push(...validatePorts(containers, path), ...validateContainerNames(spec, path));
  const serving = servingContainerIndex(containers);
  for (const [index, container] of containers.entries())
    errors.push(
      ...validateContainer(container, {
        path: `${path}.containers[${index}]`,
        role: index === serving ? 'serving' : 'sidecar',
        spec,
      }),
    );
  for (const [index, container] of (spec.initContainers ?? []).entries())
    errors.push(
      ...validateContainer(container, {
        path: `${path}.initContainers[${index}]`,
        role: 'init',
        spec,
      }),
    );
  errors.push(...validateVolumes(spec, path));
  return errors;
}

function validateNumbers(
  spec: RevisionSpec,
  defaults: ServingDefaults,
  path: string,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { containerConcurrency = 0, timeoutSeconds = 0 } = spec;
  const { containerConcurrencyMax, timeoutSecondsMax } = defaults;
  if (!isWithin(containerConcurrency, containerConcurrencyMax))
    errors.push(
      outOfBounds(containerConcurrency, 0, containerConcurrencyMax, `${path}.containerConcurrency`),
    );
  else if (containerConcurrency === 0 && !defaults.allowContainerConcurrencyZero)
    errors.push(outOfBounds(0, 1, containerConcurrencyMax, `${path}.containerConcurrency`));
  if (!isWithin(timeoutSeconds, timeoutSecondsMax))
    errors.push(outOfBounds(timeoutSeconds, 0, timeoutSecondsMax, `${path}.timeoutSeconds`));
  return errors;
}

const isObjectList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);

const isWithin = (value: number, max: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= max;

function validatePorts(containers: readonly Container[], path: string): readonly FieldError[] {
  const counts = containers.map((container) => container.ports?.length ?? 0);
  const sum = counts.reduce((total, count) => total + count, 0);
  if (sum > 1)
    return [
      {
        message: 'more than one container port is set',
        paths: [`${path}.containers[*].ports`],
        details: 'Only a single port is allowed across all containers',
      },
    ];
  return containers.length > 1 && sum === 0 ? [missingField(`${path}.containers[*].ports`)] : [];
}

function validateContainerNames(spec: RevisionSpec, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const field of ['containers', 'initContainers'] as const)
    for (const [index, { name }] of (spec[field] ?? []).entries()) {
      const at = `${path}.${field}[${index}].name`;
      if (name === 'queue-proxy')
        errors.push({ message: `"${name}" is a reserved container name`, paths: [at] });
      else if (seen.has(name))
        errors.push({ message: `duplicate container name "${name}"`, paths: [at] });
      seen.add(name);
    }
  return errors;
}

function validateVolumes(spec: RevisionSpec, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const mounted = new Set(
    containers.flatMap((container) => (container.volumeMounts ?? []).map(({ name }) => name)),
  );
  const seen = new Set<string>();
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    const at = `${path}.volumes[${index}]`;
    if (seen.has(volume.name))
      errors.push({ message: `duplicate volume name "${volume.name}"`, paths: [`${at}.name`] });
    seen.add(volume.name);
    if (!mounted.has(volume.name))
      errors.push({
        message: `volume with name "${volume.name}" not mounted`,
        paths: [`${at}.name`],
      });
    errors.push(...validateVolumeSource(volume, at));
  }
  return errors;
}

function validateVolumeSource(volume: Volume, at: string): readonly FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  const foreign = sources.filter((source) => !volumeSources.has(source));
  if (foreign.length > 0) return [disallowedField(...foreign.map((source) => `${at}.${source}`))];
  if (sources.length === 1) return [];
  const message = `expected exactly one, got ${sources.length === 0 ? 'neither' : 'both'}`;
  return [{ message, paths: [...volumeSources].map((source) => `${at}.${source}`) }];
}
