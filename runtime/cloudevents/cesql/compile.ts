/**
 * Turns a CESQL expression into a function of an attribute look-up. Total: every evaluation yields
 * a value, and beside it the errors that arose. The look-up is the caller's, so that a later
 * dialect may resolve more than context attributes without touching the language.
 * Source: CloudEvents CESQL 1.0.0, section 3.
 */
import type { CesqlError, Report, Value, ValueType } from './functions.ts';
import { findFunction } from './functions.ts';
import { parseCesql } from './parse.ts';
import type { BinaryOperator, Node } from './syntax.ts';

export type AttributeLookup = (name: string) => Value | undefined;

export interface CesqlResult {
  readonly value: Value;
  readonly errors: readonly CesqlError[];
}

export interface CesqlExpression {
  evaluate(lookUp: AttributeLookup): CesqlResult;
}

/** Yields a value in any case, and adds to the errors. */
type Evaluator = (lookUp: AttributeLookup, errors: CesqlError[]) => Value;

/** @throws {CesqlSyntaxError} */
export function compileCesql(text: string): CesqlExpression {
  const evaluator = compile(parseCesql(text));
  return {
    evaluate(lookUp) {
      const errors: CesqlError[] = [];
      const value = evaluator(lookUp, errors);
      return { value, errors };
    },
  };
}

const ZERO: Readonly<Record<ValueType, Value>> = { string: '', number: 0, boolean: false };
const ALWAYS_PRESENT = new Set(['id', 'source', 'type', 'specversion']);

function compile(node: Node): Evaluator {
  switch (node.type) {
    case 'literal':
      return () => node.value;
    case 'attribute':
      return compileAttribute(node.name);
    case 'exists':
      return (lookUp) => ALWAYS_PRESENT.has(node.name) || lookUp(node.name) !== undefined;
    case 'not':
      return compileOperation('boolean', [[compile(node.operand), 'boolean']], ([x]) => !x);
    case 'minus':
      return compileOperation('number', [[compile(node.operand), 'number']], ([x]) =>
        wrap(-(x as number)),
      );
    case 'binary':
      return compileBinary(node.operator, compile(node.left), compile(node.right));
    case 'like': {
      const matches = compileLike(node.pattern);
      return compileOperation(
        'boolean',
        [[compile(node.operand), 'string']],
        ([x]) => matches(x as string) !== node.isNegated,
      );
    }
    case 'in':
      return compileIn(compile(node.operand), node.set.map(compile), node.isNegated);
    case 'call':
      return compileCall(node.name, node.args.map(compile));
  }
}

function compileAttribute(name: string): Evaluator {
  return (lookUp, errors) => {
    const value = lookUp(name);
    if (value !== undefined) return value;
    errors.push({ kind: 'missingAttribute', message: `the event has no attribute "${name}"` });
    return false;
  };
}

/** Casts the operands and applies; where one of them brought an error, the zero value of the result. */
function compileOperation(
  returns: ValueType,
  operands: readonly (readonly [Evaluator, ValueType])[],
  apply: (values: readonly Value[], report: Report) => Value,
): Evaluator {
  return (lookUp, errors) => {
    const errorsBefore = errors.length;
    const values: Value[] = [];
    for (const [operand, type] of operands) {
      const value = operand(lookUp, errors);
      // A value that is itself the outcome of an error is not worth a second one.
      if (errors.length > errorsBefore) return ZERO[returns];
      values.push(cast(value, type, errors));
    }
    if (errors.length > errorsBefore) return ZERO[returns];
    return apply(values, (error) => errors.push(error));
  };
}

function compileBinary(operator: BinaryOperator, left: Evaluator, right: Evaluator): Evaluator {
  switch (operator) {
    case 'AND':
      return (lookUp, errors) =>
        castOutcome(left, lookUp, errors) && castOutcome(right, lookUp, errors);
    case 'OR':
      return (lookUp, errors) =>
        castOutcome(left, lookUp, errors) || castOutcome(right, lookUp, errors);
    case 'XOR':
      return (lookUp, errors) =>
        castOutcome(left, lookUp, errors) !== castOutcome(right, lookUp, errors);
    case '=':
    case '!=':
      return compileEquality(operator, left, right);
    default: {
      const isComparison = operator.startsWith('<') || operator.startsWith('>');
      return compileOperation(
        isComparison ? 'boolean' : 'number',
        [
          [left, 'number'],
          [right, 'number'],
        ],
        ([x, y], report) => integerOperation(operator, x as number, y as number, report),
      );
    }
  }
}

/** An operand of AND, OR, XOR: what failed counts as false, and the other side still has its say. */
function castOutcome(operand: Evaluator, lookUp: AttributeLookup, errors: CesqlError[]): boolean {
  return cast(operand(lookUp, errors), 'boolean', errors) as boolean;
}

