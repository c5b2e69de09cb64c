/**
 * API objects inside of custom ones (`x-kubernetes-embedded-resource`): their type and metadata are
 * held to the same rules as if they were written on their own. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/objectmeta (rules and words).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { invalidField, requiredField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import { findTypeSchema } from '../../apis/schema/type-table.ts';
import { isJsonObject, setKey, type JsonObject } from '../json-value.ts';
import { validateMetadata } from '../metadata-rules.ts';
import { DecodeError, decodeObject } from '../schema/decode-value.ts';
import { dnsLabel1035Problem } from './definition-names.ts';
import { isSchema } from './pruning.ts';
import { isSingle } from './structural-rules.ts';

const OBJECT_META = 'meta.v1.ObjectMeta';
/** Names of embedded objects may be anything that fits into a path, as those of Roles. */
const STORE_OF_FREE_NAMES = 'rbac.authorization.k8s.io/roles';

/** What is wrong with the embedded objects of a value; `path` is where the value stands. */
export function validateEmbedded(
  value: unknown,
  schema: JsonSchema,
  path: string,
  errors: FieldError[] = [],
): FieldError[] {
  if (!hasEmbedded(schema)) return errors;
  if (isJsonObject(value)) {
    if (schema['x-kubernetes-embedded-resource'] === true) errors.push(...judge(value, path));
    const { properties = {}, additionalProperties } = schema;
    for (const [key, item] of Object.entries(value)) {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (property) validateEmbedded(item, property, join(path, key), errors);
      else if (isSchema(additionalProperties))
        validateEmbedded(item, additionalProperties, `${path}[${key}]`, errors);
    }
  } else if (Array.isArray(value) && isSingle(schema.items))
    for (const [index, item] of value.entries())
      validateEmbedded(item, schema.items, `${path}[${index}]`, errors);
  return errors;
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

function judge(object: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { apiVersion, kind, metadata } = object;
  for (const key of ['apiVersion', 'kind'])
    if (!Object.hasOwn(object, key)) errors.push(requiredField(join(path, key)));
  const text = (key: string, value: unknown, problemOf: (text: string) => string | undefined) => {
    if (value === undefined) return;
    const problem =
      typeof value !== 'string'
        ? 'must be a string'
        : value === ''
          ? 'must not be empty'
          : problemOf(value);
    if (problem !== undefined) errors.push(invalidField(join(path, key), value, problem));
  };
  text('apiVersion', apiVersion, (version) =>
    version.split('/').length > 2 ? `unexpected GroupVersion string: ${version}` : undefined,
  );
  text('kind', kind, (name) => {
    const problem = dnsLabel1035Problem(name.toLowerCase());
    return problem && `may have mixed case, but should otherwise match: ${problem}`;
  });
  if (metadata === undefined) return errors;
  const judged = {
    apiVersion: typeof apiVersion === 'string' ? apiVersion : '',
    kind: typeof kind === 'string' ? kind : '',
    metadata: { name: 'unnamed', ...(isJsonObject(metadata) ? metadata : {}) },
  } as unknown as KubeObject;
  for (const { reason, message, field } of validateMetadata(judged, STORE_OF_FREE_NAMES))
    errors.push({
      ...(reason === undefined ? {} : { reason }),
      message,
      paths: [join(path, field ?? '')],
    });
  return errors;
}

/** An object in the place of another type; the message names field, value and problem. */
export class EmbeddedMetadataError extends Error {}

/**
 * The value without what no metadata has; the paths of what went are appended to `removed`.
 * @param isObject the value itself is an API object. @throws {EmbeddedMetadataError}
 */
export function pruneEmbeddedMetadata<T>(
  value: T,
  schema: JsonSchema,
  options: { readonly path: string; readonly isObject: boolean; readonly removed: string[] },
): T {
  const { path, isObject, removed } = options;
  if (!isObject && !hasEmbedded(schema)) return value;
  const inside = (item: unknown, itemSchema: JsonSchema, at: string): unknown =>
    pruneEmbeddedMetadata(item, itemSchema, {
      path: at,
      isObject: itemSchema['x-kubernetes-embedded-resource'] === true,
      removed,
    });
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!isSingle(items)) return value;
    const next = value.map((item: unknown, index) => inside(item, items, `${path}[${index}]`));
    return (next.some((item, index) => item !== value[index]) ? next : value) as T;
  }
  if (!isJsonObject(value)) return value;
  let copy: JsonObject | undefined;
  const { properties = {}, additionalProperties } = schema;
  for (const [key, item] of Object.entries(value)) {
    const at = join(path, key);
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const inner = property ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
    const isMetadata = isObject && key === 'metadata';
    const next = isMetadata
      ? pruneMetadata(item, at, removed)
      : inner
        ? inside(item, inner, at)
        : item;
    if (next !== item) setKey((copy ??= { ...value }), key, next);
  }
  return (copy ?? value) as T;
}

function pruneMetadata(metadata: unknown, path: string, removed: string[]): unknown {
  if (metadata === null || metadata === undefined) return metadata;
  const problem = (text: string): EmbeddedMetadataError =>
    new EmbeddedMetadataError(`${path}: Invalid value: ${JSON.stringify(metadata)}: ${text}`);
  if (!isJsonObject(metadata))
    throw problem(
      `json: cannot unmarshal ${Array.isArray(metadata) ? 'array' : typeof metadata} into Go value of type v1.ObjectMeta`,
    );
  const unknown: string[] = [];
  try {
    decodeObject(findTypeSchema(OBJECT_META), metadata, unknown);
  } catch (error) {
    if (error instanceof DecodeError) throw problem(error.message);
    throw error;
  }
  if (unknown.length === 0) return metadata;
  removed.push(...unknown.map((field) => `${path}.${field}`));
  const known = findTypeSchema(OBJECT_META).byName;
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => known.has(key)));
}

const withEmbedded = new WeakMap<JsonSchema, boolean>();

/** Most schemas embed nothing, and their objects need no walk. */
function hasEmbedded(schema: JsonSchema): boolean {
  const known = withEmbedded.get(schema);
  if (known !== undefined) return known;
  const { properties, items, additionalProperties } = schema;
  const found =
    schema['x-kubernetes-embedded-resource'] === true ||
    Object.values(properties ?? {}).some(hasEmbedded) ||
    (isSingle(items) && hasEmbedded(items)) ||
    (isSchema(additionalProperties) && hasEmbedded(additionalProperties));
  withEmbedded.set(schema, found);
  return found;
}
