/**
 * Label selectors as query strings (`a=b,c!=d,e in (f,g),!h`) and as objects (`matchLabels`,
 * `matchExpressions`). Pure. Source: k8s.io/apimachinery pkg/labels (grammar and semantics).
 */
import { isJsonObject } from './json-value.ts';
import { StatusError } from './status-error.ts';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

export type LabelSelector = readonly LabelRequirement[];

const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const setPattern = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const equalityPattern = new RegExp(String.raw`^(${KEY})\s*(==|=|!=|>|<)\s*(${VALUE})$`);
const presencePattern = new RegExp(String.raw`^(!?)\s*(${KEY})$`);
const valuePattern = new RegExp(`^${VALUE}$`);

/** @throws {StatusError} 400 when the text is not a selector. */
export function parseLabelSelector(text: string): LabelSelector {
  return splitRequirements(text).map((part) => {
    const requirement = parseRequirement(part);
    if (!requirement)
      throw StatusError.badRequest(
        `unable to parse requirement: ${JSON.stringify(part)} is not key, !key, key=value, key!=value, key in (a,b) or key notin (a,b)`,
      );
    return requirement;
  });
}

export function matchesLabels(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (operator === 'absent') return value === undefined;
    // As upstream: an absent label satisfies `!=` and `notin`.
    if (operator === 'notin') return value === undefined || !values.includes(value);
    if (value === undefined) return false;
    if (operator === 'exists') return true;
    if (operator === 'in') return values.includes(value);
    const difference = Number(value) - Number(values[0]);
    return operator === 'gt' ? difference > 0 : difference < 0;
  });
}

/** The string form of a `LabelSelector` object, as `Scale.status.selector` carries it. */
export function formatLabelSelector(selector: unknown): string {
  if (!isJsonObject(selector)) return '';
  const labels = isJsonObject(selector['matchLabels']) ? selector['matchLabels'] : {};
  const parts = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${String(labels[key])}`);
  const expressions = Array.isArray(selector['matchExpressions'])
    ? selector['matchExpressions']
    : [];
  for (const expression of expressions as unknown[]) {
    if (!isJsonObject(expression)) continue;
    const key = String(expression['key']);
    const values = Array.isArray(expression['values']) ? expression['values'].join(',') : '';
    if (expression['operator'] === 'Exists') parts.push(key);
    else if (expression['operator'] === 'DoesNotExist') parts.push(`!${key}`);
    else parts.push(`${key} ${String(expression['operator']).toLowerCase()} (${values})`);
  }
  return parts.join(',');
}

/** Splits at commas outside parentheses. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts.length === 1 && parts[0] === '' ? [] : parts;
}

function parseRequirement(part: string): LabelRequirement | undefined {
  const set = setPattern.exec(part);
  if (set) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    if (!values.every((value) => valuePattern.test(value))) return undefined;
    return { key: set[1] ?? '', operator: set[2] as 'in' | 'notin', values };
  }
  const equality = equalityPattern.exec(part);
  if (equality) {
    const [, key = '', sign = '', value = ''] = equality;
    if (sign === '>' || sign === '<') {
      if (value === '' || Number.isNaN(Number(value))) return undefined;
      return { key, operator: sign === '>' ? 'gt' : 'lt', values: [value] };
    }
    return { key, operator: sign === '!=' ? 'notin' : 'in', values: [value] };
  }
  const presence = presencePattern.exec(part);
  if (!presence) return undefined;
  const operator = presence[1] === '!' ? 'absent' : 'exists';
  return { key: presence[2] ?? '', operator, values: [] };
}