/** Overloaded: the right operand's type decides, and the left one is cast to it. */
function compileEquality(operator: '=' | '!=', left: Evaluator, right: Evaluator): Evaluator {
  return (lookUp, errors) => {
    const errorsBefore = errors.length;
    const x = left(lookUp, errors);
    const y = right(lookUp, errors);
    if (errors.length > errorsBefore) return false;
    const castX = cast(x, typeof y as ValueType, errors);
    return errors.length > errorsBefore ? false : (castX === y) === (operator === '=');
  };
}

function integerOperation(operator: BinaryOperator, x: number, y: number, report: Report): Value {
  switch (operator) {
    case '<':
      return x < y;
    case '<=':
      return x <= y;
    case '>':
      return x > y;
    case '>=':
      return x >= y;
    case '+':
      return wrap(x + y);
    case '-':
      return wrap(x - y);
    case '*':
      return Math.imul(x, y);
    default:
      if (y === 0) {
        report({ kind: 'math', message: `${x} ${operator} 0: division by zero` });
        return 0;
      }
      return wrap(operator === '/' ? Math.trunc(x / y) : x % y);
  }
}

/** Integers are 32 bits wide and wrap around, as in the reference implementations. `| 0` also turns -0 into 0. */
const wrap = (value: number): number => value | 0;

function compileIn(operand: Evaluator, set: readonly Evaluator[], isNegated: boolean): Evaluator {
  return (lookUp, errors) => {
    const errorsBefore = errors.length;
    const value = operand(lookUp, errors);
    if (errors.length > errorsBefore) return false;
    for (const item of set) {
      const errorsAtItem = errors.length;
      const candidate = item(lookUp, errors);
      if (errors.length > errorsAtItem) continue;
      const isEqual = cast(candidate, typeof value as ValueType, errors) === value;
      if (isEqual && errors.length === errorsAtItem) return !isNegated;
    }
    return errors.length > errorsBefore ? false : isNegated;
  };
}

function compileCall(name: string, args: readonly Evaluator[]): Evaluator {
  const found = findFunction(name, args.length);
  if (!found)
    return (_lookUp, errors) => {
      const message = `there is no function ${name} of ${args.length} arguments`;
      errors.push({ kind: 'missingFunction', message });
      return false;
    };
  const typeOf = (index: number): ValueType => found.parameters[index] ?? found.rest ?? 'string';
  const operands = args.map((arg, index) => [arg, typeOf(index)] as const);
  return compileOperation(found.returns, operands, found.apply);
}

/** Casts implicitly; where the value has no such form, an error and the type's zero value. */
function cast(value: Value, type: ValueType, errors: CesqlError[]): Value {
  if (typeof value === type) return value;
  switch (type) {
    case 'string':
      return String(value);
    case 'number': {
      if (typeof value === 'boolean') return value ? 1 : 0;
      const number = /^[+-]?[0-9]+$/.test(String(value)) ? Number(value) : NaN;
      if (number === wrap(number)) return wrap(number);
      errors.push({ kind: 'cast', message: `"${String(value)}" is not a 32-bit integer` });
      return 0;
    }
    case 'boolean': {
      if (typeof value === 'number') return value !== 0;
      const lower = String(value).toLowerCase();
      if (lower === 'true' || lower === 'false') return lower === 'true';
      errors.push({ kind: 'cast', message: `"${String(value)}" is not a Boolean` });
      return false;
    }
  }
}

/**
 * `%` any run, `_` one character, backslash escapes both. Greedy matching with one backtrack point:
 * linear in practice and quadratic at worst, where a regular expression could take exponential time.
 */
export function compileLike(pattern: string): (text: string) => boolean {
  const parts: (string | typeof ANY | typeof ONE)[] = [];
  const source = Array.from(pattern);
  for (let i = 0; i < source.length; i++) {
    const char = source[i] ?? '';
    const next = source[i + 1];
    if (char === '\\' && (next === '%' || next === '_')) {
      parts.push(next);
      i += 1;
    } else parts.push(char === '%' ? ANY : char === '_' ? ONE : char);
  }
  return (text) => likeMatches(parts, Array.from(text));
}

const ANY = Symbol('any run of characters');
const ONE = Symbol('any one character');

function likeMatches(parts: readonly (string | symbol)[], text: readonly string[]): boolean {
  let part = 0;
  let at = 0;
  let retryPart = -1;
  let retryAt = 0;
  while (at < text.length) {
    if (parts[part] === ANY) {
      retryPart = ++part;
      retryAt = at;
    } else if (part < parts.length && (parts[part] === ONE || parts[part] === text[at])) {
      part += 1;
      at += 1;
    } else if (retryPart >= 0) {
      part = retryPart;
      at = ++retryAt;
    } else return false;
  }
  while (parts[part] === ANY) part += 1;
  return part === parts.length;
}
