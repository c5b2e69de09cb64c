/**
 * Role-based access control over the stored roles and bindings. Bindings are indexed by subject, so
 * that a decision costs what its user is bound to, and not what the cluster holds; the index
 * follows the store in the tick of each write. Nothing else is cached, so nothing can be stale.
 * Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation/rule.go.
 */
import {
  RBAC_GROUP,
  type ClusterRole,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
  type Subject,
} from '../../apis/rbac/types.ts';
import type { Store, StoreChange } from '../store/store.ts';
import { ruleAllows } from './policy-rule.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { MASTERS_GROUP, type UserInfo } from './user-info.ts';

export const rolesStore = `${RBAC_GROUP}/roles`;
export const clusterRolesStore = `${RBAC_GROUP}/clusterroles`;
export const roleBindingsStore = `${RBAC_GROUP}/rolebindings`;
export const clusterRoleBindingsStore = `${RBAC_GROUP}/clusterrolebindings`;

const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';

export interface Decision {
  readonly isAllowed: boolean;
  /** Which binding allowed it, or what went wrong on the way; may be empty. */
  readonly reason: string;
}

export interface Authorizer {
  authorize(user: UserInfo, request: RequestAttributes): Decision;
  /** Every rule that holds for the user in a namespace, cluster-wide ones included. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; errors: string[] };
}

export class RbacAuthorizer implements Authorizer {
  private readonly store: Store;
  /** Bindings by scope and subject; the scope of a cluster-wide one is empty. */
  private readonly index = new Map<string, Map<string, RoleBinding>>();
  private readonly stops: readonly (() => void)[];

  constructor(store: Store) {
    this.store = store;
    this.stops = [roleBindingsStore, clusterRoleBindingsStore].map((resource) => {
      for (const object of store.list(resource)) this.add(object as RoleBinding);
      return store.listen(resource, (change) => this.follow(change));
    });
  }

  close(): void {
    for (const stop of this.stops) stop();
  }

  authorize(user: UserInfo, request: RequestAttributes): Decision {
    if (user.groups.includes(MASTERS_GROUP)) return { isAllowed: true, reason: '' };
    const errors: string[] = [];
    const namespace = request.isResource ? request.namespace : '';
    for (const { binding, subject } of this.bindingsOf(user, namespace)) {
      const rules = this.rulesOf(binding.roleRef, binding.metadata.namespace ?? '');
      if (typeof rules === 'string') errors.push(rules);
      else if (rules.some((rule) => ruleAllows(rule, request)))
        return { isAllowed: true, reason: describeGrant(binding, subject) };
    }
    return { isAllowed: false, reason: errors.length === 0 ? '' : `RBAC: ${joinErrors(errors)}` };
  }

  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; errors: string[] } {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const { binding } of this.bindingsOf(user, namespace)) {
      const found = this.rulesOf(binding.roleRef, binding.metadata.namespace ?? '');
      if (typeof found === 'string') errors.push(found);
      else rules.push(...found);
    }
    // Who is no member of any binding but of the masters' group holds everything all the same.
    if (user.groups.includes(MASTERS_GROUP)) rules.push(...everything);
    return { rules, errors };
  }

  /** The rules of a role, or why there are none. */
  rulesOf(ref: RoleRef, namespace: string): readonly PolicyRule[] | string {
    const isCluster = ref.kind === 'ClusterRole';
    const role = isCluster
      ? this.store.get(clusterRolesStore, '', ref.name)
      : this.store.get(rolesStore, namespace, ref.name);
    if (!role)
      return `${isCluster ? 'clusterrole' : 'role'}.${RBAC_GROUP} ${JSON.stringify(ref.name)} not found`;
    return (role as Role | ClusterRole).rules ?? [];
  }

  /** Cluster-wide bindings first. A binding that names the user twice comes twice, which costs little. */
  private *bindingsOf(
    user: UserInfo,
    namespace: string,
  ): Generator<{ binding: RoleBinding; subject: Subject }> {
    const subjects: Subject[] = [
      { kind: 'User', name: user.name },
      ...user.groups.map((name): Subject => ({ kind: 'Group', name })),
    ];
    const account = parseServiceAccountName(user.name);
    if (account) subjects.push({ kind: 'ServiceAccount', ...account });
    for (const scope of namespace === '' ? [''] : ['', namespace])
      for (const subject of subjects)
        for (const binding of this.index.get(indexKey(scope, subject, scope))?.values() ?? [])
          yield { binding, subject };
  }

  private follow({ type, object, previous }: StoreChange): void {
    if (previous) this.remove(previous as RoleBinding);
    if (type === 'DELETED') this.remove(object as RoleBinding);
    else this.add(object as RoleBinding);
  }

  private add(binding: RoleBinding): void {
    for (const [key, id] of keysOf(binding)) {
      const bindings = this.index.get(key) ?? new Map<string, RoleBinding>();
      bindings.set(id, binding);
      this.index.set(key, bindings);
    }
  }

  private remove(binding: RoleBinding): void {
    for (const [key, id] of keysOf(binding)) {
      const bindings = this.index.get(key);
      bindings?.delete(id);
      if (bindings?.size === 0) this.index.delete(key);
    }
  }
}

/** `system:serviceaccount:<namespace>:<name>`. */
export const serviceAccountUserName = (namespace: string, name: string): string =>
  `${SERVICE_ACCOUNT_PREFIX}${namespace}:${name}`;

export function parseServiceAccountName(
  userName: string,
): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined;
  const [namespace = '', name = '', ...more] = userName
    .slice(SERVICE_ACCOUNT_PREFIX.length)
    .split(':');
  return namespace === '' || name === '' || more.length > 0 ? undefined : { namespace, name };
}

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** Names of users and groups may hold any character, so the key is JSON. */
function indexKey(scope: string, subject: Subject, bindingNamespace: string): string {
  return subject.kind === 'ServiceAccount'
    ? JSON.stringify([scope, subject.kind, subject.namespace || bindingNamespace, subject.name])
    : JSON.stringify([scope, subject.kind, subject.name]);
}

function keysOf(binding: RoleBinding): [string, string][] {
  const { name, namespace = '' } = binding.metadata;
  return (binding.subjects ?? []).map((subject) => [indexKey(namespace, subject, namespace), name]);
}

function describeGrant({ kind, metadata, roleRef }: RoleBinding, subject: Subject): string {
  const quoted = (text: string): string => JSON.stringify(text);
  const where = metadata.namespace
    ? quoted(`${metadata.name}/${metadata.namespace}`)
    : quoted(metadata.name);
  const who =
    subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace}` : subject.name;
  return `RBAC: allowed by ${kind} ${where} of ${roleRef.kind} ${quoted(roleRef.name)} to ${subject.kind} ${quoted(who)}`;
}

const joinErrors = (errors: readonly string[]): string => {
  const distinct = [...new Set(errors)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
};
