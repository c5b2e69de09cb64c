/** authorization.k8s.io/v1: questions about permissions, answered at once and never stored. */
import type { KindDefinition } from '../meta/kind-definition.ts';

export const AUTHORIZATION_GROUP = 'authorization.k8s.io';

const review = (kind: string, namespaced = false): KindDefinition => ({
  group: AUTHORIZATION_GROUP,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced,
  hasStatus: false,
  hasGeneration: false,
  isVirtual: true,
});

export const authorizationDefinitions: readonly KindDefinition[] = [
  review('LocalSubjectAccessReview', true),
  review('SelfSubjectAccessReview'),
  review('SelfSubjectRulesReview'),
  review('SubjectAccessReview'),
];
