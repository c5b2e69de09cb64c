/**
 * One container of a Revision: image, ports, environment, mounts, probes, security context.
 * Source: knative.dev/serving pkg/apis/serving/k8s_validation.go.
 */
import { posix } from 'node:path';
import type { Container, ContainerPort, Probe, SecurityContext } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, missingField, outOfBounds } from '../meta/field-error.ts';
import type { RevisionSpec } from './types.ts';

const allowedFields = new Set([
  'name',
  'image',
  'command',
  'args',
  'env',
  'envFrom',
  'workingDir',
  'imagePullPolicy',
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'securityContext',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'volumeMounts',
]);
const securityFields = new Set([
  'capabilities',
  'readOnlyRootFilesystem',
  'runAsUser',
  'runAsGroup',
  'runAsNonRoot',
  'allowPrivilegeEscalation',
  'seccompProfile',
  'privileged',
]);
/** Ports of Knative's own sidecar: images that move to a cluster must not use them. */
const reservedPorts = new Set([8012, 8013, 8022, 8008, 9090, 9091]);
const reservedEnv = new Set(['PORT', 'K_SERVICE', 'K_CONFIGURATION', 'K_REVISION']);
const reservedMountPaths = new Set(['/', '/dev', '/dev/log']);
const PORT_MAX = 65_535;
const ID_MAX = 2_147_483_647;
/** Registry host, repository, and an optional tag or digest. */
const imageReference =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[a-f0-9]{32,})?$/;

export interface ContainerValidation {
  readonly path: string;
  /** Only the serving container has a port and PORT. */
  readonly role: 'serving' | 'sidecar' | 'init';
  readonly spec: RevisionSpec;
}

