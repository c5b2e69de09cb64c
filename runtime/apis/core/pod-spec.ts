/**
 * Defaults and validation of a Pod's spec, alone and as a template. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core v1 defaults and validation (the parts that Knit's pods use).
 */
import type { FieldError } from '../meta/field-error.ts';
import { missingField } from '../meta/field-error.ts';
import type { Container, PodSpec } from './types.ts';

const GRACE_SECONDS_DEFAULT = 30;
const portNumberMax = 65_535;
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const restartPolicies = ['Always', 'OnFailure', 'Never'];

/** Fills in what the API defaults; an invalid spec comes back as it is, for validation to judge. */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  if (typeof spec !== 'object' || spec === null) return spec;
  return {
    ...spec,
    restartPolicy: spec.restartPolicy ?? 'Always',
    dnsPolicy: spec['dnsPolicy'] ?? 'ClusterFirst',
    schedulerName: spec['schedulerName'] ?? 'default-scheduler',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT,
    securityContext: spec.securityContext ?? {},
    ...(Array.isArray(spec.containers)
      ? { containers: spec.containers.map(defaultContainer) }
      : {}),
    ...(Array.isArray(spec.initContainers)
      ? { initContainers: spec.initContainers.map(defaultContainer) }
      : {}),
  };
}

function defaultContainer(container: Container): Container {
  if (typeof container !== 'object' || container === null) return container;
  return {
    ...container,
    resources: container.resources ?? {},
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image),
    ...(Array.isArray(container.ports)
      ? { ports: container.ports.map((port) => ({ ...port, protocol: port?.protocol ?? 'TCP' })) }
      : {}),
  };
}

/** A moving tag is looked up each time; a fixed one or a digest only once. */
function pullPolicyOf(image: string | undefined): string {
  const name = (image ?? '').split('/').at(-1) ?? '';
  const isFixed = name.includes('@') || (name.includes(':') && !name.endsWith(':latest'));
  return isFixed ? 'IfNotPresent' : 'Always';
}

export function validatePodSpec(spec: PodSpec | undefined, path: string): FieldError[] {
  if (typeof spec !== 'object' || spec === null) return [missingField(path)];
  const { containers, initContainers = [], restartPolicy } = spec;
  if (!Array.isArray(containers) || containers.length === 0)
    return [missingField(`${path}.containers`)];
  const errors = [
    ...containers.flatMap((item, i) => validateContainer(item, `${path}.containers[${i}]`)),
    ...initContainers.flatMap((item, i) => validateContainer(item, `${path}.initContainers[${i}]`)),
    ...validateVolumeMounts(spec, path),
  ];
  const names = [...initContainers, ...containers].map((container) => container?.name);
  for (const name of new Set(names.filter((item, index) => item && names.indexOf(item) !== index)))
    errors.push({ message: `duplicate value: ${name}`, paths: [`${path}.containers`] });
  if (restartPolicy !== undefined && !restartPolicies.includes(restartPolicy))
    errors.push({ message: `invalid value: ${restartPolicy}`, paths: [`${path}.restartPolicy`] });
  return errors;
}

function validateContainer(container: Container, path: string): FieldError[] {
  if (typeof container !== 'object' || container === null) return [missingField(path)];
  const errors: FieldError[] = [];
  if (!container.name) errors.push(missingField(`${path}.name`));
  else if (!labelPattern.test(container.name))
    errors.push({ message: `invalid value: ${container.name}`, paths: [`${path}.name`] });
  if (!container.image) errors.push(missingField(`${path}.image`));
  for (const [index, port] of (container.ports ?? []).entries())
    if (
      !Number.isInteger(port?.containerPort) ||
      port.containerPort < 1 ||
      port.containerPort > portNumberMax
    )
      errors.push({
        message: `expected 1 <= ${String(port?.containerPort)} <= ${portNumberMax}`,
        paths: [`${path}.ports[${index}].containerPort`],
      });
  return errors;
}

function validateVolumeMounts(spec: PodSpec, path: string): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume?.name));
  return spec.containers.flatMap((container, i) =>
    (container?.volumeMounts ?? []).flatMap((mount, j) => {
      const where = `${path}.containers[${i}].volumeMounts[${j}]`;
      if (!mount?.mountPath) return [missingField(`${where}.mountPath`)];
      return volumes.has(mount.name)
        ? []
        : [{ message: `no volume is named ${mount.name}`, paths: [`${where}.name`] }];
    }),
  );
}
