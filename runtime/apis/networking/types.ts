/** networking.internal.knative.dev/v1alpha1 Ingress: what the Route controller asks of the gateway. */
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface IngressBackendSplit {
  /** The Revision's name; Knative names the revision's Kubernetes Service the same. */
  serviceName: string;
  serviceNamespace: string;
  servicePort: number | string;
  /** 0..100; the splits of one path add up to 100. */
  percent: number;
  appendHeaders?: Record<string, string>;
}

export interface HTTPIngressPath {
  path?: string;
  rewriteHost?: string;
  /** Exact header matches, e.g. `Knative-Serving-Tag`. */
  headers?: Record<string, { exact: string }>;
  appendHeaders?: Record<string, string>;
  splits: IngressBackendSplit[];
}

export interface IngressRule {
  hosts: string[];
  visibility: 'ExternalIP' | 'ClusterLocal';
  http: { paths: HTTPIngressPath[] };
}

export interface LoadBalancerStatus {
  ingress?: { ip?: string; domain?: string; domainInternal?: string; meshOnly?: boolean }[];
}

export interface Ingress extends KubeObject {
  spec: {
    rules: IngressRule[];
    httpOption?: 'Enabled' | 'Redirected';
    tls?: { hosts: string[]; secretName: string; secretNamespace: string }[];
  };
  status?: {
    observedGeneration?: number;
    /** Ready <- NetworkConfigured, LoadBalancerReady. Written by the gateway when its table has the rules. */
    conditions?: Condition[];
    publicLoadBalancer?: LoadBalancerStatus;
    privateLoadBalancer?: LoadBalancerStatus;
  };
}

export const ingressKind: ResourceKind<Ingress> = {
  group: 'networking.internal.knative.dev',
  version: 'v1alpha1',
  kind: 'Ingress',
  plural: 'ingresses',
  namespaced: true,
};

/** The right of a namespace to map a host name, which is the object's name. */
export interface ClusterDomainClaim extends KubeObject {
  spec: { namespace: string };
}

export const clusterDomainClaimKind: ResourceKind<ClusterDomainClaim> = {
  group: 'networking.internal.knative.dev',
  version: 'v1alpha1',
  kind: 'ClusterDomainClaim',
  plural: 'clusterdomainclaims',
  namespaced: false,
};
