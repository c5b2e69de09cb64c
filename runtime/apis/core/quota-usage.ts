/**
 * What an object counts for in a ResourceQuota, and which quotas it is counted in. Admission asks
 * before an object is let in, the quota controller counts what is there. Pure.
 * Source: k8s.io/kubernetes pkg/quota/v1/evaluator/core, k8s.io/apiserver pkg/quota/v1/generic (behaviour).
 */
import type { KubeObject } from '../meta/object.ts';
import { podResources } from './pod-resources.ts';
import { qosClassOf } from './qos-class.ts';
import { addResources, formatResources, type ResourceList } from './resource-list.ts';
import type { CoreService, PersistentVolumeClaim, Pod, ResourceQuota } from './types.ts';

export interface CountedResource {
  readonly group: string;
  readonly plural: string;
}

export interface ScopeRequirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

const STORAGE_CLASS_INFIX = '.storageclass.storage.k8s.io/';
const REQUESTS_PREFIX = 'requests.';
const HUGE_PAGES_PREFIX = 'hugepages-';
const EPHEMERAL = 'ephemeral-storage';
const claimResources = ['persistentvolumeclaims', 'requests.storage'];
const serviceResources = ['services', 'services.nodeports', 'services.loadbalancers'];
const computeResources = ['cpu', 'memory', EPHEMERAL];
const podResourceNames = new Set([
  'pods',
  'count/pods',
  ...computeResources.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
/** Kinds that have a name of their own beside `count/...`. */
const aliases = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']);
/** Kinds that no quota counts: notes, and questions that are never stored. */
const uncounted = new Set(['events', 'bindings', 'componentstatuses']);
/** Each container must say these where a quota counts them. */
const requiredOfContainers = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

const countName = ({ group, plural }: CountedResource): string =>
  group === '' ? `count/${plural}` : `count/${plural}.${group}`;

/** The resources of a quota that objects of this kind can use up. */
export function countedNames(resource: CountedResource, names: readonly string[]): string[] {
  const { group, plural } = resource;
  const count = countName(resource);
  if (uncounted.has(plural)) return [];
  if (group !== '') return names.filter((name) => name === count);
  if (plural === 'pods')
    return names.filter(
      (name) =>
        podResourceNames.has(name) ||
        name.startsWith(HUGE_PAGES_PREFIX) ||
        name.startsWith(REQUESTS_PREFIX + HUGE_PAGES_PREFIX) ||
        (name.startsWith(REQUESTS_PREFIX) && isExtended(name.slice(REQUESTS_PREFIX.length))),
    );
  if (plural === 'services')
    return names.filter((name) => name === count || serviceResources.includes(name));
  if (plural === 'persistentvolumeclaims')
    return names.filter(
      (name) =>
        name === count ||
        claimResources.includes(name) ||
        claimResources.some((end) => name.endsWith(STORAGE_CLASS_INFIX + end)),
    );
  return names.filter((name) => name === count || (aliases.has(plural) && name === plural));
}

/** A resource of somebody's own, such as `example.com/gpu`. */
const isExtended = (name: string): boolean =>
  name.includes('/') && !(name.split('/')[0] ?? '').endsWith('kubernetes.io');

/** @param nowMs wall time: a Pod whose time to stop is over counts no longer. */
export function usageOf(
  resource: CountedResource,
  object: KubeObject,
  nowMs: number,
): ResourceList {
  const { group, plural } = resource;
  const one = { [countName(resource)]: '1' };
  if (group !== '') return one;
  if (plural === 'pods') return podUsage(object as Pod, nowMs);
  if (plural === 'services') return { ...one, ...serviceUsage(object as CoreService) };
  if (plural === 'persistentvolumeclaims')
    return { ...one, ...claimUsage(object as PersistentVolumeClaim) };
  return aliases.has(plural) ? { ...one, [plural]: '1' } : one;
}

function podUsage(pod: Pod, nowMs: number): ResourceList {
  const count = { 'count/pods': '1' };
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed' || isOverdue(pod, nowMs)) return count;
  const { requests, limits } = podResources(pod.spec);
  return addResources(count, computeUsage(requests, limits));
}

function isOverdue({ metadata }: Pod, nowMs: number): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  return nowMs > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1_000;
}

function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage: Record<string, string> = { pods: '1' };
  for (const name of computeResources) {
    const [request, limit] = [requests[name], limits[name]];
    if (request !== undefined) usage[name] = usage[REQUESTS_PREFIX + name] = request;
    if (limit !== undefined) usage[`limits.${name}`] = limit;
  }
  for (const [name, request] of Object.entries(requests)) {
    if (name.startsWith(HUGE_PAGES_PREFIX)) usage[name] = request;
    if (name.startsWith(HUGE_PAGES_PREFIX) || isExtended(name))
      usage[REQUESTS_PREFIX + name] = request;
  }
  return usage;
}

