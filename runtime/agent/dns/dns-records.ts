/**
 * What a cluster name means: Services to addresses, as a pure lookup over listers. ExternalName is
 * followed. A Service has its ClusterIP where the node's proxy stands behind it, and the ready
 * addresses of its Endpoints or pods otherwise: a headless one, one with an SCTP port.
 */
import type { CoreService, Endpoints, Pod } from '../../apis/core/types.ts';
import { hasClusterIP, isPassedOn } from '../network/service-targets.ts';

export interface RecordSource {
  /** Whether ClusterIPs answer on this machine. */
  readonly hasProxy?: boolean;
  service(namespace: string, name: string): CoreService | undefined;
  endpoints(namespace: string, name: string): Endpoints | undefined;
  /** Pods with an address and Ready, by labels. */
  readyPods(namespace: string, labels: Readonly<Record<string, string>>): readonly Pod[];
}

export type Lookup =
  | { readonly type: 'addresses'; readonly addresses: readonly string[] }
  | { readonly type: 'missing' }
  /** Not ours: ask the machine's resolvers for this name. */
  | { readonly type: 'forward'; readonly name: string };

const CLUSTER_SUFFIX = '.svc.cluster.local';
/** An ExternalName that points in a circle ends here. */
const CHAIN_MAX = 8;

export function lookUp(name: string, source: RecordSource): Lookup {
  let current = name;
  for (let hop = 0; hop < CHAIN_MAX; hop++) {
    const key = parseServiceName(current);
    if (key === undefined) {
      if (current.endsWith('.cluster.local') || current === 'cluster.local')
        return { type: 'missing' };
      return { type: 'forward', name: current };
    }
    const service = source.service(key.namespace, key.name);
    if (!service) {
      // Short forms look like public names (`example.com`): those are somebody else's.
      return key.isQualified ? { type: 'missing' } : { type: 'forward', name: current };
    }
    const { externalName, type, selector } = service.spec;
    if (type === 'ExternalName' && externalName) {
      current = externalName.toLowerCase().replace(/\.$/, '');
      continue;
    }
    if (source.hasProxy && isProxied(service))
      return { type: 'addresses', addresses: [service.spec.clusterIP ?? ''] };
    const endpoints = source.endpoints(key.namespace, key.name);
    const addresses = endpoints
      ? (endpoints.subsets ?? []).flatMap(({ addresses: list = [] }) => list.map(({ ip }) => ip))
      : selector && Object.keys(selector).length > 0
        ? source.readyPods(key.namespace, selector).map(({ status }) => status?.podIP ?? '')
        : [];
    return { type: 'addresses', addresses: [...new Set(addresses)].filter(isIPv4) };
  }
  return { type: 'missing' };
}

/** `name.ns`, `name.ns.svc`, `name.ns.svc.cluster.local`; undefined for everything else. */
export function parseServiceName(
  text: string,
): { name: string; namespace: string; isQualified: boolean } | undefined {
  const isFull = text.endsWith(CLUSTER_SUFFIX);
  const isShort = !isFull && text.endsWith('.svc');
  const stem = isFull ? text.slice(0, -CLUSTER_SUFFIX.length) : isShort ? text.slice(0, -4) : text;
  const [name, namespace, ...rest] = stem.split('.');
  if (!name || !namespace || rest.length > 0) return undefined;
  return { name, namespace, isQualified: isFull || isShort };
}

/** A port that the proxy does not pass on is reached at the pods themselves. */
const isProxied = (service: CoreService): boolean =>
  hasClusterIP(service) &&
  (service.spec.ports ?? []).every(({ protocol = 'TCP' }) => isPassedOn(protocol));

const isIPv4 = (text: string): boolean => /^\d+\.\d+\.\d+\.\d+$/.test(text);
