/**
 * CESQL's built-in functions. Each declares the types that its arguments are cast to and the type
 * that it returns, so that the evaluator knows the zero value when a cast fails.
 * Source: CloudEvents CESQL 1.0.0, section 3.5. Characters are Unicode code points.
 */
export type ValueType = 'string' | 'number' | 'boolean';
export type Value = string | number | boolean;

export type CesqlErrorKind =
  'cast' | 'math' | 'missingAttribute' | 'missingFunction' | 'functionEvaluation';

export interface CesqlError {
  readonly kind: CesqlErrorKind;
  readonly message: string;
}

export type Report = (error: CesqlError) => void;

export interface CesqlFunction {
  /** Types of the fixed arguments. */
  readonly parameters: readonly ValueType[];
  /** Type of any further ones; absent = none. */
  readonly rest?: ValueType;
  readonly returns: ValueType;
  readonly apply: (args: readonly Value[], report: Report) => Value;
}

const INTEGER_MIN = -2_147_483_648;
const INTEGER_MAX = 2_147_483_647;

const text = (value: Value | undefined): string => value as string;
const number = (value: Value | undefined): number => value as number;
const chars = (value: Value | undefined): string[] => Array.from(text(value));

const functions: Readonly<Record<string, readonly CesqlFunction[]>> = {
  LENGTH: [{ parameters: ['string'], returns: 'number', apply: ([x]) => chars(x).length }],
  CONCAT: [{ parameters: [], rest: 'string', returns: 'string', apply: (args) => args.join('') }],
  CONCAT_WS: [
    {
      parameters: ['string'],
      rest: 'string',
      returns: 'string',
      apply: ([separator, ...args]) => args.join(text(separator)),
    },
  ],
  LOWER: [{ parameters: ['string'], returns: 'string', apply: ([x]) => text(x).toLowerCase() }],
  UPPER: [{ parameters: ['string'], returns: 'string', apply: ([x]) => text(x).toUpperCase() }],
  TRIM: [{ parameters: ['string'], returns: 'string', apply: ([x]) => text(x).trim() }],
  LEFT: [side('LEFT', (all, count) => all.slice(0, count))],
  RIGHT: [
    side('RIGHT', (all, count) => (count >= all.length ? all : all.slice(all.length - count))),
  ],
  SUBSTRING: [
    {
      parameters: ['string', 'number'],
      returns: 'string',
      apply: ([x, position], report) => substring(chars(x), number(position), Infinity, report),
    },
    {
      parameters: ['string', 'number', 'number'],
      returns: 'string',
      apply: ([x, position, length], report) =>
        substring(chars(x), number(position), number(length), report),
    },
  ],
  ABS: [
    {
      parameters: ['number'],
      returns: 'number',
      apply: ([x], report) => {
        if (number(x) !== INTEGER_MIN) return Math.abs(number(x));
        report({ kind: 'math', message: `ABS(${INTEGER_MIN}) is not a 32-bit integer` });
        return INTEGER_MAX;
      },
    },
  ],
  // Casting is what the parameter type does.
  INT: [{ parameters: ['number'], returns: 'number', apply: ([x]) => number(x) }],
  BOOL: [{ parameters: ['boolean'], returns: 'boolean', apply: ([x]) => x as boolean }],
  STRING: [{ parameters: ['string'], returns: 'string', apply: ([x]) => text(x) }],
};

/** The overload for this many arguments. Names are upper case. */
export function findFunction(name: string, argumentCount: number): CesqlFunction | undefined {
  const overloads = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return overloads?.find(({ parameters, rest }) =>
    rest === undefined ? argumentCount === parameters.length : argumentCount >= parameters.length,
  );
}

function side(name: string, cut: (all: string[], count: number) => string[]): CesqlFunction {
  return {
    parameters: ['string', 'number'],
    returns: 'string',
    apply: ([x, count], report) => {
      if (number(count) >= 0) return cut(chars(x), number(count)).join('');
      report({
        kind: 'functionEvaluation',
        message: `${name}: length ${number(count)} is negative`,
      });
      return text(x);
    },
  };
}

function substring(all: string[], position: number, length: number, report: Report): string {
  if (Math.abs(position) > all.length || length < 0) {
    const message = `SUBSTRING: position ${position}, length ${length} of ${all.length} characters`;
    report({ kind: 'functionEvaluation', message });
    return '';
  }
  if (position === 0) return '';
  const start = position > 0 ? position - 1 : all.length + position;
  return all.slice(start, start + length).join('');
}
