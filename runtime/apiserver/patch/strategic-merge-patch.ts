/**
 * Strategic merge patch for built-in kinds: a merge patch whose keyed lists merge item by item,
 * with the directives `$patch` (delete, replace, merge), `$deleteFromPrimitiveList/...`,
 * `$setElementOrder/...` and `$retainKeys`. Pure; shares what it does not change.
 * Source: k8s.io/apimachinery pkg/util/strategicpatch (behaviour).
 */
import { getKey, isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import { StatusError } from '../status-error.ts';
import { itemKeys, type ListShape, type PatchSchema } from './merge-schema.ts';

const DELETE_FROM = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/** @throws {StatusError} 400 when the patch is malformed. */
export function applyStrategicMergePatch(
  target: unknown,
  patch: unknown,
  schema: PatchSchema,
): unknown {
  if (!isJsonObject(patch))
    throw StatusError.badRequest('a strategic merge patch must be an object');
  return mergeMap(isJsonObject(target) ? target : {}, patch, [], schema);
}

function mergeMap(
  target: JsonObject,
  patch: JsonObject,
  path: readonly string[],
  schema: PatchSchema,
): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch) as JsonObject;
  if (directive === 'delete') return {};
  let result: JsonObject = { ...target };
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained))
    result = Object.fromEntries(Object.entries(result).filter(([key]) => retained.includes(key)));
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys' || key.startsWith(ELEMENT_ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) {
      const field = key.slice(DELETE_FROM.length);
      result[field] = withoutItems(getKey(result, field), value);
    } else if (value === null) delete result[key];
    else setKey(result, key, mergeValue(getKey(result, key), value, [...path, key], schema));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ELEMENT_ORDER) || !Array.isArray(order)) continue;
    const field = key.slice(ELEMENT_ORDER.length);
    const list = getKey(result, field);
    if (Array.isArray(list))
      result[field] = sortByOrder(list, order, schema.listShape([...path, field]));
  }
  return result;
}

function mergeValue(
  target: unknown,
  patch: unknown,
  path: readonly string[],
  schema: PatchSchema,
): unknown {
  if (isJsonObject(patch)) return mergeMap(isJsonObject(target) ? target : {}, patch, path, schema);
  if (!Array.isArray(patch)) return patch;
  const shape = schema.listShape(path);
  const current: readonly unknown[] = Array.isArray(target) ? target : [];
  if (shape.type === 'map')
    return mergeKeyedList(current, patch, { keys: shape.keys, path, schema });
  if (shape.type === 'set')
    return [...current, ...patch.filter((item) => !current.some((old) => jsonEqual(old, item)))];
  return withoutDirectives(patch);
}

function mergeKeyedList(
  current: readonly unknown[],
  patch: readonly unknown[],
  options: { keys: readonly string[]; path: readonly string[]; schema: PatchSchema },
): unknown[] {
  // The patch form names items by the first key alone: a Service's port by `port`.
  const keys = options.keys.slice(0, 1);
  const isReplaced = patch.some(
    (item) => isJsonObject(item) && item['$patch'] === 'replace' && !itemKeys(item, keys),
  );
  let result: unknown[] = isReplaced ? [] : [...current];
  for (const item of patch) {
    if (!isJsonObject(item))
      throw StatusError.badRequest(`${options.path.join('.')}: items of this list must be objects`);
    const id = itemKeys(item, keys);
    if (!id) {
      if (item['$patch'] === 'replace') continue;
      throw StatusError.badRequest(
        `${options.path.join('.')}: an item does not contain the merge key ${keys.join(', ')}`,
      );
    }
    const index = result.findIndex(
      (old) => isJsonObject(old) && jsonEqual(itemKeys(old, keys), id),
    );
    if (item['$patch'] === 'delete') result = result.filter((_, i) => i !== index);
    else if (index < 0) result.push(withoutDirectives(item));
    else result[index] = mergeMap(result[index] as JsonObject, item, options.path, options.schema);
  }
  return result;
}

function withoutItems(list: unknown, removed: unknown): unknown {
  if (!Array.isArray(list) || !Array.isArray(removed)) return list;
  return list.filter((item) => !removed.some((gone) => jsonEqual(item, gone)));
}

/** Items named in the order come in it; the others keep their places behind their predecessors. */
function sortByOrder(
  list: readonly unknown[],
  order: readonly unknown[],
  shape: ListShape,
): unknown[] {
  const idOf = (item: unknown): string => {
    if (shape.type !== 'map' || !isJsonObject(item)) return JSON.stringify(item);
    return JSON.stringify(itemKeys(item, shape.keys.slice(0, 1)));
  };
  const rank = new Map(order.map((item, index) => [idOf(item), index]));
  let last = -1;
  return list
    .map((item, index) => {
      last = rank.get(idOf(item)) ?? last;
      return { item, rank: last, index };
    })
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ item }) => item);
}

/** A value that is taken over whole must not carry patch directives into the store. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .filter((item) => !(isJsonObject(item) && item['$patch'] === 'delete'))
      .map(withoutDirectives);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value))
    if (
      !key.startsWith('$patch') &&
      !key.startsWith('$setElementOrder/') &&
      !key.startsWith(DELETE_FROM) &&
      key !== '$retainKeys' &&
      item !== null
    )
      setKey(result, key, withoutDirectives(item));
  return result;
}