function serviceUsage({ spec }: CoreService): ResourceList {
  const ports = spec.ports ?? [];
  const isBalanced = spec.type === 'LoadBalancer';
  const isAllocated = !isBalanced || spec.allocateLoadBalancerNodePorts !== false;
  const nodePorts =
    spec.type !== 'NodePort' && !isBalanced
      ? 0
      : ports.filter(({ nodePort }) => isAllocated || nodePort).length;
  return {
    services: '1',
    'services.nodeports': String(nodePorts),
    'services.loadbalancers': isBalanced ? '1' : '0',
  };
}

function claimUsage({ metadata, spec }: PersistentVolumeClaim): ResourceList {
  const storageClass =
    metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName;
  const storage = spec.resources?.requests?.['storage'];
  const usage: Record<string, string> = {
    persistentvolumeclaims: '1',
    ...(storage === undefined ? {} : { 'requests.storage': storage }),
  };
  if (storageClass)
    for (const [name, amount] of Object.entries(usage))
      usage[`${storageClass}${STORAGE_CLASS_INFIX}${name}`] = amount;
  return usage;
}

const scopesOf = ({ spec }: ResourceQuota): readonly ScopeRequirement[] => [
  ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
];

/** Whether the object lies within the quota's scopes; only Pods have any. */
export function isInScope(
  quota: ResourceQuota,
  { group, plural }: CountedResource,
  object: KubeObject,
): boolean {
  const isPod = group === '' && plural === 'pods';
  return scopesOf(quota).every((scope) => isPod && isPodInScope(object as Pod, scope));
}

function isPodInScope({ spec }: Pod, { scopeName, operator, values }: ScopeRequirement): boolean {
  const isTerminating = spec['activeDeadlineSeconds'] !== undefined;
  switch (scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass': {
      const name = (spec['priorityClassName'] as string | undefined) ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return (name !== '' && (values ?? []).includes(name)) === (operator === 'In');
    }
    case 'CrossNamespacePodAffinity':
      return hasForeignAffinity(spec['affinity']);
    default:
      return false;
  }
}

interface AffinityTerm {
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: unknown;
  readonly podAffinityTerm?: AffinityTerm;
}

/** Whether a Pod's place depends on Pods of other namespaces. */
function hasForeignAffinity(affinity: unknown): boolean {
  const { podAffinity, podAntiAffinity } = (affinity ?? {}) as Record<
    string,
    Readonly<Record<string, readonly AffinityTerm[]>> | undefined
  >;
  return [podAffinity, podAntiAffinity].some((part) =>
    Object.values(part ?? {}).some((terms) =>
      terms
        .map((term) => term.podAffinityTerm ?? term)
        .some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined),
    ),
  );
}

/**
 * What containers of the Pod leave unsaid although the quota counts it.
 * @returns `cpu for: main; memory for: main,side`; empty when nothing is missing.
 */
export function missingResources({ spec }: Pod, names: readonly string[]): string {
  const pod = spec['resources'] as { requests?: ResourceList; limits?: ResourceList } | undefined;
  if (formatResources({ ...pod?.requests, ...pod?.limits }) !== '') return '';
  const required = names.filter((name) => requiredOfContainers.has(name)).sort();
  const missing = required.flatMap((name) => {
    const containers = [...spec.containers, ...(spec.initContainers ?? [])]
      .filter(
        ({ resources }) =>
          computeUsage(resources?.requests ?? {}, resources?.limits ?? {})[name] === undefined,
      )
      .map((container) => container.name);
    return containers.length === 0
      ? []
      : [`${name} for: ${[...new Set(containers)].sort().join(',')}`];
  });
  return missing.join('; ');
}
