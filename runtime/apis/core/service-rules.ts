/**
 * Defaults and validation of core/v1 Service. Which addresses and node ports it gets is decided by
 * the API server's allocation (runtime/apiserver/admission/service-addresses.ts), from which these
 * rules keep what an update leaves out. One address family only: IPv4.
 * Source: k8s.io/kubernetes pkg/apis/core/{v1,validation}, pkg/registry/core/service (behaviour, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import { duplicate, forbidden, invalid, oneOf, required } from '../meta/field-rule.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import { portNameProblems } from '../meta/name-rules.ts';
import type { CoreService, ServicePort, ServiceSpec } from './types.ts';

export const HEADLESS = 'None';
const AFFINITY_SECONDS_DEFAULT = 10_800;
const AFFINITY_SECONDS_MAX = 86_400;
const PORT_MAX = 65_535;
const serviceTypes = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];

export const needsClusterIP = ({ type }: ServiceSpec): boolean => type !== 'ExternalName';
export const needsNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' ||
  (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

/** @returns a copy with upstream's defaults, and with what an update may leave to the stored object. */
export function defaultService(object: CoreService, { old }: AdmissionContext): CoreService {
  const before = (old as CoreService | undefined)?.spec;
  const spec: ServiceSpec = { ...object.spec };
  spec.type ??= 'ClusterIP';
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinity === 'ClientIP')
    spec.sessionAffinityConfig = {
      clientIP: {
        timeoutSeconds:
          spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT,
      },
    };
  if (spec.ports) spec.ports = spec.ports.map(defaultPort);
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  normalizeClusterIPs(spec, before);
  if (before) {
    dropWhatNoLongerApplies(spec, before);
    keepAllocated(spec, before);
  }
  if (needsClusterIP(spec)) defaultFamilies(spec, before);
  return {
    ...object,
    spec,
    status: { loadBalancer: {}, ...object.status },
  };
}

function defaultPort(port: ServicePort): ServicePort {
  const { targetPort } = port;
  const isUnset = targetPort === undefined || targetPort === 0 || targetPort === '';
  return {
    ...port,
    protocol: port.protocol || 'TCP',
    targetPort: isUnset ? port.port : targetPort,
  };
}

const isExternallyAccessible = ({ type, externalIPs }: ServiceSpec): boolean =>
  type === 'LoadBalancer' ||
  type === 'NodePort' ||
  (type === 'ClusterIP' && (externalIPs ?? []).length > 0);

const isSame = (a: unknown, b: unknown): boolean =>
  JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** Clients may write the singular field alone; then the list follows it. */
function normalizeClusterIPs(spec: ServiceSpec, before: ServiceSpec | undefined): void {
  const { clusterIP = '', clusterIPs = [] } = spec;
  const oldIP = before?.clusterIP ?? '';
  if (!before || clusterIPs.length === 0) {
    if (clusterIP !== '' && clusterIPs.length === 0) spec.clusterIPs = [clusterIP];
    return;
  }
  if (clusterIP === oldIP || !isSame(clusterIPs, before.clusterIPs)) return;
  if (clusterIP === '') delete spec.clusterIPs;
  else spec.clusterIPs = [clusterIP];
}

