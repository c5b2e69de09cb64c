/**
 * `x-kubernetes-validations`: compiles a schema's rules and runs them over an object and the object
 * before. The cost of a rule is bounded from above before it runs: the size of its text's tree, times
 * the longest list or map of the value for each level of nested iteration. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/cel (behaviour and messages).
 */
import { Environment, Optional, type ParseResult } from '@marcbachmann/cel-js';
import type { JsonSchema, ValidationRule } from '../../apis/apiextensions/types.ts';
import {
  duplicateField,
  forbiddenField,
  invalidField,
  requiredField,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import { registerFunctions } from './cel-functions.ts';
import { declareType, type CelType } from './cel-types.ts';
import { isSchema } from './pruning.ts';
import { childPath, listMapKey } from './validate-value.ts';

/** Steps that all rules of one object may take together; about a second. Upstream's own unit is similar. */
export const COST_BUDGET = 10_000_000;
const RULE_LENGTH_MAX = 10_000;
const RULE_NODES_MAX = 5_000;
/** As upstream: longer messages are cut, since they are copied into every refusal. */
const MESSAGE_LENGTH_MAX = 5 * 1024;

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: ParseResult | undefined;
  readonly message: ParseResult | undefined;
  /** What is wrong with `rule` or `messageExpression`, and where. */
  readonly problem:
    { readonly field: 'rule' | 'messageExpression'; readonly text: string } | undefined;
  readonly usesOldSelf: boolean;
  /** Nodes of the expression, and how deep its iterations nest. */
  readonly nodes: number;
  readonly depth: number;
}

interface CompiledNode {
  readonly type: CelType;
  readonly rules: readonly CompiledRule[];
}

const compiledNodes = new WeakMap<JsonSchema, CompiledNode>();
const nodesWithRules = new WeakMap<JsonSchema, boolean>();

/** The compiler's complaints about each rule of one schema node; empty when all are good. */
export function checkRules(schema: JsonSchema, isRoot: boolean, path: string): FieldError[] {
  if (!schema['x-kubernetes-validations']) return [];
  return compileNode(schema, isRoot).rules.flatMap(({ rule, problem }, index) => {
    const at = `${path}.x-kubernetes-validations[${index}]`;
    if (problem) return [invalidField(`${at}.${problem.field}`, rule[problem.field], problem.text)];
    return [];
  });
}

/** @param previous the stored object on an update; undefined on create. */
export function runRules(object: unknown, previous: unknown, schema: JsonSchema): FieldError[] {
  if (!hasRules(schema)) return [];
  const run: Run = { errors: [], budget: COST_BUDGET };
  visit(object, previous, schema, { path: '', isRoot: true }, run);
  return run.errors;
}

interface Run {
  readonly errors: FieldError[];
  budget: number;
}

interface Place {
  readonly path: string;
  readonly isRoot: boolean;
}

function visit(value: unknown, old: unknown, schema: JsonSchema, place: Place, run: Run): void {
  if (value === null || value === undefined || run.budget < 0 || !hasRules(schema)) return;
  if (schema['x-kubernetes-validations']) evaluate(value, old, schema, place, run);
  const { path } = place;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return;
    const before = correlate(old, schema);
    value.forEach((item, index) =>
      visit(item, before(item), items, { path: `${path}[${index}]`, isRoot: false }, run),
    );
  } else if (isJsonObject(value)) {
    const { properties = {}, additionalProperties } = schema;
    for (const key of Object.keys(value)) {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      const inner = property ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
      if (!inner) continue;
      const before = isJsonObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
      visit(value[key], before, inner, { path: childPath(path, key), isRoot: false }, run);
    }
  }
}

/** Only items that have keys are the same items as before. */
function correlate(old: unknown, schema: JsonSchema): (item: unknown) => unknown {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return () => undefined;
  return (item) => {
    const key = listMapKey(item, schema);
    return old.find((candidate) => jsonEqual(listMapKey(candidate, schema), key));
  };
}

function evaluate(
  value: unknown,
  old: unknown,
  schema: JsonSchema,
  { path, isRoot }: Place,
  run: Run,
): void {
  const { type, rules } = compileNode(schema, isRoot);
  const shown = schema.type ?? '';
  const self = type.convert(value);
  const before = old === undefined || old === null ? undefined : type.convert(old);
  const longest = longestCollection(value, longestCollection(old, 1));
  for (const compiled of rules) {
    const { rule, program, problem, usesOldSelf } = compiled;
    if (usesOldSelf && before === undefined && rule.optionalOldSelf !== true) continue;
    const at = rule.fieldPath ? childPath(path, rule.fieldPath.replace(/^\./, '')) : path;
    if (problem || !program) {
      run.errors.push(invalidField(at, shown, `rule compile error: ${problem?.text ?? 'unknown'}`));
      continue;
    }
    run.budget -= compiled.nodes * longest ** compiled.depth;
    if (run.budget < 0) {
      run.errors.push(
        invalidField(
          path,
          shown,
          'validation failed due to running out of cost budget, no further validation rules will be run',
        ),
      );
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
      const said = rule.message?.trim() || rule.rule.trim();
      run.errors.push(invalidField(at, shown, `${summaryOf(error)} evaluating rule: ${said}`));
      continue;
    }
    // What was already stored must not keep the rest of the object from being changed.
    if (!usesOldSelf && before !== undefined && jsonEqual(value, old)) continue;
    run.errors.push(refusal(compiled, at, shownValue(value), variables));
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
      return duplicateField(path, shown);
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

function compileNode(schema: JsonSchema, isRoot: boolean): CompiledNode {
  const known = compiledNodes.get(schema);
  if (known) return known;
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: RULE_NODES_MAX },
  });
  registerFunctions(environment);
  // What a nullable node itself holds is typed all the same: rules are not run over null.
  const type = declareType(environment, { ...schema, nullable: false }, isRoot);
  environment.registerVariable('self', type.name);
  const withOld = environment.clone().registerVariable('oldSelf', type.name);
  const withOptional = environment.clone().registerVariable('oldSelf', `optional<${type.name}>`);
  const rules = (schema['x-kubernetes-validations'] ?? []).map((rule) =>
    compileRule(rule, rule.optionalOldSelf === true ? withOptional : withOld),
  );
  const node = { type, rules };
  compiledNodes.set(schema, node);
  return node;
}

