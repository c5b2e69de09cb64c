/**
 * Everything that a custom object is held to, in the order in which the real server tells it: the
 * schema, scale, embedded objects, list types, and rules once nothing of the object's shape is wrong.
 * On an update what did not change is not judged again. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/registry/customresource (order, words).
 */
import type { DefinedVersion, JsonSchema } from '../../apis/apiextensions/types.ts';
import { invalidField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import { getPath, type JsonObject } from '../json-value.ts';
import { hasRules, runRules } from './cel-rules.ts';
import { validateEmbedded } from './embedded-objects.ts';
import { validateListTypes } from './list-types.ts';
import { validateValue } from './validate-value.ts';

export interface JudgedObject {
  readonly object: KubeObject;
  /** The object before, in the same version; undefined on create. */
  readonly old: KubeObject | undefined;
  readonly schema: JsonSchema;
  readonly scale?: NonNullable<DefinedVersion['subresources']>['scale'] | undefined;
  /** What an update is forgiven, for `Warning` headers; appended to. */
  readonly warnings?: string[] | undefined;
}

/** Of these a rule may not even run: it assumes values of the types that the schema declares. */
const blockingReasons = new Set<string | undefined>([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const INT32_MAX = 2 ** 31 - 1;

/** A write of the object itself. */
export function validateCustomObject(judged: JudgedObject): FieldError[] {
  const { object, old, schema, scale } = judged;
  const correlated = old && { value: object, old };
  // The metadata is the server's to judge, and rules see its names only.
  const errors = validateValue(object, withoutMetadata(schema), '', correlated);
  if (scale) {
    errors.push(...validateReplicas(object, scale.specReplicasPath));
    errors.push(...validateReplicas(object, scale.statusReplicasPath));
    errors.push(...validateSelector(object, scale.labelSelectorPath));
  }
  errors.push(...validateEmbedded(object, schema, ''));
  return finish(errors, judged);
}

/** A write of the status: the rest of the object was judged when it was written. */
export function validateCustomStatus(judged: JudgedObject): FieldError[] {
  const { object, old, schema } = judged;
  const statusSchema = schema.properties?.['status'];
  const statusOf = (one: KubeObject | undefined): unknown =>
    (one as (KubeObject & JsonObject) | undefined)?.['status'];
  const status = statusOf(object);
  const errors: FieldError[] = [];
  if (statusSchema && status !== undefined) {
    const correlated = old && { value: status, old: statusOf(old) };
    for (const error of validateValue(status, statusSchema, '', correlated))
      errors.push({
        ...error,
        paths: error.paths.map((path) => (path === '' ? 'status' : `status.${path}`)),
      });
  }
  return finish(errors, judged);
}

function finish(
  errors: FieldError[],
  { object, old, schema, warnings }: JudgedObject,
): FieldError[] {
  if (!old || validateListTypes(old, schema).length === 0)
    errors.push(...validateListTypes(object, schema));
  if (errors.some(({ reason }) => blockingReasons.has(reason))) {
    // Said only where there are rules that somebody could miss.
    if (hasRules(schema))
      errors.push({
        reason: 'FieldValueInvalid',
        message:
          'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
        paths: [''],
      });
  } else errors.push(...runRules(object, old, schema, warnings));
  return errors.map((error) => ({
    ...error,
    paths: error.paths.map((path) => (path === '' ? '<nil>' : path)),
  }));
}

function validateReplicas(object: KubeObject, path: string): FieldError[] {
  const value = getPath(object, path.slice(1));
  if (value === undefined) return [];
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    const shown = typeof value === 'string' ? 'string' : typeof value;
    return [
      invalidField(
        path,
        0,
        `${path} accessor error: ${String(value)} is of the type ${shown}, expected int64`,
      ),
    ];
  }
  if (value < 0) return [invalidField(path, value, 'should be a non-negative integer')];
  if (value > INT32_MAX)
    return [invalidField(path, value, `should be less than or equal to ${INT32_MAX}`)];
  return [];
}

function validateSelector(object: KubeObject, path: string | undefined): FieldError[] {
  const value = path ? getPath(object, path.slice(1)) : undefined;
  if (!path || value === undefined || typeof value === 'string') return [];
  return [
    invalidField(
      path,
      '',
      `${path} accessor error: ${JSON.stringify(value)} is of the type ${typeof value}, expected string`,
    ),
  ];
}

const strippedSchemas = new WeakMap<JsonSchema, JsonSchema>();

/** `metadata` may restrict names, which is judged; its type is a given. */
function withoutMetadata(schema: JsonSchema): JsonSchema {
  const known = strippedSchemas.get(schema);
  if (known) return known;
  const metadata = schema.properties?.['metadata'];
  const stripped = metadata
    ? {
        ...schema,
        properties: {
          ...schema.properties,
          metadata: metadata.properties ? { properties: metadata.properties } : {},
        },
      }
    : schema;
  strippedSchemas.set(schema, stripped);
  return stripped;
}
