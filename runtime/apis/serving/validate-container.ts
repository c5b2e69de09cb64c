/**
 * One container of a Revision: image, ports, environment, mounts, security context.
 * Source: knative.dev/serving pkg/apis/serving/k8s_validation.go.
 */
import { posix } from 'node:path';
import type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  SecurityContext,
  Volume,
  VolumeMount,
} from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, missingField, outOfBounds, under } from '../meta/field-error.ts';
import type { Features } from './features.ts';
import { arePodsSecured } from './features.ts';
import { parseImageReference } from './image-reference.ts';
import {
  checkContainerFields,
  checkEnvSourceFields,
  checkMountFields,
  checkSecurityFields,
  disallowedFields,
} from './pod-fields.ts';
import { validateProbes } from './validate-probe.ts';

/** Ports of Knative's own sidecar: images that move to a cluster must not use them. */
const reservedPorts = new Set([8012, 8013, 8022, 8008, 9090, 9091]);
const reservedEnv = new Set(['PORT', 'K_SERVICE', 'K_CONFIGURATION', 'K_REVISION']);
const reservedPaths = new Set(['/', '/dev', '/dev/log']);
const reservedName = 'queue-proxy';
const PORT_MAX = 65_535;
const ID_MAX = 2_147_483_647;

export interface ContainerOptions {
  /** Only the serving container has a port and PORT. */
  readonly role: 'serving' | 'sidecar' | 'init';
  readonly portName: string;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly features: Features;
}

/** Paths begin at the container. */
export function validateContainer(
  container: Container,
  options: ContainerOptions,
): readonly FieldError[] {
  const { role, features } = options;
  const probes = validateProbes(container, options);
  if (Object.keys(container).length === 0) return [...probes, missingField('')];
  const { name, image, terminationMessagePolicy: policy = '' } = container;
  const isLifecycleOfInit = role === 'init' && 'lifecycle' in container;
  return [
    ...probes,
    ...(isLifecycleOfInit
      ? [{ message: 'field not allowed in an init container', paths: ['lifecycle'] }]
      : []),
    ...checkContainerFields(container),
    ...(name === reservedName
      ? [{ message: `"${name}" is a reserved container name`, paths: ['name'] }]
      : []),
    ...under('env', validateEnv(container.env ?? [], options)),
    ...under('envFrom', validateEnvFrom(container.envFrom ?? [])),
    ...validateImage(image),
    ...under('ports', validatePorts(container.ports ?? [], role)),
    ...under('resources', disallowedFields(container.resources ?? {}, ['limits', 'requests'])),
    ...under('securityContext', validateSecurityContext(container.securityContext, features)),
    ...(['', 'File', 'FallbackToLogsOnError'].includes(policy)
      ? []
      : [invalidValue(policy, 'terminationMessagePolicy')]),
    ...under('volumeMounts', validateMounts(container.volumeMounts ?? [], options)),
  ];
}

function validateImage(image: string | undefined): readonly FieldError[] {
  if (!image) return [missingField('image')];
  if (parseImageReference(image)) return [];
  const details = `image: ${JSON.stringify(image)}, error: could not parse reference: ${image}`;
  return [{ message: 'Failed to parse image reference', paths: ['image'], details }];
}

function validateEnv(
  env: readonly EnvVar[],
  { role, features }: ContainerOptions,
): readonly FieldError[] {
  return env.flatMap((variable, index) => {
    const { name, valueFrom } = variable;
    const isReserved = reservedEnv.has(name) && (name !== 'PORT' || role === 'serving');
    return under(`[${index}]`, [
      ...disallowedFields(variable, ['name', 'value', 'valueFrom']),
      ...(name ? [] : [missingField('name')]),
      ...(isReserved
        ? [{ message: `"${name}" is a reserved environment variable`, paths: ['name'] }]
        : []),
      ...under('valueFrom', checkEnvSourceFields(valueFrom ?? {}, features)),
    ]);
  });
}

function validateEnvFrom(sources: readonly EnvFromSource[]): readonly FieldError[] {
  const references = ['configMapRef', 'secretRef'];
  return sources.flatMap((source, index) => {
    const { configMapRef, secretRef } = source;
    const errors = [...under(`[${index}]`, disallowedFields(source, ['prefix', ...references]))];
    // Upstream gives no index here.
    if (configMapRef && secretRef)
      errors.push({ message: 'expected exactly one, got both', paths: references });
    else if (!configMapRef && !secretRef)
      errors.push({ message: 'expected exactly one, got neither', paths: references });
    return errors;
  });
}