export function validateContainer(
  container: Container,
  options: ContainerValidation,
): readonly FieldError[] {
  const { path, role, spec } = options;
  const disallowed = Object.keys(container).filter((field) => !allowedFields.has(field));
  return [
    ...(disallowed.length === 0
      ? []
      : [disallowedField(...disallowed.map((field) => `${path}.${field}`))]),
    ...validateImage(container.image, `${path}.image`),
    ...validateEnv(container, path, role),
    ...(container.ports ?? []).flatMap((port) => validatePort(port, `${path}.ports`)),
    ...validateMounts(container, spec, path),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`),
    ...validateProbes(container, path, role),
  ];
}

function validateImage(image: string | undefined, path: string): readonly FieldError[] {
  if (!image) return [missingField(path)];
  if (imageReference.test(image)) return [];
  return [
    { message: 'Failed to parse image reference', paths: [path], details: `image: "${image}"` },
  ];
}

function validateEnv(
  container: Container,
  path: string,
  role: ContainerValidation['role'],
): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { name, valueFrom }] of (container.env ?? []).entries()) {
    const at = `${path}.env[${index}]`;
    if (!name) errors.push(missingField(`${at}.name`));
    else if (reservedEnv.has(name) && !(name === 'PORT' && role !== 'serving'))
      errors.push({
        message: `"${name}" is a reserved environment variable`,
        paths: [`${at}.name`],
      });
    if (valueFrom?.fieldRef) errors.push(disallowedField(`${at}.valueFrom.fieldRef`));
  }
  return errors;
}

function validatePort(port: ContainerPort, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const disallowed = ['hostPort', 'hostIP'].filter((field) => field in port);
  if (disallowed.length > 0)
    errors.push(disallowedField(...disallowed.map((field) => `${path}.${field}`)));
  const { containerPort, name = '', protocol = 'TCP' } = port;
  if (reservedPorts.has(containerPort))
    errors.push(invalidValue(`${containerPort} is a reserved port`, `${path}.containerPort`));
  if (!Number.isInteger(containerPort) || containerPort < 0 || containerPort > PORT_MAX)
    errors.push(outOfBounds(containerPort, 0, PORT_MAX, `${path}.containerPort`));
  if (protocol !== '' && protocol !== 'TCP')
    errors.push(invalidValue(protocol, `${path}.protocol`));
  if (!['', 'http1', 'h2c'].includes(name))
    errors.push({
      message: `Port name ${name} is not allowed`,
      paths: [path],
      details: "Name must be empty, or one of: 'h2c', 'http1'",
    });
  return errors;
}

function validateMounts(
  container: Container,
  spec: RevisionSpec,
  path: string,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const seen = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    const volume = volumes.get(mount.name);
    if (!volume)
      errors.push({ message: `volumeMount has no matching volume`, paths: [`${at}.name`] });
    else if (mount.readOnly !== true && !volume.emptyDir && !volume.persistentVolumeClaim)
      errors.push(invalidValue(mount.readOnly ?? false, `${at}.readOnly`));
    if (!mount.mountPath) errors.push(missingField(`${at}.mountPath`));
    else if (
      posix.normalize(mount.mountPath).replace(/(.)\/$/, '$1') !==
        mount.mountPath.replace(/(.)\/$/, '$1') ||
      !posix.isAbsolute(mount.mountPath)
    )
      errors.push(invalidValue(mount.mountPath, `${at}.mountPath`));
    else if (reservedMountPaths.has(mount.mountPath))
      errors.push({
        message: `mountPath "${mount.mountPath}" is a reserved path`,
        paths: [`${at}.mountPath`],
      });
    else if (seen.has(mount.mountPath))
      errors.push({
        message: `"${mount.mountPath}" must be unique`,
        paths: [`${at}.mountPath`],
      });
    seen.add(mount.mountPath);
  }
  return errors;
}

function validateSecurityContext(
  context: SecurityContext | undefined,
  path: string,
): readonly FieldError[] {
  if (!context) return [];
  const errors: FieldError[] = [];
  const disallowed = Object.keys(context).filter((field) => !securityFields.has(field));
  if (context.capabilities?.add) disallowed.push('capabilities.add');
  if (disallowed.length > 0)
    errors.push(disallowedField(...disallowed.map((field) => `${path}.${field}`)));
  if (context['privileged'] === true) errors.push(invalidValue(true, `${path}.privileged`));
  for (const field of ['runAsUser', 'runAsGroup'] as const) {
    const id = context[field];
    if (id !== undefined && (id < 0 || id > ID_MAX))
      errors.push(outOfBounds(id, 0, ID_MAX, `${path}.${field}`));
  }
  return errors;
}

function validateProbes(
  container: Container,
  path: string,
  role: ContainerValidation['role'],
): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (!probe) continue;
    const at = `${path}.${field}`;
    if (role !== 'serving') errors.push(disallowedField(at));
    else errors.push(...validateProbe(probe, at, { mayBeAggressive: field === 'readinessProbe' }));
  }
  return errors;
}

const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;

function validateProbe(
  probe: Probe,
  path: string,
  options: { readonly mayBeAggressive: boolean },
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const present = handlers.filter((handler) => probe[handler] !== undefined);
  if (present.length !== 1)
    errors.push({
      message: `expected exactly one, got ${present.length === 0 ? 'neither' : 'both'}`,
      paths: (present.length === 0 ? handlers : present).map((handler) => `${path}.${handler}`),
    });
  const { periodSeconds = 0, timeoutSeconds, failureThreshold, successThreshold = 1 } = probe;
  if (successThreshold < 1)
    errors.push(outOfBounds(successThreshold, 1, ID_MAX, `${path}.successThreshold`));
  if (periodSeconds < 0)
    errors.push(outOfBounds(periodSeconds, 0, ID_MAX, `${path}.periodSeconds`));
  if (!options.mayBeAggressive) {
    if (successThreshold > 1)
      errors.push(invalidValue(successThreshold, `${path}.successThreshold`));
    return errors;
  }
  // Period 0 asks for aggressive probing, whose pace is the platform's.
  if (periodSeconds === 0) {
    if (failureThreshold) errors.push(disallowedField(`${path}.failureThreshold`));
    if (timeoutSeconds) errors.push(disallowedField(`${path}.timeoutSeconds`));
  }
  return errors;
}
