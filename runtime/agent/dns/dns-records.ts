/**
 * What a cluster name means: Services to addresses, as a pure lookup over listers. ExternalName is
 * followed. A Service has its ClusterIP where the node's proxy stands behind it, and the ready
 * addresses of its Endpoints or pods otherwise: a headless one, one with an SCTP port.
 */
import type { CoreService, Endpoints, Pod } from '../../apis/core/types.ts';
import type { ServiceRecord } from './dns-packet.ts';
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
  | {
      readonly type: 'addresses';
      readonly addresses: readonly string[];
      /** Of a name such as `_http._tcp.web.shop.svc.cluster.local`, which has no addresses. */
      readonly services?: readonly ServiceRecord[];
    }
  | { readonly type: 'missing' }
  /** Not ours: ask the machine's resolvers for this name. */
  | { readonly type: 'forward'; readonly name: string };

const CLUSTER_SUFFIX = '.svc.cluster.local';
const POD_SUFFIX = '.pod.cluster.local';
/** An ExternalName that points in a circle ends here. */
const CHAIN_MAX = 8;

export function lookUp(name: string, source: RecordSource): Lookup {
  let current = name;
  for (let hop = 0; hop < CHAIN_MAX; hop++) {
    const key = parseServiceName(current);
    if (key === undefined) return lookUpBelow(current, source);
    const service = source.service(key.namespace, key.name);
    if (!service) {
      // Short forms look like public names (`example.com`): those are somebody else's.
      return key.isQualified ? { type: 'missing' } : { type: 'forward', name: current };
    }
    const { externalName, type } = service.spec;
    if (type === 'ExternalName' && externalName) {
      current = externalName.toLowerCase().replace(/\.$/, '');
      continue;
    }
    if (source.hasProxy && isProxied(service))
      return { type: 'addresses', addresses: [service.spec.clusterIP ?? ''] };
    const addresses = readyHosts(service, key, source).map(({ ip }) => ip);
    return { type: 'addresses', addresses: [...new Set(addresses)].filter(isIPv4) };
  }
  return { type: 'missing' };
}

/** Names longer than a Service's: a pod by its address, one host of a Service, one port of it. */
function lookUpBelow(name: string, source: RecordSource): Lookup {
  if (name.endsWith(POD_SUFFIX)) {
    const [dashed = '', namespace, ...rest] = name.slice(0, -POD_SUFFIX.length).split('.');
    const address = dashed.replaceAll('-', '.');
    return namespace && rest.length === 0 && isIPv4(address)
      ? { type: 'addresses', addresses: [address] }
      : { type: 'missing' };
  }
  const isInCluster = name.endsWith('.cluster.local') || name === 'cluster.local';
  if (!name.endsWith(CLUSTER_SUFFIX))
    return isInCluster ? { type: 'missing' } : { type: 'forward', name };
  const labels = name.slice(0, -CLUSTER_SUFFIX.length).split('.');
  const [namespace = '', service = '', ...before] = labels.toReversed();
  const key = { namespace, name: service };
  const found = source.service(namespace, service);
  if (!found || found.spec.type === 'ExternalName') return { type: 'missing' };
  const [first = '', second] = before;
  if (second === undefined) {
    const hosts = readyHosts(found, key, source).filter((one) => hostLabel(one) === first);
    if (hosts.length === 0) return { type: 'missing' };
    return { type: 'addresses', addresses: hosts.map(({ ip }) => ip).filter(isIPv4) };
  }
  const services = before.length === 2 ? lookUpPort(found, key, second, first, source) : [];
  return services.length === 0
    ? { type: 'missing' }
    : { type: 'addresses', addresses: [], services };
}

/** As the cluster's name server: the Service itself where it has an address, each of its hosts else. */
function lookUpPort(
  service: CoreService,
  key: ServiceKey,
  portLabel: string,
  protocolLabel: string,
  source: RecordSource,
): ServiceRecord[] {
  const port = service.spec.ports?.find(
    ({ name, protocol = 'TCP' }) =>
      `_${name}` === portLabel && `_${protocol.toLowerCase()}` === protocolLabel,
  );
  if (!port) return [];
  const zone = `${key.name}.${key.namespace}${CLUSTER_SUFFIX}`;
  if (hasClusterIP(service)) return [{ port: port.port, target: zone }];
  return readyHosts(service, key, source).map((host) => ({
    port: host.ports.get(port.name ?? '') ?? port.port,
    target: `${hostLabel(host)}.${zone}`,
  }));
}

interface ServiceKey {
  readonly namespace: string;
  readonly name: string;
}

interface Host {
  readonly ip: string;
  readonly hostname?: string | undefined;
  /** By name: where it really listens. */
  readonly ports: ReadonlyMap<string, number>;
}

/** A host that has no name of its own is called by its address. */
const hostLabel = ({ hostname, ip }: Host): string => hostname ?? ip.replaceAll('.', '-');

function readyHosts({ spec }: CoreService, key: ServiceKey, source: RecordSource): Host[] {
  const endpoints = source.endpoints(key.namespace, key.name);
  if (endpoints)
    return (endpoints.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
      const byName = new Map(ports.map(({ name = '', port }) => [name, port]));
      return addresses.map(({ ip, hostname }) => ({ ip, hostname, ports: byName }));
    });
  const { selector } = spec;
  if (!selector || Object.keys(selector).length === 0) return [];
  return source
    .readyPods(key.namespace, selector)
    .map(({ status }) => ({ ip: status?.podIP ?? '', ports: new Map() }));
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
