/**
 * The API server's own Service, `kubernetes` in `default`: how programs in pods find it. Written at
 * each start, because the port may be another one. Source: k8s.io/kubernetes
 * pkg/controlplane/controller/kubernetesservice (behaviour).
 */
import { coreServiceKind, endpointsKind } from '../apis/core/types.ts';
import type { CoreService, Endpoints } from '../apis/core/types.ts';
import {
  endpointSliceKind,
  SERVICE_NAME_LABEL,
  SKIP_MIRROR_LABEL,
} from '../apis/discovery/types.ts';
import type { EndpointSlice } from '../apis/discovery/types.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { KubeClient } from '../kube/client.ts';

const NAME = 'kubernetes';
const NAMESPACE = 'default';
const SERVICE_PORT = 443;
const MANAGER = 'kube-apiserver';

export interface ApiServerAddress {
  /** The first address of the Service network. */
  readonly clusterIP: string;
  /** Where the TLS listener is, as the machine itself reaches it. */
  readonly host: string;
  readonly port: number;
}

/** Creates or corrects Service, Endpoints and EndpointSlice. @throws {ApiError} */
export async function publishKubernetesService(
  client: KubeClient,
  address: ApiServerAddress,
): Promise<void> {
  const { clusterIP, host, port } = address;
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const ports = [{ name: 'https', port: SERVICE_PORT, protocol: 'TCP', targetPort: port }];
  const service: CoreService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports, sessionAffinity: 'None' },
  };
  const before = await client.get(coreServiceKind, { namespace: NAMESPACE, name: NAME });
  // An address cannot be changed, and the network is another one when the pods' driver is.
  if (before && before.spec.clusterIP !== clusterIP)
    await client.delete(coreServiceKind, { namespace: NAMESPACE, name: NAME });
  await client.apply(coreServiceKind, service, { fieldManager: MANAGER, force: true });
  const endpoints: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { [SKIP_MIRROR_LABEL]: 'true' } },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: NAME, namespace: NAMESPACE, labels: { [SERVICE_NAME_LABEL]: NAME } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
  await replace(client, endpointsKind, endpoints);
  await replace(client, endpointSliceKind, slice);
}

/** What it held before is of no interest: only this server may write it. */
async function replace<T extends KubeObject>(
  client: KubeClient,
  kind: ResourceKind<T>,
  object: T,
): Promise<void> {
  const { name, namespace = '' } = object.metadata;
  const before = await client.get(kind, { namespace, name });
  if (!before) {
    await client.create(kind, object);
    return;
  }
  const { resourceVersion = '' } = before.metadata;
  await client.update(kind, { ...object, metadata: { ...object.metadata, resourceVersion } });
}
