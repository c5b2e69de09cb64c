/**
 * Which names resources may have in containers, quotas and limit ranges, and in which words others are
 * refused. Pure. Source: k8s.io/kubernetes pkg/apis/core/helper, validation (rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalid } from '../meta/field-rule.ts';
import { qualifiedNameProblems } from '../meta/name-rules.ts';
import { quantityOf } from './resource-list.ts';

const computeNames = ['cpu', 'memory', 'ephemeral-storage'];
const integerNames = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);
const quotaNames = new Set([
  ...integerNames,
  ...computeNames.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
  'requests.storage',
]);
const HUGE_PAGES = /^(requests\.)?hugepages-/;

/** Not Kubernetes' own: of another domain, and not a quota's name for one. */
const isExtended = (name: string): boolean =>
  name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');

export function resourceNameProblems(name: string, path: string): FieldError[] {
  const problems = qualifiedNameProblems(name).map((problem) => invalid(path, name, problem));
  if (problems.length > 0 || name.includes('/')) return problems;
  return quotaNames.has(name) || name === 'storage' || HUGE_PAGES.test(name)
    ? []
    : [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

export function containerResourceProblems(name: string, path: string): FieldError[] {
  const problems = resourceNameProblems(name, path);
  if (name.includes('/') || computeNames.includes(name) || name.startsWith('hugepages-'))
    return problems;
  return [...problems, invalid(path, name, 'must be a standard resource for containers')];
}

export function quotaResourceProblems(name: string, path: string): FieldError[] {
  const problems = resourceNameProblems(name, path);
  if (name.includes('/') || isQuotaName(name)) return problems;
  return [...problems, invalid(path, name, 'must be a standard resource for quota')];
}

export const isQuotaName = (name: string): boolean => quotaNames.has(name) || HUGE_PAGES.test(name);

/** An amount of a resource: not below zero, and whole where it is counted in pieces. */
export function amountProblems(name: string, amount: string, path: string): FieldError[] {
  const { nanos } = quantityOf(amount);
  return [
    ...(nanos < 0n ? [invalid(path, amount, 'must be greater than or equal to 0')] : []),
    ...((integerNames.has(name) || isExtended(name)) && nanos % quantityOf('1').nanos !== 0n
      ? [invalid(path, amount, 'must be an integer')]
      : []),
  ];
}
