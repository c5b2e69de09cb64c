/**
 * rbac.authorization.k8s.io/v1: what the API server enforces (apiserver/auth/) for everyone but the
 * home's administrator.
 */
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';
import {
  defaultBinding,
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from './role-rules.ts';
import {
  clusterRoleBindingKind,
  clusterRoleKind,
  roleBindingKind,
  roleKind,
  type ClusterRole,
  type Role,
  type RoleBinding,
} from './types.ts';

const rbac = <T extends KubeObject>(
  kind: ResourceKind<T>,
  rules: Pick<KindDefinition<T>, 'validate' | 'applyDefaults'>,
): KindDefinition =>
  ({
    ...kind,
    singular: kind.kind.toLowerCase(),
    hasStatus: false,
    hasGeneration: false,
    ...rules,
  }) as unknown as KindDefinition;

export const rbacDefinitions: readonly KindDefinition[] = [
  rbac<Role>(roleKind, { validate: validateRole }),
  rbac<RoleBinding>(roleBindingKind, {
    applyDefaults: defaultBinding,
    validate: validateRoleBinding,
  }),
  rbac<ClusterRole>(clusterRoleKind, { validate: validateClusterRole }),
  rbac<RoleBinding>(clusterRoleBindingKind, {
    applyDefaults: defaultBinding,
    validate: validateClusterRoleBinding,
  }),
];
