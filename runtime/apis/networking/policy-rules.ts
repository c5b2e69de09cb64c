/** What a NetworkPolicy may say. Pure. Source: k8s.io/kubernetes pkg/apis/networking/validation (rules, words). */
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, notSupported, required } from '../meta/field-rule.ts';
import { type LabelSelector, validateSelector } from '../meta/label-selector.ts';
import { portNameProblems } from '../meta/name-rules.ts';

export interface PolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr?: string; except?: string[] };
}

export interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export interface PolicyRule {
  ports?: PolicyPort[];
  from?: PolicyPeer[];
  to?: PolicyPeer[];
}

export interface PolicySpec {
  podSelector?: LabelSelector;
  policyTypes?: string[];
  ingress?: PolicyRule[];
  egress?: PolicyRule[];
}

const PORT_MAX = 65_535;
const PORT_RULE = 'must be between 1 and 65535, inclusive';
const CIDR_RULE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

export function validatePolicy(spec: PolicySpec): FieldError[] {
  const types = spec.policyTypes ?? [];
  return [
    ...validateSelector(spec.podSelector ?? {}, 'spec.podSelector'),
    ...(['ingress', 'egress'] as const).flatMap((way) =>
      (spec[way] ?? []).flatMap((rule, index) => ruleProblems(rule, `spec.${way}[${index}]`)),
    ),
    ...(types.length > policyTypes.length
      ? [invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : types.flatMap((type, index) =>
          policyTypes.includes(type)
            ? []
            : [notSupported(`spec.policyTypes[${index}]`, type, policyTypes)],
        )),
  ];
}

function ruleProblems(rule: PolicyRule, path: string): FieldError[] {
  return [
    ...(rule.ports ?? []).flatMap((port, index) => portProblems(port, `${path}.ports[${index}]`)),
    ...(['from', 'to'] as const).flatMap((side) =>
      (rule[side] ?? []).flatMap((peer, index) => peerProblems(peer, `${path}.${side}[${index}]`)),
    ),
  ];
}

function portProblems({ protocol, port, endPort }: PolicyPort, path: string): FieldError[] {
  const inRange = (field: string, value: number): FieldError[] =>
    value >= 1 && value <= PORT_MAX ? [] : [invalid(`${path}.${field}`, value, PORT_RULE)];
  const errors: FieldError[] =
    protocol === undefined || protocols.includes(protocol)
      ? []
      : [notSupported(`${path}.protocol`, protocol, protocols)];
  const end = `${path}.endPort`;
  if (typeof port === 'number') {
    errors.push(...inRange('port', port));
    if (endPort !== undefined && endPort < port)
      errors.push(invalid(end, port, 'must be greater than or equal to `port`'));
    if (endPort !== undefined) errors.push(...inRange('endPort', endPort));
  } else if (port === undefined) {
    if (endPort !== undefined)
      errors.push(invalid(end, endPort, 'may not be specified when `port` is not specified'));
  } else {
    if (endPort !== undefined)
      errors.push(invalid(end, endPort, 'may not be specified when `port` is non-numeric'));
    errors.push(...portNameProblems(port).map((problem) => invalid(`${path}.port`, port, problem)));
  }
  return errors;
}

function peerProblems(peer: PolicyPeer, path: string): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const count = [podSelector, namespaceSelector, ipBlock].filter(Boolean).length;
  return [
    ...(podSelector ? validateSelector(podSelector, `${path}.podSelector`) : []),
    ...(namespaceSelector ? validateSelector(namespaceSelector, `${path}.namespaceSelector`) : []),
    ...(ipBlock ? blockProblems(ipBlock, `${path}.ipBlock`) : []),
    ...(count === 0 ? [required(path, 'must specify a peer')] : []),
    ...(count > 1 && ipBlock
      ? [forbidden(path, 'may not specify both ipBlock and another peer')]
      : []),
  ];
}

function blockProblems(
  { cidr = '', except = [] }: NonNullable<PolicyPeer['ipBlock']>,
  path: string,
): FieldError[] {
  if (cidr === '') return [required(`${path}.cidr`)];
  const block = parseBlock(cidr);
  if (!block) return [invalid(`${path}.cidr`, cidr, CIDR_RULE)];
  return except.flatMap((text, index) => {
    const where = `${path}.except[${index}]`;
    const part = parseBlock(text);
    if (!part) return [invalid(where, text, CIDR_RULE)];
    const isInside =
      part.bits === block.bits &&
      part.length > block.length &&
      part.address >> BigInt(block.bits - block.length) ===
        block.address >> BigInt(block.bits - block.length);
    return isInside ? [] : [invalid(where, text, 'must be a strict subset of `cidr`')];
  });
}

interface Block {
  readonly address: bigint;
  /** Of the whole address: 32 or 128. */
  readonly bits: number;
  readonly length: number;
}

function parseBlock(text: string): Block | undefined {
  const [, ip = '', lengthText = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const isV6 = ip.includes(':');
  const address = isV6 ? parseV6(ip) : parseV4(ip);
  const bits = isV6 ? 128 : 32;
  const length = Number(lengthText);
  return address === undefined || lengthText === '' || length > bits
    ? undefined
    : { address, bits, length };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  const isValid =
    parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  return isValid ? parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) : undefined;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
