/**
 * Compiles the rules of a schema's nodes, once per node: typed by the schema, with `self` and, for a
 * change, `oldSelf`. What is wrong with an expression is said as Kubernetes' compiler says it. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go (behaviour, words).
 */
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { JsonSchema, ValidationRule } from '../../apis/apiextensions/types.ts';
import { isJsonObject } from '../json-value.ts';
import { explainCompileError } from './cel-errors.ts';
import { registerFunctions } from './cel-functions.ts';
import { declareType, type CelType } from './cel-types.ts';
import { followFieldPath } from './field-path.ts';

const RULE_LENGTH_MAX = 10_000;
const RULE_NODES_MAX = 5_000;

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: ParseResult | undefined;
  readonly message: ParseResult | undefined;
  /** Why there is no `program`. */
  readonly problem: string | undefined;
  /** Why there is no `message` although the rule has an expression for it. */
  readonly messageProblem: string | undefined;
  /** Where in the value the rule says that it fails; empty for the value itself. */
  readonly fieldPath: string;
  readonly usesOldSelf: boolean;
  /** Nodes of the expression, and how deep its iterations nest. */
  readonly nodes: number;
  readonly depth: number;
}

export interface CompiledNode {
  readonly type: CelType;
  readonly rules: readonly CompiledRule[];
}

const compiledNodes = new WeakMap<JsonSchema, CompiledNode>();

export function compileNode(schema: JsonSchema, isRoot: boolean): CompiledNode {
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
    compileRule(rule, schema, rule.optionalOldSelf === true ? withOptional : withOld),
  );
  const node = { type, rules };
  compiledNodes.set(schema, node);
  return node;
}

function compileRule(
  rule: ValidationRule,
  schema: JsonSchema,
  environment: Environment,
): CompiledRule {
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
    problem: main.problem,
    messageProblem: message?.problem,
    fieldPath: rule.fieldPath ? shownPath(rule.fieldPath, schema) : '',
    usesOldSelf: tree.usesOldSelf,
    nodes: tree.nodes,
    depth: tree.depth,
  };
}

function shownPath(fieldPath: string, schema: JsonSchema): string {
  const followed = followFieldPath(fieldPath, schema);
  return followed.schema ? followed.shown : '';
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
    if (!valid) return { problem: explainCompileError(text, error) };
    if (type !== wanted && type !== 'dyn')
      return {
        problem:
          wanted === 'bool'
            ? 'must evaluate to a bool'
            : 'messageExpression must evaluate to a string',
      };
    return { program };
  } catch (error) {
    return { problem: explainCompileError(text, error) };
  }
}

const hasPattern = /\bhas\(([^()'"]*[[(](?:[^()'"]|\([^()'"]*\))*)\.\s*([A-Za-z_]\w*)\s*\)/g;

/** The library's `has` follows names only: `has(a[0].b)` is written as `a[0].?b.hasValue()`. */
const withoutIndexedHas = (text: string): string =>
  text.replaceAll(hasPattern, '$1.?$2.hasValue()');

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
