/**
 * networking.k8s.io/v1 Ingress, IngressClass and NetworkPolicy: stored and shown, for manifests that
 * carry them. Knit's gateway routes by Knative's own Ingress and by HTTPRoute.
 * Source: k8s.io/kubernetes pkg/apis/networking (defaults, rules).
 */
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import { type IngressSpec, validateIngress } from './ingress-rules.ts';
import { type PolicyRule, type PolicySpec, validatePolicy } from './policy-rules.ts';

interface CoreIngress extends KubeObject {
  spec?: IngressSpec;
  status?: { loadBalancer?: unknown };
}

interface NetworkPolicy extends KubeObject {
  spec?: PolicySpec;
}

const networking = { group: 'networking.k8s.io', version: 'v1' } as const;

const ingress: KindDefinition<CoreIngress> = {
  ...networking,
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  namespaced: true,
  hasStatus: true,
  applyDefaults: (object) => ({ ...object, status: { loadBalancer: {}, ...object.status } }),
  validate: ({ spec }) => validateIngress(spec),
};

const networkPolicy: KindDefinition<NetworkPolicy> = {
  ...networking,
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  hasStatus: false,
  applyDefaults: (object) =>
    object.spec ? { ...object, spec: defaultPolicy(object.spec) } : object,
  validate: ({ spec = {} }) => validatePolicy(spec),
};

export const builtinNetworkingDefinitions: readonly KindDefinition[] = [
  ingress,
  {
    ...networking,
    kind: 'IngressClass',
    plural: 'ingressclasses',
    singular: 'ingressclass',
    namespaced: false,
    hasStatus: false,
  },
  networkPolicy,
];

/** A policy is about what comes in, and about what goes out if it says anything of that. */
function defaultPolicy(spec: PolicySpec): PolicySpec {
  const withPorts = (rules: PolicyRule[] | undefined): PolicyRule[] | undefined =>
    rules?.map((rule) =>
      rule.ports
        ? {
            ...rule,
            ports: rule.ports.map((port) => ({ ...port, protocol: port.protocol ?? 'TCP' })),
          }
        : rule,
    );
  const [ingress, egress] = [withPorts(spec.ingress), withPorts(spec.egress)];
  return {
    ...spec,
    ...(ingress ? { ingress } : {}),
    ...(egress ? { egress } : {}),
    policyTypes: spec.policyTypes?.length
      ? spec.policyTypes
      : spec.egress?.length
        ? ['Ingress', 'Egress']
        : ['Ingress'],
  };
}
