/**
 * Defaults and validation of a Pod's spec, alone and as a template, and what an update may change of
 * it. Structure (types, unknown fields) is judged from the generated schema, not here. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core v1/defaults.go and validation (the parts that pods meet).
 */
import type { FieldError } from '../meta/field-error.ts';
import {
  duplicate,
  forbidden,
  invalid,
  isSameValue,
  nonNegative,
  notFound,
  notSupported,
  oneOf,
  required,
} from '../meta/field-rule.ts';
import type { Container, PodSpec, PodTemplateSpec, Probe, Volume } from './types.ts';

const GRACE_SECONDS_DEFAULT = 30;
const MODE_DEFAULT = 0o644;
const TOKEN_SECONDS_DEFAULT = 3_607;
const PORT_MAX = 65_535;
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];
const protocols = ['SCTP', 'TCP', 'UDP'];

/** Fills in what the API defaults; an invalid spec comes back as it is, for validation to judge. */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  if (typeof spec !== 'object' || spec === null) return spec;
  const { serviceAccountName } = spec;
  return {
    ...spec,
    restartPolicy: spec.restartPolicy ?? 'Always',
    dnsPolicy: spec['dnsPolicy'] ?? 'ClusterFirst',
    schedulerName: spec['schedulerName'] ?? 'default-scheduler',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT,
    securityContext: spec.securityContext ?? {},
    // The old name of the field follows the new one.
    ...(serviceAccountName ? { serviceAccount: serviceAccountName } : {}),
    ...(Array.isArray(spec.containers)
      ? { containers: spec.containers.map(defaultContainer) }
      : {}),
    ...(Array.isArray(spec.initContainers)
      ? { initContainers: spec.initContainers.map(defaultContainer) }
      : {}),
    ...(Array.isArray(spec.volumes) ? { volumes: spec.volumes.map(defaultVolume) } : {}),
  };
}

/** What a Pod has beyond a template: service links, and requests that follow limits. */
export function defaultPod(spec: PodSpec): PodSpec {
  const defaulted = defaultPodSpec(spec);
  if (typeof defaulted !== 'object' || defaulted === null) return defaulted;
  return {
    ...defaulted,
    enableServiceLinks: defaulted.enableServiceLinks ?? true,
    ...(Array.isArray(defaulted.containers)
      ? { containers: defaulted.containers.map(withRequests) }
      : {}),
    ...(Array.isArray(defaulted.initContainers)
      ? { initContainers: defaulted.initContainers.map(withRequests) }
      : {}),
  };
}

/** The template of a workload, its spec defaulted. */
export function defaultTemplate(template: PodTemplateSpec): PodTemplateSpec {
  if (typeof template !== 'object' || template === null || template.spec === undefined)
    return template;
  return { ...template, spec: defaultPodSpec(template.spec) };
}

function withRequests(container: Container): Container {
  const limits = container?.resources?.limits;
  if (typeof limits !== 'object' || limits === null) return container;
  return {
    ...container,
    resources: {
      ...container.resources,
      requests: { ...limits, ...container.resources?.requests },
    },
  };
}

function defaultContainer(container: Container): Container {
  if (typeof container !== 'object' || container === null) return container;
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return {
    ...container,
    resources: container.resources ?? {},
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image),
    ...(Array.isArray(container.ports)
      ? { ports: container.ports.map((port) => ({ ...port, protocol: port?.protocol ?? 'TCP' })) }
      : {}),
    ...(livenessProbe ? { livenessProbe: defaultProbe(livenessProbe) } : {}),
    ...(readinessProbe ? { readinessProbe: defaultProbe(readinessProbe) } : {}),
    ...(startupProbe ? { startupProbe: defaultProbe(startupProbe) } : {}),
    ...(Array.isArray(container.env)
      ? {
          env: container.env.map((variable) => {
            const field = (
              variable?.valueFrom as { fieldRef?: { apiVersion?: string } } | undefined
            )?.fieldRef;
            return field && field.apiVersion === undefined
              ? {
                  ...variable,
                  valueFrom: { ...variable.valueFrom, fieldRef: { apiVersion: 'v1', ...field } },
                }
              : variable;
          }) as NonNullable<Container['env']>,
        }
      : {}),
  };
}

