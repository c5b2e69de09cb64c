/**
 * Field errors in the words of Kubernetes' own validation, as causes of a 422 carry them. Pure.
 * Source: k8s.io/apimachinery pkg/util/validation/field (shapes that clients show and parse).
 */
import type { FieldError } from './field-error.ts';

const quote = (value: unknown): string => JSON.stringify(value) ?? 'null';

/** @param value undefined: one that is too large to show. */
export const invalidField = (path: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value${value === undefined ? '' : `: ${quote(value)}`}${withDetail(detail)}`,
  paths: [path],
});

/** Of a wrong type, upstream shows the type that was found in the place of the value. */
export const wrongType = (path: string, shown: unknown, detail: string): FieldError => ({
  reason: 'FieldValueTypeInvalid',
  message: `Invalid value: ${quote(shown)}${withDetail(detail)}`,
  paths: [path],
});

export const requiredField = (path: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  message: `Required value${withDetail(detail)}`,
  paths: [path],
});

export const forbiddenField = (path: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden${withDetail(detail)}`,
  paths: [path],
});

export const duplicateField = (path: string, value: unknown): FieldError => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${quote(value)}`,
  paths: [path],
});

export const unsupportedField = (
  path: string,
  value: unknown,
  supported: readonly string[],
): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${quote(value)}: supported values: ${supported.map(quote).join(', ')}`,
  paths: [path],
});

export const tooLongField = (path: string, bytesMax: number): FieldError => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${bytesMax} byte${bytesMax === 1 ? '' : 's'}`,
  paths: [path],
});

export const tooManyField = (path: string, count: number, countMax: number): FieldError => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${count}: must have at most ${countMax} item${countMax === 1 ? '' : 's'}`,
  paths: [path],
});

const withDetail = (detail: string): string => (detail === '' ? '' : `: ${detail}`);
