/**
 * Holds a value against a structural schema, in the words of the real server. CEL rules are in
 * cel-rules.ts. Pure. Source: k8s.io/kube-openapi pkg/validation/validate (behaviour and messages).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import {
  invalidField,
  requiredField,
  tooLongField,
  tooManyField,
  unsupportedField,
  wrongType,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import { correlateField, correlateItem, isUnchanged, type Correlated } from './correlation.ts';
import { identify } from './list-types.ts';
import { isSchema } from './pruning.ts';
import { compilePattern } from './regular-expression.ts';
import { matchesFormat } from './value-formats.ts';

/** More than this nobody reads, and a hostile object could have millions. */
const ERRORS_MAX = 200;

/**
 * @param path of the value; empty for a whole object. Junctors' own errors are at no path.
 * @param correlated the value with the one before: what did not change is not judged again.
 */
export function validateValue(
  value: unknown,
  schema: JsonSchema,
  path = '',
  correlated?: Correlated,
): FieldError[] {
  const errors: FieldError[] = [];
  check(value, schema, { path, correlated }, errors);
  return errors.slice(0, ERRORS_MAX);
}

interface Place {
  readonly path: string;
  readonly correlated: Correlated | undefined;
}

function check(value: unknown, schema: JsonSchema, place: Place, errors: FieldError[]): void {
  const { path, correlated } = place;
  if (errors.length >= ERRORS_MAX || isUnchanged(correlated)) return;
  checkType(value, schema, path, errors);
  checkJunctors(value, schema, path, errors);
  if (typeof value === 'string') checkString(value, schema, path, errors);
  else if (typeof value === 'number') checkNumber(value, schema, path, errors);
  else if (Array.isArray(value)) checkList(value, schema, place, errors);
  // As upstream, where null is none of the values of an enum even if it is listed.
  if (schema.enum && (value === null || !schema.enum.some((allowed) => jsonEqual(allowed, value))))
    errors.push(
      unsupportedField(
        path,
        value,
        schema.enum.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))),
      ),
    );
  if (isJsonObject(value)) checkFields(value, schema, place, errors);
}

/** How upstream's messages begin. */
const subject = (path: string): string => `${path} in body`;

function typesOf(schema: JsonSchema): readonly string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string'];
  return schema.type ? [schema.type] : [];
}

function checkType(value: unknown, schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (value === null && schema.nullable === true) return;
  const types = typesOf(schema);
  const found = typeOf(value);
  if (types.length === 0 || types.includes(found)) return;
  if (found === 'integer' && types.includes('number')) return;
  errors.push(
    wrongType(
      path,
      found,
      `${subject(path)} must be of type ${types.join(',')}: ${JSON.stringify(found)}`,
    ),
  );
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkString(value: string, schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { maxLength, minLength, pattern, format } = schema;
  const length = maxLength === undefined && minLength === undefined ? 0 : Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLongField(path, maxLength));
  if (minLength !== undefined && length < minLength)
    errors.push(
      invalidField(path, value, `${subject(path)} should be at least ${minLength} chars long`),
    );
  if (pattern !== undefined && compilePattern(pattern)?.test(value) === false)
    errors.push(invalidField(path, value, `${subject(path)} should match '${pattern}'`));
  if (format !== undefined && !matchesFormat(format, value))
    errors.push(
      wrongType(
        path,
        value,
        `${subject(path)} must be of type ${format}: ${JSON.stringify(value)}`,
      ),
    );
}

const INT32_MAX = 2 ** 31 - 1;
const FLOAT32_MAX = 3.402_823_466_385_288_6e38;

/** What a number's type and format can hold; int64 is checked as far as JSON numbers reach. */
function isInRange(value: number, { type, format }: JsonSchema): boolean {
  if (type === 'integer') {
    if (!Number.isInteger(value)) return false;
    return format !== 'int32' || (value <= INT32_MAX && value >= -INT32_MAX - 1);
  }
  return type !== 'number' || format !== 'float' || Math.abs(value) <= FLOAT32_MAX;
}