function compileRule(rule: ValidationRule, environment: Environment): CompiledRule {
  const main = compileExpression(rule.rule, environment, 'bool');
  const message =
    rule.messageExpression === undefined
      ? undefined
      : compileExpression(rule.messageExpression, environment, 'string');
  const tree = measure(main.program?.ast);
  return {
    rule,
    program: main.program,
    message: message?.program,
    problem:
      main.problem !== undefined
        ? { field: 'rule', text: main.problem }
        : message?.problem !== undefined
          ? { field: 'messageExpression', text: message.problem }
          : undefined,
    usesOldSelf: tree.usesOldSelf,
    nodes: tree.nodes,
    depth: tree.depth,
  };
}

function compileExpression(
  text: string,
  environment: Environment,
  wanted: 'bool' | 'string',
): { program?: ParseResult; problem?: string } {
  if (text.length > RULE_LENGTH_MAX)
    return { problem: `must not be longer than ${RULE_LENGTH_MAX} characters` };
  try {
    const program = environment.parse(withoutIndexedHas(text));
    const { valid, type, error } = program.check();
    if (!valid) return { problem: `compilation failed: ERROR: <input>: ${summaryOf(error)}` };
    if (type !== wanted && type !== 'dyn')
      return {
        problem: wanted === 'bool' ? 'must evaluate to a bool' : 'must evaluate to a string',
      };
    return { program };
  } catch (error) {
    return { problem: `compilation failed: ERROR: <input>: ${summaryOf(error)}` };
  }
}

const hasPattern = /\bhas\(([^()'"]*[[(](?:[^()'"]|\([^()'"]*\))*)\.\s*([A-Za-z_]\w*)\s*\)/g;

/** The library's `has` follows names only: `has(a[0].b)` is written as `a[0].?b.hasValue()`. */
const withoutIndexedHas = (text: string): string =>
  text.replaceAll(hasPattern, '$1.?$2.hasValue()');

function summaryOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  return summary ?? message ?? String(error);
}

const iterations = new Set(['all', 'exists', 'exists_one', 'existsOne', 'map', 'filter']);
/** These walk a whole list once. */
const passes = new Set(['isSorted', 'sum', 'min', 'max', 'indexOf', 'lastIndexOf']);

interface Measure {
  readonly nodes: number;
  readonly depth: number;
  readonly usesOldSelf: boolean;
}

const nothing: Measure = { nodes: 0, depth: 0, usesOldSelf: false };

/**
 * Walks the parsed tree: a node is `{op, args}` with nodes, names and lists of both among its
 * arguments; a call of a method is `[name, receiver, [argument...]]`.
 */
function measure(node: unknown): Measure {
  if (Array.isArray(node)) return node.map(measure).reduce(combine, nothing);
  if (!isJsonObject(node) || typeof node['op'] !== 'string') return nothing;
  const { op, args } = node;
  if (op === 'id') return { nodes: 1, depth: 0, usesOldSelf: args === 'oldSelf' };
  const inner = measure(args);
  const nodes = inner.nodes + 1;
  if (op === 'rcall' && Array.isArray(args)) {
    const name = String(args[0]);
    if (iterations.has(name)) {
      const depth = Math.max(measure(args[1]).depth, measure(args[2]).depth + 1);
      return { ...inner, nodes, depth };
    }
    if (passes.has(name)) return { ...inner, nodes, depth: Math.max(inner.depth, 1) };
  }
  return { ...inner, nodes, depth: op === 'in' ? Math.max(inner.depth, 1) : inner.depth };
}

const combine = (a: Measure, b: Measure): Measure => ({
  nodes: a.nodes + b.nodes,
  depth: Math.max(a.depth, b.depth),
  usesOldSelf: a.usesOldSelf || b.usesOldSelf,
});

/** Length of the longest list or map anywhere in a value. */
function longestCollection(value: unknown, least: number): number {
  if (typeof value !== 'object' || value === null) return least;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.reduce<number>(
    (longest, item) => longestCollection(item, longest),
    Math.max(least, items.length),
  );
}

function hasRules(schema: JsonSchema): boolean {
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
