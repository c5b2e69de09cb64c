/**
 * What a container must say. Structure (types, unknown fields) is judged from the generated schema,
 * not here. Pure. Source: k8s.io/kubernetes pkg/apis/core/validation (rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import {
  duplicate,
  forbidden,
  invalid,
  nonNegative,
  notSupported,
  oneOf,
  required,
} from '../meta/field-rule.ts';
import { portNameProblems } from '../meta/name-rules.ts';
import { compareResources } from './resource-list.ts';
import { amountProblems, containerResourceProblems } from './resource-names.ts';
import type { Container, EnvVar, PodSpec, Probe, SecurityContext } from './types.ts';
import { validateMounts } from './volume-rules.ts';

const PORT_MAX = 65_535;
const PORT_RULE = 'must be between 1 and 65535, inclusive';
const ID_MAX = 2_147_483_647;
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
export const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const isLabel = (text: string): boolean => labelPattern.test(text);
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const probeFields = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const probeTimes = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;
/** What an environment variable may be told of its Pod; labels and annotations only one by one. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const keyedField = /^metadata\.(labels|annotations)\['[^']+'\]$/;
const envSources = [
  'fieldRef',
  'resourceFieldRef',
  'configMapKeyRef',
  'secretKeyRef',
  'fileKeyRef',
] as const;

export function validateContainer(
  container: Container,
  path: string,
  spec: PodSpec,
  isInit = false,
): FieldError[] {
  if (typeof container !== 'object' || container === null) return [required(path)];
  const errors: FieldError[] = [];
  const { name, image, resources } = container;
  if (!name) errors.push(required(`${path}.name`));
  else if (!isLabel(name)) errors.push(invalid(`${path}.name`, name, labelRule));
  if (!image) errors.push(required(`${path}.image`));
  else if (image !== image.trim())
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  errors.push(...validatePorts(container, path, spec), ...validateMounts(container, path, spec));
  for (const [index, variable] of (container.env ?? []).entries())
    errors.push(...validateVariable(variable, `${path}.env[${index}]`));
  for (const [index, source] of (container.envFrom ?? []).entries())
    if (!source?.configMapRef && !source?.secretRef)
      errors.push(
        // As upstream, which names the list.
        invalid(`${path}.envFrom`, '', 'must specify one of: `configMapRef` or `secretRef`'),
      );
    else if (source.configMapRef && source.secretRef)
      errors.push(
        invalid(
          `${path}.envFrom[${index}]`,
          '',
          'may not have more than one field specified at a time',
        ),
      );
  if (isInit) errors.push(...validateInit(container, path));
  else
    for (const field of probeFields) {
      const probe = container[field];
      if (probe) errors.push(...validateProbe(probe, `${path}.${field}`, field));
    }
  if (!isInit) errors.push(...validateLifecycle(container, path));
  errors.push(
    ...oneOf(
      `${path}.terminationMessagePolicy`,
      container.terminationMessagePolicy,
      messagePolicies,
    ),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, pullPolicies),
  );
  if (resources) errors.push(...validateResources(resources, `${path}.resources`));
  if (container.securityContext)
    errors.push(...validateSecurity(container.securityContext, `${path}.securityContext`));
  return errors;
}

/** One that ends before the others start has nothing to be asked. */
function validateInit(container: Container, path: string): FieldError[] {
  if ((container as { restartPolicy?: string }).restartPolicy === 'Always')
    return probeFields.flatMap((field) => {
      const probe = container[field];
      return probe ? validateProbe(probe, `${path}.${field}`, field) : [];
    });
  return (['lifecycle', ...probeFields] as const)
    .filter((field) => (container as unknown as Record<string, unknown>)[field])
    .map((field) =>
      forbidden(
        `${path}.${field}`,
        'may not be set for init containers without restartPolicy=Always',
      ),
    );
}

function validateLifecycle(container: Container, path: string): FieldError[] {
  const { lifecycle } = container as { lifecycle?: Record<string, object | undefined> };
  if (!lifecycle) return [];
  return ['postStart', 'preStop'].flatMap((hook) => {
    const handlers = lifecycle[hook] && Object.keys(lifecycle[hook]);
    return handlers?.length === 0
      ? [required(`${path}.lifecycle.${hook}`, 'must specify a handler type')]
      : [];
  });
}

function validatePorts(container: Container, path: string, spec: PodSpec): FieldError[] {
  const names = new Set<string>();
  return (container.ports ?? []).flatMap((port, index) => {
    const where = `${path}.ports[${index}]`;
    const errors: FieldError[] = [];
    const { name, containerPort, hostPort, protocol } = (port ?? {}) as typeof port & {
      hostPort?: number;
    };
    if (name) {
      const problems = portNameProblems(name);
      errors.push(...problems.map((problem) => invalid(`${where}.name`, name, problem)));
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(`${where}.name`, name));
      names.add(name);
    }
    if (containerPort === undefined || containerPort === 0)
      errors.push(required(`${where}.containerPort`));
    else errors.push(...portProblems(`${where}.containerPort`, containerPort));
    if (hostPort) {
      errors.push(...portProblems(`${where}.hostPort`, hostPort));
      if (spec['hostNetwork'] === true && hostPort !== containerPort)
        errors.push(
          invalid(
            `${where}.hostPort`,
            hostPort,
            'must match `containerPort` when `hostNetwork` is true',
          ),
        );
    }
    errors.push(...oneOf(`${where}.protocol`, protocol, protocols));
    return errors;
  });
}

const portProblems = (path: string, port: number): FieldError[] =>
  Number.isInteger(port) && port >= 1 && port <= PORT_MAX ? [] : [invalid(path, port, PORT_RULE)];

