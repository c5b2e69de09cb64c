/**
 * rbac.authorization.k8s.io/v1: what the API server enforces (apiserver/auth/) for everyone but the
 * home's administrator.
 */
import type { KindDefinition } from '../meta/kind-definition.ts';

const rbac = (kind: string, plural: string, namespaced: boolean): KindDefinition => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind,
  plural,
  singular: kind.toLowerCase(),
  namespaced,
  hasStatus: false,
  hasGeneration: false,
});

export const rbacDefinitions: readonly KindDefinition[] = [
  rbac('Role', 'roles', true),
  rbac('RoleBinding', 'rolebindings', true),
  rbac('ClusterRole', 'clusterroles', false),
  rbac('ClusterRoleBinding', 'clusterrolebindings', false),
];
