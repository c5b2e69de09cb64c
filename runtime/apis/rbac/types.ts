/** The objects of rbac.authorization.k8s.io/v1. Pure data. */
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface PolicyRule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

export interface Subject {
  kind: 'User' | 'Group' | 'ServiceAccount';
  apiGroup?: string;
  name: string;
  /** Of a ServiceAccount. */
  namespace?: string;
}

export interface RoleRef {
  apiGroup: string;
  kind: 'Role' | 'ClusterRole';
  name: string;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Role extends KubeObject {
  kind: 'Role';
  rules?: PolicyRule[] | null;
}

export interface ClusterRole extends KubeObject {
  kind: 'ClusterRole';
  rules?: PolicyRule[] | null;
  aggregationRule?: { clusterRoleSelectors?: LabelSelector[] };
}

export interface RoleBinding extends KubeObject {
  kind: 'RoleBinding' | 'ClusterRoleBinding';
  roleRef: RoleRef;
  subjects?: Subject[];
}

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

const rbacKind = <T extends KubeObject>(
  kind: string,
  plural: string,
  namespaced: boolean,
): ResourceKind<T> => ({ group: RBAC_GROUP, version: 'v1', kind, plural, namespaced });

export const roleKind = rbacKind<Role>('Role', 'roles', true);
export const clusterRoleKind = rbacKind<ClusterRole>('ClusterRole', 'clusterroles', false);
export const roleBindingKind = rbacKind<RoleBinding>('RoleBinding', 'rolebindings', true);
export const clusterRoleBindingKind = rbacKind<RoleBinding>(
  'ClusterRoleBinding',
  'clusterrolebindings',
  false,
);
