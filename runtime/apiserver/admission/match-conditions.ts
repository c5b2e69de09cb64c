/**
 * CEL expressions that narrow a webhook's rules. They see `object`, `oldObject` and `request`; the
 * `authorizer` variable of upstream is absent, and an expression that names it does not compile.
 * Source: k8s.io/apiserver pkg/admission/plugin/webhook/matchconditions (behaviour).
 */
import { Environment } from '@marcbachmann/cel-js';
import { isJsonObject, type JsonObject } from '../json-value.ts';

/** Expressions come from whoever may configure webhooks, and each write evaluates them. */
const LIMITS = { maxAstNodes: 5_000, maxDepth: 100, maxListElements: 500, maxMapEntries: 500 };

const environment = new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false })
  .registerVariable('object', 'dyn')
  .registerVariable('oldObject', 'dyn')
  .registerVariable('request', 'dyn');

export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

export type CompiledConditions = (review: JsonObject) => boolean;

/**
 * The conditions as one function of a review's `request`: true when all hold. False wins over error.
 * @throws {Error} when one of them does not compile. The function itself throws what a condition threw.
 */
export function compileConditions(conditions: readonly MatchCondition[]): CompiledConditions {
  const programs = conditions.map(({ expression }) => {
    const program = compileExpression(expression);
    return { expression, program };
  });
  return (request) => {
    const numbered = toCel(request) as JsonObject;
    const { object, oldObject } = numbered;
    let failure: Error | undefined;
    for (const { expression, program } of programs) {
      try {
        if (program({ request: numbered, object, oldObject }) !== true) return false;
      } catch (error) {
        failure ??= new Error(`expression '${expression}' resulted in error: ${firstLine(error)}`);
      }
    }
    if (failure) throw failure;
    return true;
  };
}

/** @throws {Error} `compilation failed: ...`, or that the result is no boolean. */
function compileExpression(expression: string): (context: JsonObject) => unknown {
  let program: ReturnType<typeof environment.parse>;
  let checked: ReturnType<typeof program.check>;
  try {
    program = environment.parse(expression);
    checked = program.check();
    if (!checked.valid) throw checked.error ?? new Error('invalid expression');
  } catch (error) {
    throw new Error(`compilation failed: ${firstLine(error)}`, { cause: error });
  }
  if (checked.type !== 'bool' && checked.type !== 'dyn')
    throw new Error(`must evaluate to bool but got ${checked.type}`);
  return program;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

/** Whole numbers of JSON are CEL's `int`, which the evaluator keeps as bigint. */
function toCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (!isJsonObject(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}
