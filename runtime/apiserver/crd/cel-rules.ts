/**
 * `x-kubernetes-validations`: runs a schema's rules over an object and the object before. The cost of
 * a rule is bounded from above before it runs: the size of its text's tree, times the longest list or
 * map of the value for each level of nested iteration. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/cel (behaviour and messages).
 */
import { Optional, type ParseResult } from '@marcbachmann/cel-js';
import type { JsonSchema, ValidationRule } from '../../apis/apiextensions/types.ts';
import {
  duplicateField,
  forbiddenField,
  invalidField,
  requiredField,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject } from '../json-value.ts';
import { compileNode, type CompiledRule } from './cel-compile.ts';
import { explainRuntimeError } from './cel-errors.ts';
import { correlateField, correlateItem, isUnchanged, type Correlated } from './correlation.ts';
import { isSchema } from './pruning.ts';
import { childPath } from './validate-value.ts';

/** Steps that all rules of one object may take together; about a second. Upstream's own unit is similar. */
export const COST_BUDGET = 10_000_000;
/** As upstream: longer messages are cut, since they are copied into every refusal. */
const MESSAGE_LENGTH_MAX = 5 * 1024;

const nodesWithRules = new WeakMap<JsonSchema, boolean>();

/**
 * @param previous the object before an update; undefined on create.
 * @param warnings what an update is forgiven, because it was so before; appended to.
 */
export function runRules(
  object: unknown,
  previous: unknown,
  schema: JsonSchema,
  warnings: string[] = [],
): FieldError[] {
  if (!hasRules(schema)) return [];
  const run: Run = { errors: [], warnings, budget: COST_BUDGET };
  const correlated = previous === undefined ? undefined : { value: object, old: previous };
  visit(object, previous, schema, { path: '', isRoot: true, correlated, parent: undefined }, run);
  return run.errors;
}

interface Run {
  readonly errors: FieldError[];
  readonly warnings: string[];
  budget: number;
}

interface Place {
  readonly path: string;
  readonly isRoot: boolean;
  readonly correlated: Correlated | undefined;
  /** Where nobody knows what was before: the nearest value around it of which one knows. */
  readonly parent: Correlated | undefined;
}

function visit(value: unknown, old: unknown, schema: JsonSchema, place: Place, run: Run): void {
  if (value === null || value === undefined || run.budget < 0 || !hasRules(schema)) return;
  if (schema['x-kubernetes-validations']) evaluate(value, old, schema, place, run);
  const { path, correlated, parent } = place;
  const inside = (at: string, inner: Correlated | undefined): Place => ({
    path: at,
    isRoot: false,
    correlated: inner,
    parent: correlated ?? parent,
  });
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return;
    for (const [index, item] of value.entries()) {
      const known = correlated && correlateItem(correlated, item, schema);
      visit(item, known?.old, items, inside(`${path}[${index}]`, known), run);
    }
  } else if (isJsonObject(value)) {
    const { properties = {}, additionalProperties } = schema;
    const isAtomic = schema['x-kubernetes-map-type'] === 'atomic';
    for (const key of Object.keys(value)) {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      const inner = property ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
      if (!inner) continue;
      const known = correlated && correlateField(correlated, key);
      const at = property ? childPath(path, key) : `${path}[${key}]`;
      visit(value[key], isAtomic ? undefined : known?.old, inner, inside(at, known), run);
    }
  }
}

function evaluate(
  value: unknown,
  old: unknown,
  schema: JsonSchema,
  { path, isRoot, correlated, parent }: Place,
  run: Run,
): void {
  const { type, rules } = compileNode(schema, isRoot);
  const shown = schema.type ?? '';
  const self = type.convert(value);
  const before = old === undefined || old === null ? undefined : type.convert(old);
  const longest = longestCollection(value, longestCollection(old, 1));
  for (const compiled of rules) {
    const { rule, program, problem, usesOldSelf } = compiled;
    if (problem !== undefined || !program) {
      const text = `rule compile error: ${problem ?? 'unknown'}`;
      run.errors.push(invalidField(path, shown, text));
      continue;
    }
    if (usesOldSelf && before === undefined && rule.optionalOldSelf !== true) continue;
    run.budget -= compiled.nodes * longest ** compiled.depth;
    if (run.budget < 0) {
      const text =
        'validation failed due to running out of cost budget, no further validation rules will be run';
      run.errors.push(invalidField(path, shown, text));
      return;
    }
    const oldSelf =
      rule.optionalOldSelf === true
        ? before === undefined
          ? Optional.none()
          : Optional.of(before)
        : before;
    const variables = oldSelf === undefined ? { self } : { self, oldSelf };
    try {
      if (program(variables) === true) continue;
    } catch (error) {
      const text = `${explainRuntimeError(error)} evaluating rule: ${rule.message?.trim() || rule.rule.trim()}`;
      run.errors.push(invalidField(path, shown, text));
      continue;
    }
    const at = compiled.fieldPath === '' ? path : childPath(path, compiled.fieldPath);
    const error = refusal(compiled, at, shownValue(value), variables);
    // What was already stored must not keep the rest of the object from being changed.
    if (!usesOldSelf && isUnchanged(correlated ?? parent))
      run.warnings.push(`${at === '' ? '<nil>' : at}: ${error.message}`);
    else run.errors.push(error);
  }
}

const ruleText = ({ message, rule }: ValidationRule): string =>
  message?.trim() || `failed rule: ${rule.trim()}`;

/** Of scalars upstream shows the value, and nothing of the rest. */
const shownValue = (value: unknown): unknown => (typeof value === 'object' ? undefined : value);

function refusal(
  { rule, message }: CompiledRule,
  path: string,
  shown: unknown,
  variables: Record<string, unknown>,
): FieldError {
  const detail = (message && evaluateMessage(message, variables)) ?? ruleText(rule);
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(path, detail);
    case 'FieldValueRequired':
      return requiredField(path, detail);
    case 'FieldValueDuplicate':
      return shown === undefined
        ? { reason: rule.reason, message: 'Duplicate value', paths: [path] }
        : duplicateField(path, shown);
    default:
      return invalidField(path, shown, detail);
  }
}

/** @returns undefined when the expression yields nothing that can be a message. */
function evaluateMessage(
  expression: ParseResult,
  variables: Record<string, unknown>,
): string | undefined {
  try {
    const text: unknown = expression(variables);
    if (typeof text !== 'string' || text.trim() === '' || text.includes('\n')) return undefined;
    return text.slice(0, MESSAGE_LENGTH_MAX);
  } catch {
    return undefined; // The rule's fixed message says it.
  }
}

/** Length of the longest list or map anywhere in a value. */
function longestCollection(value: unknown, least: number): number {
  if (typeof value !== 'object' || value === null) return least;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.reduce<number>(
    (longest, item) => longestCollection(item, longest),
    Math.max(least, items.length),
  );
}

export function hasRules(schema: JsonSchema): boolean {
  const known = nodesWithRules.get(schema);
  if (known !== undefined) return known;
  const { properties, items, additionalProperties } = schema;
  const found =
    (schema['x-kubernetes-validations'] ?? []).length > 0 ||
    Object.values(properties ?? {}).some(hasRules) ||
    (items !== undefined && hasRules(items)) ||
    (isSchema(additionalProperties) && hasRules(additionalProperties));
  nodesWithRules.set(schema, found);
  return found;
}
