/**
 * Validation errors of built-in kinds, in the words that the API has for them: the first words are
 * what a client's `details.causes[].reason` is derived from.
 * Source: k8s.io/apimachinery pkg/util/validation/field (behaviour).
 */
import type { FieldError } from './field-error.ts';

const print = (value: unknown): string => JSON.stringify(value) ?? 'null';
const error = (path: string, message: string): FieldError => ({ message, paths: [path] });

export const required = (path: string, detail = ''): FieldError =>
  error(path, detail === '' ? 'Required value' : `Required value: ${detail}`);
export const invalid = (path: string, value: unknown, detail: string): FieldError =>
  error(path, `Invalid value: ${print(value)}: ${detail}`);
export const forbidden = (path: string, detail: string): FieldError =>
  error(path, `Forbidden: ${detail}`);
export const duplicate = (path: string, value: unknown): FieldError =>
  error(path, `Duplicate value: ${print(value)}`);
export const notFound = (path: string, value: unknown): FieldError =>
  error(path, `Not found: ${print(value)}`);
/** @param supported in the order in which upstream names them: sorted for most fields, not for all. */
export const notSupported = (
  path: string,
  value: unknown,
  supported: readonly string[],
): FieldError =>
  error(
    path,
    `Unsupported value: ${print(value)}: supported values: ${supported
      .map((item) => `"${item}"`)
      .join(', ')}`,
  );

/** An integer of at least 0; an absent value is fine. */
export function nonNegative(path: string, value: unknown): FieldError[] {
  if (value === undefined) return [];
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
    ? []
    : [invalid(path, value, 'must be greater than or equal to 0')];
}

/** One of a closed set; an absent value is fine. */
export const oneOf = (path: string, value: unknown, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value as string)
    ? []
    : [notSupported(path, value, supported)];

/** A field that must stay as it was created. */
export const unchanged = (path: string, value: unknown, before: unknown): FieldError[] =>
  isSameValue(value, before) ? [] : [invalid(path, value, 'field is immutable')];

/** Deep equality of JSON values, whatever the order of keys. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) =>
        Object.hasOwn(b, key) &&
        isSameValue((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}