function validateVariable(variable: EnvVar, path: string): FieldError[] {
  if (!variable?.name) return [required(`${path}.name`)];
  const { name, value, valueFrom } = variable;
  const errors: FieldError[] = [];
  if (!/^[ -<>-~]+$/.test(name))
    errors.push(
      invalid(
        `${path}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ),
    );
  if (!valueFrom) return errors;
  const where = `${path}.valueFrom`;
  const given = valueFrom as Readonly<
    Record<string, Readonly<Record<string, unknown>> | undefined>
  >;
  const present = envSources.filter((source) => given[source]);
  const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) errors.push(...fieldProblems(fieldRef.fieldPath, `${where}.fieldRef.fieldPath`));
  for (const [source, ref] of Object.entries({ configMapKeyRef, secretKeyRef }))
    if (ref && !ref.key) errors.push(required(`${where}.${source}.key`));
  if (present.length === 0)
    errors.push(
      invalid(
        where,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  else if (value) errors.push(invalid(where, '', 'may not be specified when `value` is not empty'));
  else if (present.length > 1)
    errors.push(invalid(where, '', 'may not have more than one field specified at a time'));
  return errors;
}

function fieldProblems(field: string | undefined, path: string): FieldError[] {
  if (!field) return [required(path)];
  if (envFields.includes(field) || keyedField.test(field)) return [];
  return field === 'metadata.labels' || field === 'metadata.annotations'
    ? [notSupported(path, field, envFields)]
    : [invalid(path, field, `error converting fieldPath: field label not supported: ${field}`)];
}

function validateProbe(
  probe: Probe,
  path: string,
  field: (typeof probeFields)[number],
): FieldError[] {
  const errors: FieldError[] = [];
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter((key) => probe[key]);
  const [first] = handlers;
  if (first) errors.push(...handlerProblems(probe, first, `${path}.${first}`));
  else errors.push(required(path, 'must specify a handler type'));
  for (const handler of handlers.slice(1))
    errors.push(forbidden(`${path}.${handler}`, 'may not specify more than 1 handler type'));
  for (const key of probeTimes) errors.push(...nonNegative(`${path}.${key}`, probe[key]));
  if (field !== 'readinessProbe' && (probe.successThreshold ?? 1) !== 1)
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

function handlerProblems(
  { exec, httpGet, tcpSocket, grpc }: Probe,
  handler: 'exec' | 'httpGet' | 'tcpSocket' | 'grpc',
  path: string,
): FieldError[] {
  if (handler === 'exec') return exec?.command?.length ? [] : [required(`${path}.command`)];
  const { port } = (handler === 'httpGet' ? httpGet : handler === 'grpc' ? grpc : tcpSocket) ?? {};
  return [
    // Knative's own probes leave the port to whoever knows it.
    ...(typeof port === 'number' ? portProblems(`${path}.port`, port) : []),
    ...(typeof port === 'string' && port !== ''
      ? portNameProblems(port).map((problem) => invalid(`${path}.port`, port, problem))
      : []),
    ...(handler === 'httpGet' ? oneOf(`${path}.scheme`, httpGet?.scheme, ['HTTP', 'HTTPS']) : []),
  ];
}

function validateResources(
  { limits = {}, requests = {} }: NonNullable<Container['resources']>,
  path: string,
): FieldError[] {
  const of = (part: string, list: Readonly<Record<string, string>>): FieldError[] =>
    Object.entries(list ?? {}).flatMap(([name, amount]) => {
      const where = `${path}.${part}[${name}]`;
      const limit = part === 'requests' ? limits[name] : undefined;
      return [
        ...containerResourceProblems(name, where),
        ...amountProblems(name, amount, where),
        ...(limit !== undefined && compareResources(amount, limit) > 0
          ? [
              invalid(
                `${path}.requests`,
                amount,
                `must be less than or equal to ${name} limit of ${limit}`,
              ),
            ]
          : []),
      ];
    });
  return [...of('limits', limits), ...of('requests', requests)];
}

/** Go's own form of the structure, as upstream prints it. */
const securityFields = [
  'Capabilities',
  'Privileged',
  'SELinuxOptions',
  'WindowsOptions',
  'RunAsUser',
  'RunAsGroup',
  'RunAsNonRoot',
  'ReadOnlyRootFilesystem',
  'AllowPrivilegeEscalation',
  'ProcMount',
  'SeccompProfile',
  'AppArmorProfile',
] as const;

export const idProblems = (
  context: SecurityContext,
  path: string,
  fields: readonly string[],
): FieldError[] =>
  fields.flatMap((field) => {
    const id = context[field];
    return typeof id === 'number' && (id < 0 || id > ID_MAX)
      ? [invalid(`${path}.${field}`, id, `must be between 0 and ${ID_MAX}, inclusive`)]
      : [];
  });

function validateSecurity(context: SecurityContext, path: string): FieldError[] {
  const errors = idProblems(context, path, ['runAsUser', 'runAsGroup']);
  if (context.allowPrivilegeEscalation !== false) return errors;
  const printed = Object.fromEntries(
    securityFields.map((field) => {
      const key =
        field === 'SELinuxOptions'
          ? 'seLinuxOptions'
          : field.charAt(0).toLowerCase() + field.slice(1);
      return [field, context[key] ?? null];
    }),
  );
  if (context['privileged'] === true)
    errors.push(
      invalid(
        path,
        printed,
        'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ),
    );
  if (context.capabilities?.add?.includes('CAP_SYS_ADMIN'))
    errors.push(
      invalid(
        path,
        printed,
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      ),
    );
  return errors;
}