function checkNumber(value: number, schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { maximum, minimum, exclusiveMaximum, exclusiveMinimum, multipleOf, type, format } = schema;
  const refuse = (detail: string): void => {
    errors.push(invalidField(path, value, `${subject(path)} ${detail}`));
  };
  if (!isInRange(value, schema)) {
    const expected = format ? `${type} with format ${format}` : `${type} (default format)`;
    errors.push(invalidField('', '', `Checked value must be of type ${expected} in ${path}`));
  }
  if (maximum !== undefined) {
    if (exclusiveMaximum === true && value >= maximum) refuse(`should be less than ${maximum}`);
    else if (value > maximum) refuse(`should be less than or equal to ${maximum}`);
  }
  if (minimum !== undefined) {
    if (exclusiveMinimum === true && value <= minimum) refuse(`should be greater than ${minimum}`);
    else if (value < minimum) refuse(`should be greater than or equal to ${minimum}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    refuse(`should be a multiple of ${multipleOf}`);
}

/** Decimal fractions have no exact halves of bits: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, factor: number): boolean {
  const quotient = value / factor;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * Number.EPSILON * 4;
}

function checkList(
  value: readonly unknown[],
  schema: JsonSchema,
  { path, correlated }: Place,
  errors: FieldError[],
): void {
  const { maxItems, minItems, uniqueItems, items } = schema;
  if (items)
    for (const [index, item] of value.entries()) {
      const inner = correlated && correlateItem(correlated, item, schema);
      check(item, items, { path: `${path}[${index}]`, correlated: inner }, errors);
    }
  if (minItems !== undefined && value.length < minItems)
    errors.push(
      invalidField(path, value.length, `${subject(path)} should have at least ${minItems} items`),
    );
  if (maxItems !== undefined && value.length > maxItems)
    errors.push(tooManyField(path, value.length, maxItems));
  if (uniqueItems === true && new Set(value.map(identify)).size < value.length)
    errors.push(invalidField(path, value, `${subject(path)} shouldn't contain duplicates`));
}

function checkFields(
  value: Readonly<Record<string, unknown>>,
  schema: JsonSchema,
  { path, correlated }: Place,
  errors: FieldError[],
): void {
  const { maxProperties, minProperties, required, properties = {}, additionalProperties } = schema;
  const count = Object.keys(value).length;
  if (maxProperties !== undefined && count > maxProperties)
    errors.push(tooManyField(path, count, maxProperties));
  if (minProperties !== undefined && count < minProperties)
    errors.push(
      invalidField(
        path,
        count,
        `${subject(path)} should have at least ${minProperties} properties`,
      ),
    );
  for (const key of required ?? [])
    if (!Object.hasOwn(value, key)) errors.push(requiredField(childPath(path, key)));
  for (const key of Object.keys(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const inner = property ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
    const before = correlated && correlateField(correlated, key);
    if (inner) check(value[key], inner, { path: childPath(path, key), correlated: before }, errors);
    else if (additionalProperties === false)
      errors.push(invalidField(path, '', `${path}.${key} in body is a forbidden property`));
  }
}

export const childPath = (path: string, key: string): string =>
  path === '' ? key : `${path}.${key}`;

function checkJunctors(
  value: unknown,
  schema: JsonSchema,
  path: string,
  errors: FieldError[],
): void {
  const { allOf, anyOf, oneOf, not } = schema;
  const quoted = JSON.stringify(path);
  if (anyOf && anyOf.length > 0) {
    const failures = anyOf.map((alternative) => validateValue(value, alternative, path));
    if (failures.every(({ length }) => length > 0)) {
      errors.push(
        invalidField('', '', `${quoted} must validate at least one schema (anyOf)`),
        ...fewest(failures),
      );
    }
  }
  if (oneOf && oneOf.length > 0) {
    const failures = oneOf.map((alternative) => validateValue(value, alternative, path));
    const valid = failures.filter(({ length }) => length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
      errors.push(
        invalidField('', '', `${quoted} must validate one and only one schema (oneOf). ${found}`),
      );
      if (valid === 0) errors.push(...fewest(failures));
    }
  }
  if (allOf && allOf.length > 0) {
    const failures = allOf.map((part) => validateValue(value, part, path));
    const valid = failures.filter(({ length }) => length === 0).length;
    errors.push(...failures.flat());
    if (valid < allOf.length)
      errors.push(
        invalidField(
          '',
          '',
          `${quoted} must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`,
        ),
      );
  }
  if (not && validateValue(value, not, path).length === 0)
    errors.push(invalidField('', '', `${quoted} must not validate the schema (not)`));
}

/** Of the alternatives that all failed, the one that was nearest. */
const fewest = (failures: readonly FieldError[][]): readonly FieldError[] =>
  failures.reduce((best, next) => (next.length < best.length ? next : best));