/** Only the first port counts: that there is one at most is checked across containers. */
function validatePorts(
  ports: readonly ContainerPort[],
  role: ContainerOptions['role'],
): readonly FieldError[] {
  if (role === 'init') return ports.flatMap(validatePort);
  const [port] = ports;
  if (!port) return [];
  const { name = '', protocol = '' } = port;
  return [
    ...validatePort(port),
    ...(protocol === '' || protocol === 'TCP' ? [] : [invalidValue(protocol, 'protocol')]),
    ...(['', 'http1', 'h2c'].includes(name)
      ? []
      : [
          {
            message: `Port name ${name} is not allowed`,
            paths: [''],
            details: "Name must be empty, or one of: 'h2c', 'http1'",
          },
        ]),
  ];
}

function validatePort(port: ContainerPort): readonly FieldError[] {
  const { containerPort = 0 } = port as Partial<ContainerPort>;
  const reserved = `${containerPort} is a reserved port`;
  return [
    ...disallowedFields(port, ['containerPort', 'name', 'protocol']),
    ...(reservedPorts.has(containerPort)
      ? [invalidValue(reserved, 'containerPort', `${reserved}, please use a different value`)]
      : []),
    ...(Number.isInteger(containerPort) && containerPort >= 0 && containerPort <= PORT_MAX
      ? []
      : [outOfBounds(containerPort, 0, PORT_MAX, 'containerPort')]),
  ];
}

function validateMounts(
  mounts: readonly VolumeMount[],
  { volumes, features }: ContainerOptions,
): readonly FieldError[] {
  const seen = new Set<string>();
  return mounts.flatMap((mount, index) => {
    const volume = volumes.get(mount.name);
    const errors: FieldError[] = [...checkMountFields(mount, features)];
    if (!volume) errors.push({ message: 'volumeMount has no matching volume', paths: ['name'] });
    errors.push(...validateMountPath(mount.mountPath, seen));
    seen.add(cleanPath(mount.mountPath ?? ''));
    const isWritable = volume?.emptyDir ?? volume?.persistentVolumeClaim ?? volume?.['ephemeral'];
    if (!isWritable && !mount.readOnly)
      errors.push({
        message: 'volume mount should be readOnly for this type of volume',
        paths: ['readOnly'],
      });
    errors.push(...validatePropagation(mount, features));
    if (volume?.persistentVolumeClaim?.readOnly && !mount.readOnly)
      errors.push({ message: 'volume is readOnly but volume mount is not', paths: ['readOnly'] });
    return under(`[${index}]`, errors);
  });
}

function validateMountPath(
  path: string | undefined,
  seen: ReadonlySet<string>,
): readonly FieldError[] {
  if (!path) return [missingField('mountPath')];
  const clean = cleanPath(path);
  if (reservedPaths.has(clean))
    return [
      { message: `mountPath ${JSON.stringify(clean)} is a reserved path`, paths: ['mountPath'] },
    ];
  if (!posix.isAbsolute(path)) return [invalidValue(path, 'mountPath')];
  if (seen.has(clean)) return [invalidValue(`${JSON.stringify(path)} must be unique`, 'mountPath')];
  return [];
}

/** As Go's path.Clean: without a slash at the end, and `.` for nothing. */
const cleanPath = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1');

function validatePropagation(
  mount: VolumeMount & { mountPropagation?: string },
  features: Features,
): readonly FieldError[] {
  const { mountPropagation, name } = mount;
  if (mountPropagation === undefined) return [];
  const errors: FieldError[] = [];
  if (features['kubernetes.podspec-volumes-mount-propagation'] !== 'Enabled')
    errors.push({
      message: `Volume Mount Propagation support is disabled, but found volume mount ${name} with mount propagation`,
      paths: [],
    });
  if (mountPropagation !== 'None' && mountPropagation !== 'HostToContainer')
    errors.push({
      message: 'mount propagation should be set to None or HostToContainer',
      paths: ['mountPropagation'],
    });
  return errors;
}

function validateSecurityContext(
  context: SecurityContext | undefined,
  features: Features,
): readonly FieldError[] {
  if (!context) return [];
  return [
    ...checkSecurityFields(context),
    ...under('capabilities', validateCapabilities(context.capabilities, features)),
    ...validateIds(context, ['runAsUser', 'runAsGroup']),
  ];
}

function validateCapabilities(
  capabilities: SecurityContext['capabilities'],
  features: Features,
): readonly FieldError[] {
  const add = capabilities?.add ?? [];
  const isLowPort = add.length === 1 && add[0] === 'NET_BIND_SERVICE';
  const mayAdd =
    features['kubernetes.containerspec-addcapabilities'] === 'Enabled' ||
    (arePodsSecured(features) && isLowPort);
  return disallowedFields(capabilities ?? {}, ['drop', ...(mayAdd ? ['add'] : [])]);
}

/** User and group ids, of containers and pods. */
export function validateIds(
  context: SecurityContext,
  fields: readonly string[],
): readonly FieldError[] {
  return fields.flatMap((field) => {
    const id = context[field];
    if (typeof id !== 'number' || (id >= 0 && id <= ID_MAX)) return [];
    return [outOfBounds(id, 0, ID_MAX, field)];
  });
}
