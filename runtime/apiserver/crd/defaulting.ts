/**
 * Fills in a structural schema's defaults, and drops nulls that a default replaces. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/defaulting (behaviour).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { cloneJson, setKey, type JsonObject, isJsonObject } from '../json-value.ts';
import { isSchema } from './pruning.ts';

const withDefault = new WeakMap<JsonSchema, boolean>();

/** @returns `value` itself when nothing was missing, and a copy that shares the rest otherwise. */
export function applySchemaDefaults<T>(value: T, schema: JsonSchema): T {
  return hasDefaults(schema) ? (fill(value, schema) as T) : value;
}

function fill(value: unknown, schema: JsonSchema): unknown {
  if (!hasDefaults(schema)) return value;
  if (isJsonObject(value)) return fillFields(value, schema);
  if (!Array.isArray(value) || !schema.items) return value;
  const { items } = schema;
  let changed = false;
  const filled = value.map((item: unknown) => {
    const next = item === null && isReplaced(items) ? cloneJson(items.default) : fill(item, items);
    changed ||= next !== item;
    return next;
  });
  return changed ? filled : value;
}

function fillFields(value: JsonObject, schema: JsonSchema): JsonObject {
  let copy: JsonObject | undefined;
  const set = (key: string, item: unknown): void => {
    copy ??= { ...value };
    setKey(copy, key, item);
  };
  const { properties = {}, additionalProperties } = schema;
  for (const key of Object.keys(properties)) {
    const property = properties[key] as JsonSchema;
    if (!Object.hasOwn(value, key)) {
      // A default may itself lack fields that have defaults.
      if (property.default !== undefined) set(key, fill(cloneJson(property.default), property));
      continue;
    }
    const item = value[key];
    if (item === null && isReplaced(property)) {
      set(key, fill(cloneJson(property.default), property));
      continue;
    }
    const next = fill(item, property);
    if (next !== item) set(key, next);
  }
  if (isSchema(additionalProperties))
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(properties, key)) continue;
      const item = value[key];
      const next =
        item === null && isReplaced(additionalProperties)
          ? cloneJson(additionalProperties.default)
          : fill(item, additionalProperties);
      if (next !== item) set(key, next);
    }
  return copy ?? value;
}

/** A null where null is not allowed counts as unset, as far as there is something to set. */
const isReplaced = (schema: JsonSchema): boolean =>
  schema.default !== undefined && schema.nullable !== true;

/**
 * Takes out fields that are null where null means nothing: it is not allowed, and no default is in
 * its place. @returns `value` itself when there were none.
 */
export function dropNulls<T>(value: T, schema: JsonSchema | undefined): T {
  if (Array.isArray(value)) {
    const next = value.map((item: unknown) => dropNulls(item, schema?.items));
    return (next.some((item, index) => item !== value[index]) ? next : value) as T;
  }
  if (!isJsonObject(value)) return value;
  let copy: JsonObject | undefined;
  const { properties = {}, additionalProperties } = schema ?? {};
  for (const key of Object.keys(value)) {
    const item = value[key];
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const inner = property ?? (isSchema(additionalProperties) ? additionalProperties : undefined);
    if (item === null && inner && inner.nullable !== true && inner.default === undefined) {
      copy ??= { ...value };
      delete copy[key];
      continue;
    }
    const next = dropNulls(item, inner);
    if (next !== item) setKey((copy ??= { ...value }), key, next);
  }
  return (copy ?? value) as T;
}

function hasDefaults(schema: JsonSchema): boolean {
  const known = withDefault.get(schema);
  if (known !== undefined) return known;
  const { properties, items, additionalProperties } = schema;
  const found =
    Object.values(properties ?? {}).some(
      (property) => property.default !== undefined || hasDefaults(property),
    ) ||
    (items !== undefined && (items.default !== undefined || hasDefaults(items))) ||
    (isSchema(additionalProperties) &&
      (additionalProperties.default !== undefined || hasDefaults(additionalProperties)));
  withDefault.set(schema, found);
  return found;
}
