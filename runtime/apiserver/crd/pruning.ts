/**
 * Removes what a structural schema does not specify, and tells what it removed. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/pruning (behaviour).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';

/** Of the root and of embedded objects these are specified whatever the schema says. */
const objectFields = ['apiVersion', 'kind', 'metadata'];

/**
 * @param removed the paths of removed fields are appended here, e.g. `spec.foo[0].bar`.
 * @returns `object` itself when nothing had to go, and a copy that shares all that stays otherwise.
 */
export function pruneObject<T extends object>(
  object: T,
  schema: JsonSchema,
  removed: string[] = [],
): T {
  return pruneFields(object as JsonObject, schema, { isObject: true, path: '', removed }) as T;
}

interface Place {
  /** An API object: its type and metadata are not the schema's business. */
  readonly isObject: boolean;
  readonly path: string;
  readonly removed: string[];
}

/** Without a schema nothing is specified: of objects, at whatever depth of lists, nothing stays. */
function prune(
  value: unknown,
  schema: JsonSchema | undefined,
  path: string,
  removed: string[],
): unknown {
  if (isJsonObject(value)) {
    const isObject = schema?.['x-kubernetes-embedded-resource'] === true;
    return pruneFields(value, schema, { isObject, path, removed });
  }
  if (!Array.isArray(value)) return value;
  // A list whose items nobody describes stays where unknown fields do.
  const items = schema?.items;
  if (!items && schema?.['x-kubernetes-preserve-unknown-fields'] === true) return value;
  let changed = false;
  const pruned = value.map((item: unknown, index) => {
    const next = prune(item, items, `${path}[${index}]`, removed);
    changed ||= next !== item;
    return next;
  });
  return changed ? pruned : value;
}

function pruneFields(
  value: JsonObject,
  schema: JsonSchema | undefined,
  { isObject, path, removed }: Place,
): JsonObject {
  const preserves = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  const properties = schema?.properties;
  const additional = schema?.additionalProperties;
  let copy: JsonObject | undefined;
  for (const key of Object.keys(value)) {
    if (isObject && objectFields.includes(key)) continue;
    const item = value[key];
    const at = path === '' ? key : `${path}.${key}`;
    const property = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property ?? additional ?? false) {
      const inner = property ?? (isSchema(additional) ? additional : undefined);
      const next = !inner && preserves ? item : prune(item, inner, at, removed);
      if (next !== item) setKey((copy ??= copyOf(value)), key, next);
    } else if (!preserves) {
      removed.push(at);
      copy ??= copyOf(value);
      delete copy[key];
    }
  }
  return copy ?? value;
}

export const isSchema = (value: boolean | JsonSchema | undefined): value is JsonSchema =>
  typeof value === 'object';

function copyOf(value: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setKey(copy, key, getKey(value, key));
  return copy;
}
