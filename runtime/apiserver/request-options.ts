/**
 * The options that ride on a request's query (`CreateOptions`, `UpdateOptions`, `PatchOptions`) or in
 * a DELETE's body, and how bad ones are refused: all problems in one 422, in the API's words. Pure.
 * Source: k8s.io/apimachinery pkg/apis/meta/v1/validation.
 */
import type { FieldValidation } from './object-decoder.ts';
import { StatusError, type StatusCause } from './status-error.ts';

export type OptionsKind =
  'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions' | 'ListOptions';

/** The refusal of options as of any other object. */
export const invalidOptions = (kind: OptionsKind, causes: readonly StatusCause[]): StatusError =>
  StatusError.invalid({ group: 'meta.k8s.io', kind }, '', causes);

export interface WriteOptions {
  readonly dryRun: boolean;
  /** Undefined where none was given. */
  readonly fieldManager: string | undefined;
  readonly fieldValidation: FieldValidation;
}

const FIELD_MANAGER_LENGTH_MAX = 128;
const fieldValidations: readonly string[] = ['', 'Ignore', 'Strict', 'Warn'];

/** @throws {StatusError} 422 */
export function parseWriteOptions(
  query: Readonly<Record<string, string>>,
  kind: OptionsKind,
  more: readonly StatusCause[] = [],
): WriteOptions {
  const { dryRun, fieldManager, fieldValidation = '' } = query;
  const causes = [
    ...validateDryRun(dryRun === undefined ? [] : [dryRun]),
    ...more,
    ...validateFieldManager(fieldManager ?? ''),
    ...(fieldValidations.includes(fieldValidation)
      ? []
      : [
          {
            reason: 'FieldValueNotSupported',
            message: `Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: ${fieldValidations.map((value) => JSON.stringify(value)).join(', ')}`,
            field: 'fieldValidation',
          },
        ]),
  ];
  if (causes.length > 0) throw invalidOptions(kind, causes);
  return {
    dryRun: dryRun !== undefined,
    fieldManager: fieldManager || undefined,
    fieldValidation: (fieldValidation || 'Warn') as FieldValidation,
  };
}

/** `All` is the only dry run there is. */
export const validateDryRun = (values: readonly unknown[]): StatusCause[] =>
  values.every((value) => value === 'All')
    ? []
    : [
        {
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`,
          field: 'dryRun',
        },
      ];

function validateFieldManager(manager: string): StatusCause[] {
  const field = 'fieldManager';
  const causes: StatusCause[] = [];
  if (Buffer.byteLength(manager) > FIELD_MANAGER_LENGTH_MAX)
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${FIELD_MANAGER_LENGTH_MAX} bytes`,
      field,
    });
  for (const [position, character] of Array.from(manager).entries()) {
    if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) continue;
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${quote(manager)}: invalid character U+${code} (at position ${position})`,
      field,
    });
  }
  return causes;
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\u000b': String.raw`\v`,
};

/** Go's quoting, which differs from JSON's in how it writes control characters. */
const quote = (text: string): string =>
  JSON.stringify(text)
    .replace(/\\u0007|\\u000b/g, (found) => escapes[JSON.parse(`"${found}"`) as string] ?? found)
    .replace(/\\u00([0-9a-f]{2})/g, (_, hex: string) => String.raw`\x${hex}`);