function defaultProbe(probe: Probe): Probe {
  if (typeof probe !== 'object' || probe === null) return probe;
  return {
    ...probe,
    ...(probe.httpGet
      ? {
          httpGet: {
            ...probe.httpGet,
            path: probe.httpGet.path ?? '/',
            scheme: probe.httpGet.scheme ?? 'HTTP',
          },
        }
      : {}),
    // Zero is what a Go client sends for an unset number...
    timeoutSeconds: probe.timeoutSeconds || 1,
    // ... but for Knative's own meaning of a period of 0: as often as can be.
    periodSeconds: probe.periodSeconds ?? 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

function defaultVolume(volume: Volume): Volume {
  if (typeof volume !== 'object' || volume === null) return volume;
  const result: Volume = { ...volume };
  for (const source of ['configMap', 'secret', 'projected', 'downwardAPI'] as const) {
    const value = volume[source] as { defaultMode?: number } | undefined;
    if (value)
      result[source] = { ...value, defaultMode: value.defaultMode ?? MODE_DEFAULT } as never;
  }
  const sources = result.projected?.sources;
  if (result.projected && Array.isArray(sources))
    result.projected = {
      ...result.projected,
      sources: sources.map((source) => {
        const token = (source as { serviceAccountToken?: { expirationSeconds?: number } })
          ?.serviceAccountToken;
        return token && token.expirationSeconds === undefined
          ? {
              ...(source as object),
              serviceAccountToken: { ...token, expirationSeconds: TOKEN_SECONDS_DEFAULT },
            }
          : source;
      }),
    };
  const hostPath = volume['hostPath'] as { type?: string } | undefined;
  if (hostPath) result['hostPath'] = { ...hostPath, type: hostPath.type ?? '' };
  const isSourceless = Object.keys(volume).every((key) => key === 'name');
  // Upstream: a volume that names no source is an emptyDir.
  return isSourceless ? { ...result, emptyDir: {} } : result;
}

/** A moving tag is looked up each time; a fixed one or a digest only once. */
function pullPolicyOf(image: string | undefined): string {
  const name = (image ?? '').split('/').at(-1) ?? '';
  const isFixed = name.includes('@') || (name.includes(':') && !name.endsWith(':latest'));
  return isFixed ? 'IfNotPresent' : 'Always';
}

export function validatePodSpec(spec: PodSpec | undefined, path: string): FieldError[] {
  if (typeof spec !== 'object' || spec === null) return [required(`${path}.containers`)];
  const { containers, initContainers = [], restartPolicy } = spec;
  if (!Array.isArray(containers) || containers.length === 0)
    return [required(`${path}.containers`)];
  const errors = [
    ...validateVolumes(spec, path),
    ...containers.flatMap((item, i) => validateContainer(item, `${path}.containers[${i}]`, spec)),
    ...initContainers.flatMap((item, i) =>
      validateContainer(item, `${path}.initContainers[${i}]`, spec),
    ),
  ];
  const seen = new Set<string>();
  for (const [field, list] of [
    ['containers', containers],
    ['initContainers', initContainers],
  ] as const)
    for (const [index, container] of list.entries()) {
      const name = container?.name;
      if (name && seen.has(name)) errors.push(duplicate(`${path}.${field}[${index}].name`, name));
      seen.add(name);
    }
  errors.push(
    ...oneOf(`${path}.restartPolicy`, restartPolicy, restartPolicies),
    ...oneOf(`${path}.dnsPolicy`, spec['dnsPolicy'], dnsPolicies),
    ...nonNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
  );
  const deadline = spec['activeDeadlineSeconds'];
  if (deadline !== undefined && !(typeof deadline === 'number' && deadline >= 1))
    errors.push(
      invalid(
        `${path}.activeDeadlineSeconds`,
        deadline,
        'must be between 1 and 2147483647, inclusive',
      ),
    );
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (typeof value === 'string' && value !== '' && !labelPattern.test(value))
      errors.push(invalid(`${path}.${field}`, value, labelRule));
  }
  return errors;
}

function validateContainer(container: Container, path: string, spec: PodSpec): FieldError[] {
  if (typeof container !== 'object' || container === null) return [required(path)];
  const errors: FieldError[] = [];
  if (!container.name) errors.push(required(`${path}.name`));
  else if (!labelPattern.test(container.name))
    errors.push(invalid(`${path}.name`, container.name, labelRule));
  if (!container.image) errors.push(required(`${path}.image`));
  errors.push(...validatePorts(container, path), ...validateMounts(container, path, spec));
  for (const [index, variable] of (container.env ?? []).entries()) {
    const where = `${path}.env[${index}]`;
    if (!variable?.name) errors.push(required(`${where}.name`));
    else if (variable.value && variable.valueFrom)
      errors.push(
        invalid(`${where}.valueFrom`, '', 'may not be specified when `value` is not empty'),
      );
  }
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe) errors.push(...validateProbe(probe, `${path}.${field}`, field));
  }
  errors.push(
    ...oneOf(
      `${path}.terminationMessagePolicy`,
      container.terminationMessagePolicy,
      messagePolicies,
    ),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, pullPolicies),
  );
  return errors;
}