/** Fields that the server once filled in, of a type that the Service no longer has. */
function dropWhatNoLongerApplies(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && !needsClusterIP(spec)) {
    if (isSame(spec.clusterIPs, before.clusterIPs)) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (isSame(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (isSame(spec.ipFamilyPolicy, before.ipFamilyPolicy)) delete spec.ipFamilyPolicy;
    if (isSame(spec.internalTrafficPolicy, before.internalTrafficPolicy))
      delete spec.internalTrafficPolicy;
  }
  const nodePortsOf = (one: ServiceSpec): number[] =>
    (one.ports ?? []).map(({ nodePort }) => nodePort ?? 0).sort((a, b) => a - b);
  if (
    needsNodePort(before) &&
    !needsNodePort(spec) &&
    isSame(nodePortsOf(spec), nodePortsOf(before))
  )
    spec.ports = (spec.ports ?? []).map((port) => {
      const copy = { ...port };
      delete copy.nodePort;
      return copy;
    });
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (
    isExternallyAccessible(before) &&
    !isExternallyAccessible(spec) &&
    spec.externalTrafficPolicy === before.externalTrafficPolicy
  )
    delete spec.externalTrafficPolicy;
}

/** An update that does not name what was allocated means to keep it. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && needsClusterIP(spec)) {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && before.clusterIPs)
      spec.clusterIPs = [...before.clusterIPs];
  }
  if (!needsNodePort(before) || !needsNodePort(spec) || !spec.ports) return;
  const wanted = new Set(spec.ports.map(({ nodePort }) => nodePort ?? 0));
  const known = new Map((before.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
  spec.ports = spec.ports.map((port) => {
    const nodePort = known.get(port.name ?? '');
    return port.nodePort || !nodePort || wanted.has(nodePort) ? port : { ...port, nodePort };
  });
}

/** A headless Service without selector may have endpoints of any family: nobody here judges them. */
function defaultFamilies(spec: ServiceSpec, before: ServiceSpec | undefined): void {
  const isFreeOfSelection =
    spec.clusterIP === HEADLESS && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??=
    before?.ipFamilyPolicy ?? (isFreeOfSelection ? 'RequireDualStack' : 'SingleStack');
  if ((spec.ipFamilies ?? []).length > 0) return;
  spec.ipFamilies =
    isFreeOfSelection && spec.ipFamilyPolicy !== 'SingleStack' ? ['IPv4', 'IPv6'] : ['IPv4'];
}

/** All problems of a defaulted Service; of an update also those against the stored one. */
export function validateService(object: CoreService, context: AdmissionContext): FieldError[] {
  const { spec } = object;
  const before = (context.old as CoreService | undefined)?.spec;
  return [
    ...(before ? validateKept(spec, before) : []),
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateAffinity(spec),
    ...validateClusterIPs(spec),
    ...oneOf('spec.type', spec.type, serviceTypes),
    ...validateTrafficPolicies(spec),
  ];
}

function validateKept(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || before.type === 'ExternalName') return [];
  const { clusterIPs = [] } = spec;
  const { clusterIPs: oldIPs = [] } = before;
  if (oldIPs.length > 0 && clusterIPs.length === 0)
    return [invalid('spec.clusterIPs[0]', clusterIPs, 'primary clusterIP can not be unset')];
  return oldIPs.length > 0 && oldIPs[0] !== clusterIPs[0]
    ? [invalid('spec.clusterIPs[0]', clusterIPs, 'may not change once set')]
    : [];
}

const isHeadless = ({ clusterIP, type }: ServiceSpec): boolean =>
  clusterIP === HEADLESS && type !== 'ExternalName';

function validateType(spec: ServiceSpec): FieldError[] {
  const { type, clusterIPs = [], ports = [], externalName } = spec;
  if (type === 'ExternalName') {
    const unwanted = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const).filter((field) => {
      const value = spec[field];
      return Array.isArray(value) ? value.length > 0 : value !== undefined;
    });
    const errors = unwanted.map((field) =>
      forbidden(`spec.${field}`, 'may not be set for ExternalName services'),
    );
    const name = externalName?.replace(/\.$/, '') ?? '';
    if (name === '') return [...errors, required('spec.externalName')];
    return subdomainPattern.test(name)
      ? errors
      : [
          ...errors,
          invalid(
            'spec.externalName',
            name,
            `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
          ),
        ];
  }
  if (!isHeadless(spec)) return ports.length === 0 ? [required('spec.ports')] : [];
  return type === 'LoadBalancer' || type === 'NodePort'
    ? [
        invalid(
          'spec.clusterIPs[0]',
          clusterIPs[0],
          `may not be set to 'None' for ${type} services`,
        ),
      ]
    : [];
}

const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function validatePorts({ ports = [], type }: ServiceSpec): FieldError[] {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  return ports.flatMap((port, index) => {
    const path = `spec.ports[${index}]`;
    const { name = '', protocol = '', port: number, targetPort, nodePort = 0 } = port;
    const errors: FieldError[] = [];
    if (ports.length > 1 && name === '') errors.push(required(`${path}.name`));
    if (name !== '' && !labelPattern.test(name))
      errors.push(
        invalid(
          `${path}.name`,
          name,
          `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
        ),
      );
    if (name !== '' && names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    if (!isPort(number))
      errors.push(invalid(`${path}.port`, number ?? 0, 'must be between 1 and 65535, inclusive'));
    errors.push(...oneOf(`${path}.protocol`, protocol, protocols));
    if (typeof targetPort === 'number' && !isPort(targetPort))
      errors.push(
        invalid(`${path}.targetPort`, targetPort, 'must be between 1 and 65535, inclusive'),
      );
    if (typeof targetPort === 'string')
      for (const problem of portNameProblems(targetPort))
        errors.push(invalid(`${path}.targetPort`, targetPort, problem));
    if (type === 'ClusterIP' && nodePort !== 0)
      errors.push(forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    if (nodePort !== 0 && nodePorts.has(`${protocol} ${nodePort}`))
      errors.push(duplicate(`${path}.nodePort`, nodePort));
    nodePorts.add(`${protocol} ${nodePort}`);
    if (numbers.has(`${protocol} ${number}`))
      errors.push(duplicate(path, asInternalPort(number, protocol)));
    numbers.add(`${protocol} ${number}`);
    return errors;
  });
}

