/**
 * Validation of what a version of a CustomResourceDefinition serves besides its schema: the scale
 * subresource, columns and selectable fields. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (rules, order, words).
 */
import type { DefinedColumn, DefinedVersion, JsonSchema } from '../../apis/apiextensions/types.ts';
import {
  duplicateField,
  invalidField,
  requiredField,
  tooManyField,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { followFieldPath } from './field-path.ts';

type Scale = NonNullable<NonNullable<DefinedVersion['subresources']>['scale']>;

const SELECTABLE_FIELDS_MAX = 8;
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
];

export function validateScale(scale: Scale, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (key: keyof Scale, roots: readonly string[], where: string): void => {
    const value = scale[key];
    const at = `${path}.${key}`;
    if (!value) {
      if (key !== 'labelSelectorPath') errors.push(requiredField(at));
    } else if (!value.startsWith('.'))
      errors.push(invalidField(at, value, 'must be a simple json path starting with .'));
    else if (!roots.some((root) => value.startsWith(`${root}.`)))
      errors.push(invalidField(at, value, `should be a json path under ${where}`));
  };
  check('specReplicasPath', ['.spec'], '.spec');
  check('statusReplicasPath', ['.status'], '.status');
  check('labelSelectorPath', ['.spec', '.status'], 'either .spec or .status');
  return errors;
}

export function validateColumn(column: DefinedColumn, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name, type, format, jsonPath } = column;
  const types = `must be one of ${columnTypes.join(',')}`;
  if (!name) errors.push(requiredField(`${path}.name`));
  if (!type) errors.push(requiredField(`${path}.type`, types));
  else if (!columnTypes.includes(type)) errors.push(invalidField(`${path}.type`, type, types));
  if (format && !columnFormats.includes(format))
    errors.push(
      invalidField(`${path}.format`, format, `must be one of ${columnFormats.join(',')}`),
    );
  if (!jsonPath) errors.push(requiredField(`${path}.JSONPath`));
  else if (!jsonPath.startsWith('.'))
    errors.push(
      invalidField(`${path}.JSONPath`, jsonPath, 'must be a simple json path starting with .'),
    );
  return errors;
}

export function validateSelectableFields(
  fields: NonNullable<DefinedVersion['selectableFields']>,
  root: JsonSchema | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${path}[${index}].jsonPath`;
    if (!jsonPath) {
      errors.push(requiredField(at));
      continue;
    }
    const followed = followFieldPath(jsonPath, root ?? {}, { allowsBrackets: false });
    if (!followed.schema) {
      errors.push(invalidField(at, jsonPath, `is an invalid path: ${followed.problem}`));
      continue;
    }
    if (followed.shown.split('.')[0] === 'metadata')
      errors.push(invalidField(at, jsonPath, 'must not point to fields in metadata'));
    if (!['string', 'boolean', 'integer'].includes(followed.schema.type ?? ''))
      errors.push(
        invalidField(
          at,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      );
    if (seen.has(followed.shown)) errors.push(duplicateField(at, jsonPath));
    seen.add(followed.shown);
  }
  if (seen.size > SELECTABLE_FIELDS_MAX)
    errors.push(tooManyField(path, seen.size, SELECTABLE_FIELDS_MAX));
  return errors;
}