function validatePorts(container: Container, path: string): FieldError[] {
  const names = new Set<string>();
  return (container.ports ?? []).flatMap((port, index) => {
    const where = `${path}.ports[${index}]`;
    const number = port?.containerPort;
    const errors = oneOf(`${where}.protocol`, port?.protocol, protocols);
    if (number === undefined || number === 0) errors.push(required(`${where}.containerPort`));
    else if (!Number.isInteger(number) || number < 1 || number > PORT_MAX)
      errors.push(
        invalid(`${where}.containerPort`, number, 'must be between 1 and 65535, inclusive'),
      );
    if (port?.name && names.has(port.name)) errors.push(duplicate(`${where}.name`, port.name));
    if (port?.name) names.add(port.name);
    return errors;
  });
}

function validateProbe(
  probe: Probe,
  path: string,
  field: 'livenessProbe' | 'readinessProbe' | 'startupProbe',
): FieldError[] {
  const errors: FieldError[] = [];
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter((key) => probe[key]);
  if (handlers.length === 0) errors.push(required(path, 'must specify a handler type'));
  for (const handler of handlers.slice(1))
    errors.push(forbidden(`${path}.${handler}`, 'may not specify more than 1 handler type'));
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    errors.push(...nonNegative(`${path}.${key}`, probe[key]));
  if (field !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1)
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

function validateVolumes(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return (spec.volumes ?? []).flatMap((volume, index) => {
    const where = `${path}.volumes[${index}]`;
    const errors: FieldError[] = [];
    if (!volume?.name) errors.push(required(`${where}.name`));
    else if (!labelPattern.test(volume.name))
      errors.push(invalid(`${where}.name`, volume.name, labelRule));
    else if (names.has(volume.name)) errors.push(duplicate(`${where}.name`, volume.name));
    names.add(volume?.name);
    return errors;
  });
}

function validateMounts(container: Container, path: string, spec: PodSpec): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume?.name));
  const paths = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const where = `${path}.volumeMounts[${index}]`;
    const errors: FieldError[] = [];
    if (!mount?.name) errors.push(required(`${where}.name`));
    else if (!volumes.has(mount.name)) errors.push(notFound(`${where}.name`, mount.name));
    if (!mount?.mountPath) errors.push(required(`${where}.mountPath`));
    else if (paths.has(mount.mountPath))
      errors.push(invalid(`${where}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount?.mountPath);
    return errors;
  });
}

/** Templates of workloads that keep pods alive allow one restart policy only. */
export function requireRestartPolicy(
  spec: PodSpec | undefined,
  path: string,
  allowed: readonly string[],
): FieldError[] {
  const policy = spec?.restartPolicy;
  return policy === undefined || allowed.includes(policy)
    ? []
    : [notSupported(`${path}.restartPolicy`, policy, allowed)];
}

const PODS_UPDATE_RULE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A running pod stays what it is, but for images and a deadline. */
export function validatePodUpdate(spec: PodSpec, before: PodSpec): FieldError[] {
  if (spec === before) return [];
  // Without a scheduler that binds, the node takes a Pod that has no node yet by naming itself.
  const { nodeName } = before.nodeName ? before : spec;
  // A scheduler's binding places a pod that has no node yet; a placed one stays where it is.
  const { nodeName: _node, ...unplaced } = spec;
  const placed = before.nodeName ? spec : unplaced;
  const frozen = (item: PodSpec): unknown => {
    const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, ...rest } = item;
    const blank = (list: readonly Container[] | undefined): unknown =>
      list?.map(({ image: _image, ...container }) => container);
    return {
      ...rest,
      nodeName: item.nodeName || nodeName,
      containers: blank(item.containers),
      initContainers: blank(item.initContainers),
    };
  };
  return isSameValue(
    JSON.parse(JSON.stringify(frozen(placed))),
    JSON.parse(JSON.stringify(frozen(before))),
  )
    ? []
    : [forbidden('spec', PODS_UPDATE_RULE)];
}
