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

/** undefined = nothing to work with (missing attribute, failed cast): the operator above yields its zero value. */
type Result = Value | undefined;
type Evaluator = (lookUp: AttributeLookup, report: Report) => Result;

/** @throws {CesqlSyntaxError} */
export function compileCesql(text: string): CesqlExpression {
  const evaluator = compile(parseCesql(text));
  return {
    evaluate(lookUp) {
      const errors: CesqlError[] = [];
      const value = evaluator(lookUp, (error) => errors.push(error)) ?? false;
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
    case 'not': {
      const operand = compile(node.operand);
      return (lookUp, report) => {
        const value = cast(operand(lookUp, report), 'boolean', report);
        return value === undefined ? false : !value;
      };
    }
    case 'minus': {
      const operand = compile(node.operand);
      return (lookUp, report) => {
        const value = cast(operand(lookUp, report), 'number', report);
        return value === undefined ? 0 : wrap(-(value as number));
      };
    }
    case 'binary':
      return compileBinary(node.operator, compile(node.left), compile(node.right));
    case 'like': {
      const operand = compile(node.operand);
      const matches = compileLike(node.pattern);
      return (lookUp, report) => {
        const value = cast(operand(lookUp, report), 'string', report);
        return value === undefined ? false : matches(value as string) !== node.isNegated;
      };
    }
    case 'in':
      return compileIn(compile(node.operand), node.set.map(compile), node.isNegated);
    case 'call':
      return compileCall(node.name, node.args.map(compile));
  }
}

function compileAttribute(name: string): Evaluator {
  return (lookUp, report) => {
    const value = lookUp(name);
    if (value === undefined)
      report({ kind: 'missingAttribute', message: `the event has no attribute "${name}"` });
    return value;
  };
}

function compileBinary(operator: BinaryOperator, left: Evaluator, right: Evaluator): Evaluator {
  switch (operator) {
    case 'AND':
      return (lookUp, report) => {
        if (cast(left(lookUp, report), 'boolean', report) !== true) return false;
        return cast(right(lookUp, report), 'boolean', report) ?? false;
      };
    case 'OR':
      return (lookUp, report) => {
        if (cast(left(lookUp, report), 'boolean', report) === true) return true;
        return cast(right(lookUp, report), 'boolean', report) ?? false;
      };
    case 'XOR':
      return (lookUp, report) => {
        const x = cast(left(lookUp, report), 'boolean', report);
        const y = cast(right(lookUp, report), 'boolean', report);
        return x === undefined || y === undefined ? false : x !== y;
      };
    case '=':
    case '!=':
      // Overloaded: the right operand's type decides, and the left one is cast to it.
      return (lookUp, report) => {
        const x = left(lookUp, report);
        const y = right(lookUp, report);
        if (x === undefined || y === undefined) return false;
        const castX = cast(x, typeof y as ValueType, report);
        return castX === undefined ? false : (castX === y) === (operator === '=');
      };
    default:
      return (lookUp, report) => {
        const x = cast(left(lookUp, report), 'number', report);
        const y = cast(right(lookUp, report), 'number', report);
        const isComparison = operator.startsWith('<') || operator.startsWith('>');
        if (x === undefined || y === undefined) return isComparison ? false : 0;
        return integerOperation(operator, x as number, y as number, report);
      };
  }
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
  return (lookUp, report) => {
    const value = operand(lookUp, report);
    if (value === undefined) return false;
    let isMember = false;
    let isFailed = false;
    for (const item of set) {
      const candidate = cast(item(lookUp, report), typeof value as ValueType, report);
      if (candidate === undefined) isFailed = true;
      else if (candidate === value) isMember = true;
      if (isMember) break;
    }
    return isFailed && !isMember ? false : isMember !== isNegated;
  };
}

function compileCall(name: string, args: readonly Evaluator[]): Evaluator {
  const found = findFunction(name, args.length);
  if (!found)
    return (_lookUp, report) => {
      const message = `there is no function ${name} of ${args.length} arguments`;
      report({ kind: 'missingFunction', message });
      return undefined;
    };
  return (lookUp, report) => {
    const values: Value[] = [];
    for (const [index, arg] of args.entries()) {
      const type = found.parameters[index] ?? found.rest ?? 'string';
      const value = cast(arg(lookUp, report), type, report);
      if (value === undefined) return ZERO[found.returns];
      values.push(value);
    }
    return found.apply(values, report);
  };
}

/** Casts implicitly; reports and returns undefined where the value has no such form. */
function cast(value: Result, type: ValueType, report: Report): Result {
  if (value === undefined || typeof value === type) return value;
  switch (type) {
    case 'string':
      return String(value);
    case 'number': {
      if (typeof value === 'boolean') return value ? 1 : 0;
      const number = /^[+-]?[0-9]+$/.test(String(value)) ? Number(value) : NaN;
      if (number === wrap(number)) return wrap(number);
      report({ kind: 'cast', message: `"${String(value)}" is not a 32-bit integer` });
      return undefined;
    }
    case 'boolean': {
      if (typeof value === 'number') return value !== 0;
      const lower = String(value).toLowerCase();
      if (lower === 'true' || lower === 'false') return lower === 'true';
      report({ kind: 'cast', message: `"${String(value)}" is not a Boolean` });
      return undefined;
    }
  }
}

/**
 * `%` any run, `_` one character, backslash escapes both. Greedy matching with one backtrack point:
 * linear in practice and quadratic at worst, where a regular expression could take exponential time.
 */
export function compileLike(pattern: string): (text: string) => boolean {
  const parts: (string | typeof ANY | typeof ONE)[] = [];
  const source = [...pattern];
  for (let i = 0; i < source.length; i++) {
    const char = source[i] ?? '';
    const next = source[i + 1];
    if (char === '\\' && (next === '%' || next === '_')) {
      parts.push(next);
      i += 1;
    } else parts.push(char === '%' ? ANY : char === '_' ? ONE : char);
  }
  return (text) => likeMatches(parts, [...text]);
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
