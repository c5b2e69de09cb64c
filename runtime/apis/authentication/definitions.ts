/** authentication.k8s.io/v1: questions about identities, answered at once and never stored. */
import type { KindDefinition } from '../meta/kind-definition.ts';

export const AUTHENTICATION_GROUP = 'authentication.k8s.io';

const review = (kind: string): KindDefinition => ({
  group: AUTHENTICATION_GROUP,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced: false,
  hasStatus: false,
  hasGeneration: false,
  isVirtual: true,
});

export const authenticationDefinitions: readonly KindDefinition[] = [
  review('SelfSubjectReview'),
  review('TokenReview'),
];
