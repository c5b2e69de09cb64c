/**
 * Whether a webhook's rules and selectors cover a request. Pure.
 * Source: k8s.io/apiserver pkg/admission/plugin/webhook/predicates (behaviour).
 */
import type { LabelSelectorObject, WebhookRule } from '../../apis/admissionregistration/types.ts';
import type { Resource } from '../kind-registry.ts';

export interface RuleSubject {
  readonly operation: string;
  readonly resource: Resource;
  readonly subresource: string | undefined;
}

export function matchesRule(rule: WebhookRule, subject: RuleSubject): boolean {
  const { operation, resource, subresource } = subject;
  return (
    matchesScope(rule, resource) &&
    includesOrStar(rule.operations, operation) &&
    includesOrStar(rule.apiGroups, resource.group) &&
    includesOrStar(rule.apiVersions, resource.version) &&
    rule.resources.some((name) => matchesResource(name, resource.plural, subresource ?? ''))
  );
}

/** A Namespace counts as cluster-scoped, although requests for one carry a namespace. */
function matchesScope({ scope = '*' }: WebhookRule, { definition }: Resource): boolean {
  if (scope === '*') return true;
  return definition.namespaced === (scope === 'Namespaced');
}

const includesOrStar = (values: readonly string[], value: string): boolean =>
  values.includes('*') || values.includes(value);

function matchesResource(rule: string, plural: string, subresource: string): boolean {
  const slash = rule.indexOf('/');
  const name = slash < 0 ? rule : rule.slice(0, slash);
  const sub = slash < 0 ? '' : rule.slice(slash + 1);
  return (name === '*' || name === plural) && (sub === '*' || sub === subresource);
}

export const isEmptySelector = (selector: LabelSelectorObject | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length === 0 &&
  (selector?.matchExpressions ?? []).length === 0;

/** An empty selector covers everything; an operator that nobody knows covers nothing. */
export function matchesSelector(
  selector: LabelSelectorObject | undefined,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  const valueOf = (key: string): string | undefined =>
    Object.hasOwn(labels, key) ? labels[key] : undefined;
  return (
    Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => valueOf(key) === value) &&
    (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = valueOf(key);
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      if (operator === 'In') return value !== undefined && values.includes(value);
      return operator === 'NotIn' && (value === undefined || !values.includes(value));
    })
  );
}
