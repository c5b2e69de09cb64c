/**
 * `metadata.LabelSelector` of workloads: does it match, is it valid, how is it written as text. Pure.
 * Source: k8s.io/apimachinery meta/v1 LabelSelectorAsSelector (behaviour).
 */
import type { FieldError } from './field-error.ts';
import { forbidden, invalid, required } from './field-rule.ts';
import { labelKeyProblems, labelValueProblems } from './name-rules.ts';

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
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const where = `${path}.matchLabels`;
  return [
    ...Object.entries(matchLabels).flatMap(([key, value]) => [
      ...labelKeyProblems(key).map((problem) => invalid(where, key, problem)),
      ...labelValueProblems(value).map((problem) => invalid(where, value, problem)),
    ]),
    ...matchExpressions.flatMap((requirement, index) =>
      requirementProblems(requirement, `${path}.matchExpressions[${index}]`),
    ),
  ];
}

function requirementProblems(
  { key, operator, values = [] }: LabelSelectorRequirement,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!operators.includes(operator))
    errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  else if (operator.endsWith('In') && values.length === 0)
    errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  else if (!operator.endsWith('In') && values.length > 0)
    errors.push(
      forbidden(
        `${path}.values`,
        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      ),
    );
  errors.push(
    ...labelKeyProblems(key ?? '').map((problem) => invalid(`${path}.key`, key ?? '', problem)),
    ...values.flatMap((value, index) =>
      labelValueProblems(value).map((problem) =>
        invalid(`${path}.values[${index}]`, value, problem),
      ),
    ),
  );
  return errors;
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
