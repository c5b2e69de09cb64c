/** Names of the local home that more than one process uses. */
import { createHash } from 'node:crypto';

/** Services are at `http://<name>.<namespace>.localhost:<port>`; browsers and curl resolve it to loopback. */
export const LOCAL_DOMAIN = 'localhost';
export const GATEWAY_SERVICE_HOST = 'knit-gateway.knative-serving.svc.cluster.local';
export const BROKER_INGRESS_HOST = 'broker-ingress.knative-eventing.svc.cluster.local';

/**
 * The bridge of a home's pods. Name and network are derived from the home's path, so that two
 * runtimes on one machine do not meet: 10.64-10.127.0.0/16, which Docker and Podman do not use.
 */
export function bridgeOf(homeRoot: string): { name: string; cidr: string } {
  const hash = createHash('sha256').update(homeRoot).digest();
  return {
    name: `knit${hash.toString('hex').slice(0, 4)}`,
    cidr: `10.${64 + ((hash[3] ?? 0) % 64)}.0.0/16`,
  };
}

/**
 * The network of a home's ClusterIPs: 10.128-10.191.0.0/16 beside the bridge. Plain processes see
 * the machine's own network, where only loopback takes new addresses without being root.
 */
export function serviceCidrOf(homeRoot: string, driver: 'oci' | 'process'): string {
  const hash = createHash('sha256').update(homeRoot).digest();
  const part = (hash[3] ?? 0) % 64;
  return driver === 'oci' ? `10.${128 + part}.0.0/16` : `127.${128 + part}.0.0/16`;
}
