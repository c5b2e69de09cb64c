/**
 * What a Service's addresses lead to: pure. One entry for each TCP or UDP port of a ClusterIP and of
 * a node port, with the endpoints that take its traffic now. SCTP ports have none.
 * Source: k8s.io/kubernetes pkg/proxy (which endpoints count).
 */
import { HEADLESS } from '../../apis/core/service-rules.ts';
import type { CoreService } from '../../apis/core/types.ts';
import type { EndpointSlice } from '../../apis/discovery/types.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export type Protocol = 'TCP' | 'UDP';

export interface ServiceTarget {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly endpoints: readonly Endpoint[];
  /** How long one client stays with one endpoint; undefined: each connection is on its own. */
  readonly affinityMs: number | undefined;
}

/** Whether the node's proxy stands before it. @param service of any type */
export const hasClusterIP = ({ spec }: CoreService): boolean =>
  spec.type !== 'ExternalName' && Boolean(spec.clusterIP) && spec.clusterIP !== HEADLESS;

/** @param nodeHosts the addresses of this machine at which node ports answer. */
export function makeTargets(
  service: CoreService,
  slices: readonly EndpointSlice[],
  nodeHosts: readonly string[],
): ServiceTarget[] {
  if (!hasClusterIP(service)) return [];
  const { clusterIP = '', ports = [], sessionAffinity, sessionAffinityConfig } = service.spec;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const affinityMs =
    sessionAffinity === 'ClientIP' && seconds !== undefined ? seconds * 1_000 : undefined;
  return ports.flatMap(({ name = '', port, nodePort, protocol = 'TCP' }) => {
    if (!isPassedOn(protocol)) return [];
    const target = { protocol, endpoints: endpointsOf(slices, name, protocol), affinityMs };
    return [
      { host: clusterIP, port, ...target },
      ...(nodePort ? nodeHosts.map((host) => ({ host, port: nodePort, ...target })) : []),
    ];
  });
}

/** Whether the proxy passes it on. */
export const isPassedOn = (protocol: string): protocol is Protocol =>
  protocol === 'TCP' || protocol === 'UDP';

/** Ready ones; while there are none, those that end but still serve, as upstream. */
function endpointsOf(
  slices: readonly EndpointSlice[],
  portName: string,
  wanted: Protocol,
): Endpoint[] {
  const ready = new Map<string, Endpoint>();
  const ending = new Map<string, Endpoint>();
  for (const { addressType, endpoints = [], ports = [] } of slices) {
    const port = ports.find(
      ({ name = '', protocol = 'TCP' }) => name === portName && protocol === wanted,
    )?.port;
    if (addressType !== 'IPv4' || port === undefined) continue;
    for (const { addresses, conditions = {} } of endpoints) {
      const host = addresses[0];
      if (host === undefined) continue;
      const isReady = conditions.ready !== false;
      const isEnding = conditions.terminating === true && conditions.serving !== false;
      if (isReady) ready.set(`${host}:${port}`, { host, port });
      else if (isEnding) ending.set(`${host}:${port}`, { host, port });
    }
  }
  return [...(ready.size > 0 ? ready : ending).values()];
}