/** Upstream prints the key by which it compares: a whole port in its internal form. */
const asInternalPort = (port: number, protocol: string): object => ({
  Name: '',
  Protocol: protocol,
  AppProtocol: null,
  Port: port,
  TargetPort: 0,
  NodePort: 0,
});

const isPort = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= PORT_MAX;

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  const errors = oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  if (sessionAffinity !== 'ClientIP') return errors;
  const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (typeof seconds !== 'number') return [...errors, required(path)];
  return seconds > 0 && seconds <= AFFINITY_SECONDS_MAX
    ? errors
    : [
        ...errors,
        invalid(path, seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`),
      ];
}

function validateClusterIPs(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const path = 'spec.clusterIPs';
  const errors: FieldError[] = [];
  if (clusterIP === '' && clusterIPs.length > 0)
    errors.push(invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  if (clusterIP !== '' && clusterIPs[0] !== clusterIP)
    errors.push(invalid(path, clusterIPs, 'first value must match `clusterIP`'));
  errors.push(
    ...ipFamilies.flatMap((family, index) =>
      oneOf(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6']),
    ),
    ...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, [
      'PreferDualStack',
      'RequireDualStack',
      'SingleStack',
    ]),
  );
  for (const [index, ip] of clusterIPs.entries()) {
    if (index === 0 && ip === HEADLESS) {
      if (clusterIPs.length > 1)
        errors.push(invalid(path, clusterIPs, "'None' must be the first and only value"));
    } else if (!isIPv4(ip) && !ip.includes(':'))
      errors.push(
        invalid(
          `${path}[${index}]`,
          ip,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
  }
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) return errors;
  if (ipFamilyPolicy === 'RequireDualStack')
    errors.push(
      invalid(
        'spec.ipFamilyPolicy',
        ipFamilyPolicy,
        'this cluster is not configured for dual-stack services',
      ),
    );
  for (const [index, family] of ipFamilies.entries())
    if (family === 'IPv6')
      errors.push(invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  return errors;
}

function validateTrafficPolicies(spec: ServiceSpec): FieldError[] {
  const { externalTrafficPolicy, internalTrafficPolicy } = spec;
  const external = 'spec.externalTrafficPolicy';
  return [
    ...(isExternallyAccessible(spec)
      ? oneOf(external, externalTrafficPolicy, ['Cluster', 'Local'])
      : externalTrafficPolicy
        ? [
            invalid(
              external,
              externalTrafficPolicy,
              'may only be set for externally-accessible services',
            ),
          ]
        : []),
    ...oneOf('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']),
    ...(spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer'
      ? [
          forbidden(
            'spec.allocateLoadBalancerNodePorts',
            "may only be used when `type` is 'LoadBalancer'",
          ),
        ]
      : []),
  ];
}

function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  );
}
