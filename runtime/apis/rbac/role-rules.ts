/**
 * What makes roles and bindings valid, and what is filled in. Whether somebody may grant what a role
 * says is not decided here. Pure.
 * Source: k8s.io/kubernetes pkg/apis/rbac (validation, v1 defaults).
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalid, isSameValue, notSupported, required } from '../meta/field-rule.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import {
  pathSegmentProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '../meta/name-rules.ts';
import {
  RBAC_GROUP,
  type ClusterRole,
  type LabelSelector,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
  type Subject,
} from './types.ts';

export const validateRole = (role: Role): FieldError[] =>
  (role.rules ?? []).flatMap((rule, index) => ruleErrors(rule, `rules[${index}]`, true));

export function validateClusterRole(role: ClusterRole): FieldError[] {
  const errors = (role.rules ?? []).flatMap((rule, index) =>
    ruleErrors(rule, `rules[${index}]`, false),
  );
  if (!role.aggregationRule) return errors;
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    errors.push(
      required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'),
    );
  for (const [index, selector] of selectors.entries())
    errors.push(...selectorErrors(selector, `${path}[${index}]`));
  return errors;
}

function ruleErrors(rule: PolicyRule, path: string, isNamespaced: boolean): FieldError[] {
  const { verbs, apiGroups, resources, nonResourceURLs } = rule;
  const errors = isEmpty(verbs)
    ? [required(`${path}.verbs`, 'verbs must contain at least one value')]
    : [];
  if (!isEmpty(nonResourceURLs)) {
    const at = `${path}.nonResourceURLs`;
    if (isNamespaced)
      errors.push(
        invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'),
      );
    if (!isEmpty(apiGroups) || !isEmpty(resources) || !isEmpty(rule.resourceNames))
      errors.push(
        invalid(
          at,
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      );
    return errors;
  }
  if (isEmpty(apiGroups))
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  if (isEmpty(resources))
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}

const isEmpty = (list: readonly string[] | null | undefined): boolean => !list?.length;

function selectorErrors({ matchLabels = {} }: LabelSelector, path: string): FieldError[] {
  const errors = Object.keys(matchLabels).flatMap((key) =>
    qualifiedNameProblems(key).map((problem) => invalid(`${path}.matchLabels`, key, problem)),
  );
  if (errors.length > 0) errors.push(invalid(path, null, 'invalid label selector.'));
  return errors;
}

export function defaultBinding(binding: RoleBinding): RoleBinding {
  const { subjects } = binding;
  // What clients send may lack it; it is asked for by the validation.
  const roleRef = binding.roleRef as RoleRef | undefined;
  return {
    ...binding,
    roleRef: { ...roleRef, apiGroup: roleRef?.apiGroup || RBAC_GROUP } as RoleRef,
    ...(subjects ? { subjects: subjects.map(defaultSubject) } : {}),
  };
}

const defaultSubject = (subject: Subject): Subject =>
  subject.apiGroup === undefined && (subject.kind === 'User' || subject.kind === 'Group')
    ? { ...subject, apiGroup: RBAC_GROUP }
    : subject;

export const validateRoleBinding = (
  binding: RoleBinding,
  context: AdmissionContext,
): FieldError[] => bindingErrors(binding, context, ['Role', 'ClusterRole']);

export const validateClusterRoleBinding = (
  binding: RoleBinding,
  context: AdmissionContext,
): FieldError[] => bindingErrors(binding, context, ['ClusterRole']);

function bindingErrors(
  { kind, roleRef, subjects = [] }: RoleBinding,
  { old }: AdmissionContext,
  roleKinds: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef.apiGroup !== RBAC_GROUP)
    errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [RBAC_GROUP]));
  if (!roleKinds.includes(roleRef.kind))
    errors.push(notSupported('roleRef.kind', roleRef.kind ?? '', roleKinds));
  if (!roleRef.name) errors.push(required('roleRef.name'));
  else
    for (const problem of pathSegmentProblems(roleRef.name))
      errors.push(invalid('roleRef.name', roleRef.name, problem));
  for (const [index, subject] of (subjects ?? []).entries())
    errors.push(...subjectErrors(subject, `subjects[${index}]`, kind === 'RoleBinding'));
  const before = (old as RoleBinding | undefined)?.roleRef;
  if (before && !isSameValue(before, roleRef)) {
    // As upstream prints its own type.
    const { apiGroup: APIGroup, kind: Kind, name: Name } = roleRef;
    errors.push(invalid('roleRef', { APIGroup, Kind, Name }, 'cannot change roleRef'));
  }
  return errors;
}

function subjectErrors(
  { kind, apiGroup = '', name, namespace }: Subject,
  path: string,
  isInNamespace: boolean,
): FieldError[] {
  const errors = name ? [] : [required(`${path}.name`)];
  switch (kind) {
    case 'ServiceAccount':
      if (name)
        for (const problem of subdomainProblems(name))
          errors.push(invalid(`${path}.name`, name, problem));
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      // In a namespace it may be left out, and then names nobody.
      if (!namespace && !isInNamespace) errors.push(required(`${path}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      if (apiGroup !== RBAC_GROUP)
        errors.push(notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]));
      return errors;
    default:
      errors.push(notSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']));
      return errors;
  }
}
