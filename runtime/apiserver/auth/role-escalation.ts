/**
 * Nobody hands out what they do not hold: a role may contain, and a binding may grant, only
 * permissions that the writer has there, unless a rule allows `escalate` or `bind`.
 * Source: k8s.io/kubernetes pkg/registry/rbac/{role,clusterrole,rolebinding,...}/policybased.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import {
  RBAC_GROUP,
  type ClusterRole,
  type PolicyRule,
  type RoleBinding,
} from '../../apis/rbac/types.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission-chain.ts';
import { StatusError } from '../status-error.ts';
import { describeRules, missingRules } from './policy-rule.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';
import { MASTERS_GROUP } from './user-info.ts';

const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export function makeRoleEscalationCheck(authorizer: RbacAuthorizer): AdmissionPlugin {
  return {
    validate(request) {
      const { resource, object, user, operation } = request;
      if (resource.group !== RBAC_GROUP || !object || user.groups.includes(MASTERS_GROUP)) return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      if (resource.plural === 'roles' || resource.plural === 'clusterroles') checkRole(request);
      else checkBinding(request);
    },
  };

  function checkRole(request: AdmissionRequest): void {
    const role = request.object as ClusterRole;
    const old = request.oldObject as ClusterRole | undefined;
    if (isOnlyForCollector(request) || isAllowed(request, 'escalate')) return;
    confirm(request, role.rules ?? []);
    if (!hasAggregation(role) && !hasAggregation(old)) return;
    try {
      confirm(request, fullAuthority);
    } catch {
      throw refusal(request, 'must have cluster-admin privileges to use the aggregationRule');
    }
  }

  function checkBinding(request: AdmissionRequest): void {
    const binding = request.object as RoleBinding;
    if (isOnlyForCollector(request)) return;
    const { roleRef } = binding;
    const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles';
    const target = { plural, name: roleRef.name };
    if (isAllowed(request, 'bind', target)) return;
    const rules = authorizer.rulesOf(roleRef, request.namespace);
    if (typeof rules === 'string')
      // As upstream, which names the binding's resource with the role's name.
      throw StatusError.notFound(request.resource, roleRef.name);
    confirm(request, rules);
  }

  function isAllowed(
    { user, namespace, name, resource }: AdmissionRequest,
    verb: 'escalate' | 'bind',
    target = { plural: resource.plural, name },
  ): boolean {
    return authorizer.authorize(user, {
      isResource: true,
      verb,
      group: RBAC_GROUP,
      resource: target.plural,
      subresource: '',
      namespace,
      name: target.name,
    }).isAllowed;
  }

  function confirm(request: AdmissionRequest, wanted: readonly PolicyRule[]): void {
    const { user, namespace } = request;
    const { rules, errors } = authorizer.rulesFor(user, namespace);
    const missing = missingRules(rules, wanted);
    if (missing.length === 0) return;
    const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
    const unresolved = errors.length === 0 ? '' : `; resolution errors: [${errors.join(', ')}]`;
    throw refusal(
      request,
      `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${describeRules(missing).join('\n')}${unresolved}`,
    );
  }
}

const refusal = ({ resource, object, name }: AdmissionRequest, problem: string): StatusError =>
  StatusError.forbidden(resource, object?.metadata.name || name, problem);

const hasAggregation = (role: ClusterRole | undefined): boolean =>
  (role?.aggregationRule?.clusterRoleSelectors ?? []).length > 0;

/** Finalizers and owners change by those who tidy up, who need not hold what they take away. */
function isOnlyForCollector({ object, oldObject }: AdmissionRequest): boolean {
  if (!object || !oldObject) return false;
  return JSON.stringify(withoutTidying(object)) === JSON.stringify(withoutTidying(oldObject));
}

function withoutTidying(object: KubeObject): object {
  const {
    finalizers: _finalizers,
    ownerReferences: _owners,
    managedFields: _managed,
    resourceVersion: _version,
    ...metadata
  } = object.metadata;
  return sortedEntries({ ...object, metadata: sortedEntries(metadata) });
}

const sortedEntries = (object: object): [string, unknown][] =>
  Object.entries(object).toSorted(([one], [other]) => (one < other ? -1 : 1));
