/**
 * networking.k8s.io/v1 Ingress, IngressClass and NetworkPolicy: stored and shown, for manifests that
 * carry them. Knit's gateway routes by Knative's own Ingress and by HTTPRoute.
 * Source: k8s.io/kubernetes pkg/apis/networking (defaults, rules).
 */
import { ageColumn } from '../core/workload-columns.ts';
import { oneOf, required } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

interface IngressRule {
  host?: string;
  http?: { paths?: { path?: string; pathType?: string; backend?: unknown }[] };
}

interface CoreIngress extends KubeObject {
  spec?: { ingressClassName?: string; defaultBackend?: unknown; rules?: IngressRule[] };
  status?: { loadBalancer?: unknown };
}

interface NetworkPolicy extends KubeObject {
  spec?: {
    policyTypes?: string[];
    ingress?: unknown[];
    egress?: unknown[];
  };
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
  columns: [
    { name: 'Class', type: 'string', jsonPath: '.spec.ingressClassName' },
    { name: 'Hosts', type: 'string', jsonPath: '.spec.rules[*].host' },
    { name: 'Address', type: 'string', jsonPath: '.status.loadBalancer.ingress[*].ip' },
    ageColumn,
  ],
  applyDefaults: (object) => ({ ...object, status: { loadBalancer: {}, ...object.status } }),
  validate({ spec }) {
    if (!spec?.defaultBackend && !spec?.rules?.length)
      return [
        {
          message: 'Invalid value: []: either `defaultBackend` or `rules` must be specified',
          paths: ['spec'],
        },
      ];
    return (spec.rules ?? []).flatMap((rule, i) =>
      (rule?.http?.paths ?? []).flatMap(({ pathType, backend }, j) => {
        const path = `spec.rules[${i}].http.paths[${j}]`;
        const types = ['Exact', 'ImplementationSpecific', 'Prefix'];
        return [
          ...(pathType === undefined
            ? [required(`${path}.pathType`, 'pathType must be specified')]
            : oneOf(`${path}.pathType`, pathType, types)),
          ...(backend ? [] : [required(`${path}.backend`)]),
        ];
      }),
    );
  },
};

const networkPolicy: KindDefinition<NetworkPolicy> = {
  ...networking,
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  hasStatus: false,
  columns: [
    { name: 'Pod-Selector', type: 'string', jsonPath: '.spec.podSelector.matchLabels' },
    ageColumn,
  ],
  applyDefaults: (object) =>
    object.spec && !object.spec.policyTypes?.length
      ? {
          ...object,
          spec: {
            ...object.spec,
            policyTypes: object.spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'],
          },
        }
      : object,
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
    columns: [
      { name: 'Controller', type: 'string', jsonPath: '.spec.controller' },
      { name: 'Parameters', type: 'string', jsonPath: '.spec.parameters.name' },
      ageColumn,
    ],
  },
  networkPolicy,
];
