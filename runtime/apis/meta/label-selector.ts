/**
 * `metadata.LabelSelector` of workloads: does it match, is it valid, how is it written as text. Pure.
 * Source: k8s.io/apimachinery meta/v1 LabelSelectorAsSelector (behaviour).
 */
import type { FieldError } from './field-error.ts';
import { forbidden, notSupported, required } from './field-rule.ts';

export interface LabelSelectorRequirement {
  key: string;
  operator: string;
  values?: string[];
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
}

const operators = ['DoesNotExist', 'Exists', 'In', 'NotIn'];

/** An absent selector matches nothing, an empty one everything. */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  if (selector === undefined || selector === null) return false;
  for (const key in selector.matchLabels)
    if (labels[key] !== selector.matchLabels[key]) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'In') return value !== undefined && values.includes(value);
    if (operator === 'NotIn') return value === undefined || !values.includes(value);
    return operator === 'Exists' ? value !== undefined : value === undefined;
  });
}

export const isEmptySelector = (selector: LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length === 0 &&
  (selector?.matchExpressions ?? []).length === 0;

export function validateSelector(selector: LabelSelector, path: string): FieldError[] {
  return (selector.matchExpressions ?? []).flatMap(({ key, operator, values = [] }, index) => {
    const where = `${path}.matchExpressions[${index}]`;
    const errors: FieldError[] = [];
    if (!operators.includes(operator))
      errors.push(notSupported(`${where}.operator`, operator, operators));
    else if (operator.endsWith('In') && values.length === 0)
      errors.push(
        required(`${where}.values`, "must be specified when `operator` is 'In' or 'NotIn'"),
      );
    else if (!operator.endsWith('In') && values.length > 0)
      errors.push(
        forbidden(
          `${where}.values`,
          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
      );
    if (!key) errors.push(required(`${where}.key`));
    return errors;
  });
}

/** As `kubectl get -o wide` and `status.selector` of a Scale show it. */
export function formatSelector(selector: LabelSelector | undefined): string {
  const parts = Object.entries(selector?.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? [])
    if (operator === 'In') parts.push(`${key} in (${[...values].sort().join(',')})`);
    else if (operator === 'NotIn') parts.push(`${key} notin (${[...values].sort().join(',')})`);
    else parts.push(operator === 'Exists' ? key : `!${key}`);
  return parts.join(',');
}
