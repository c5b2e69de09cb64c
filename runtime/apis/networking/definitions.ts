/** What the API server needs to know of networking.internal.knative.dev. */
import type { KindDefinition } from '../meta/kind-definition.ts';
import { clusterDomainClaimKind, ingressKind } from './types.ts';

export const networkingDefinitions: readonly KindDefinition[] = [
  {
    ...ingressKind,
    singular: 'ingress',
    shortNames: ['kingress', 'king'],
    categories: ['knative-internal', 'networking'],
    hasStatus: true,
    // Derived from its owner, which makes it again after a crash.
    durability: 'behind',
    columns: [
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    ],
  },
  {
    ...clusterDomainClaimKind,
    singular: 'clusterdomainclaim',
    shortNames: ['cdc'],
    categories: ['knative-internal', 'networking'],
    hasStatus: false,
  },
];
