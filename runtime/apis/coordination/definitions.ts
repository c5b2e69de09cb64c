/** coordination.k8s.io/v1 Lease: leader election of whoever runs against this server. */
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export const leaseKind: KindDefinition<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  namespaced: true,
  hasStatus: false,
  hasGeneration: false,
  // Renewed every few seconds; one that a crash takes has run out by the time of the restart.
  durability: 'behind',
};

export const coordinationDefinitions: readonly KindDefinition[] = [leaseKind];
