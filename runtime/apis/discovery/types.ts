/** discovery.k8s.io/v1 EndpointSlice: where a Service's traffic may go. */
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface SliceEndpoint {
  addresses: string[];
  /** An absent condition is taken for true (`terminating`: for false). */
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  hostname?: string;
  nodeName?: string;
  targetRef?: { kind?: string; name?: string; namespace?: string; uid?: string };
  zone?: string;
}

export interface SlicePort {
  name?: string;
  /** Absent: all ports. */
  port?: number;
  protocol?: string;
  appProtocol?: string;
}

export interface EndpointSlice extends KubeObject {
  addressType: 'IPv4' | 'IPv6' | 'FQDN';
  endpoints?: SliceEndpoint[];
  ports?: SlicePort[];
}

export const endpointSliceKind: ResourceKind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

/** Names the Service of a slice. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Names who keeps a slice; others leave it alone. */
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
/** On Endpoints: not to be mirrored into slices. */
export const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
