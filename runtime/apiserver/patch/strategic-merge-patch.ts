/**
 * Strategic merge patch for built-in kinds: a merge patch whose keyed lists merge item by item,
 * with the directives `$patch` (delete, replace), `$deleteFromPrimitiveList/...`,
 * `$setElementOrder/...` and `$retainKeys`. Pure; shares what it does not change.
 * Source: k8s.io/apimachinery pkg/util/strategicpatch (behaviour, texts of errors).
 */
import { goValue, jsonTypeOf } from '../go-value.ts';
import { getKey, isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import { StatusError } from '../status-error.ts';
import { itemInOrder, type ItemKey } from './list-order.ts';
import { mergeKeyOf, type ListShape, type PatchSchema } from './merge-schema.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/** @throws {StatusError} 400, 422 or 500, as upstream, when the patch is malformed. */
export function applyStrategicMergePatch(
  target: unknown,
  patch: unknown,
  schema: PatchSchema,
): unknown {
  if (!isJsonObject(patch))
    throw StatusError.badRequest(
      `json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type map[string]interface {}`,
    );
  return mergeMap(isJsonObject(target) ? target : {}, patch, [], schema);
}

/** Upstream's merge has no reasons for programs, and so its refusals become a 500. */
const malformed = (message: string): StatusError => new StatusError({ code: 500, message });

function mergeMap(
  target: JsonObject,
  patch: JsonObject,
  path: readonly string[],
  schema: PatchSchema,
): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return replaceMap(patch);
  const result: JsonObject = withRetainedKeys(target, patch);
  const ordered = mergeOrderedLists(result, patch, path, schema);
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER) || ordered.has(key)) continue;
    if (key.startsWith(DELETE_FROM)) {
      const field = key.slice(DELETE_FROM.length);
      const list = getKey(result, field);
      if (Array.isArray(list)) setKey(result, field, withoutItems(list, value));
    } else if (value === null) delete result[key];
    else setKey(result, key, mergeValue(getKey(result, key), value, [...path, key], schema));
  }
  return result;
}

function replaceMap(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace')
    throw malformed(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);
  const { [DIRECTIVE]: _directive, ...rest } = patch;
  return rest;
}

/** What `$retainKeys` does not name goes. */
function withRetainedKeys(target: JsonObject, patch: JsonObject): JsonObject {
  const retained = patch[RETAIN_KEYS];
  if (retained === undefined) return { ...target };
  if (!Array.isArray(retained)) throw StatusError.badRequest('invalid patch format of retainKeys');
  for (const [key, value] of Object.entries(patch)) {
    const isDirective =
      key === RETAIN_KEYS || key.startsWith(DELETE_FROM) || key.startsWith(ELEMENT_ORDER);
    if (value !== null && !isDirective && !retained.includes(key))
      throw StatusError.badRequest('invalid patch format of retainKeys');
  }
  return Object.fromEntries(Object.entries(target).filter(([key]) => retained.includes(key)));
}

/** Merges the lists whose order the patch tells, into `result`. @returns the keys of those lists. */
function mergeOrderedLists(
  result: JsonObject,
  patch: JsonObject,
  path: readonly string[],
  schema: PatchSchema,
): ReadonlySet<string> {
  const merged = new Set<string>();
  for (const [directive, order] of Object.entries(patch)) {
    if (!directive.startsWith(ELEMENT_ORDER)) continue;
    const key = directive.slice(ELEMENT_ORDER.length);
    if (!Array.isArray(order))
      throw StatusError.badRequest('invalid patch format of setElementOrder list');
    const live = getKey(result, key);
    const change = getKey(patch, key);
    if (!Array.isArray(live) && !Array.isArray(change)) continue;
    const at = [...path, key];
    const shape = schema.listShape(at);
    const keyOf = itemKeyOf(shape);
    if (Array.isArray(change)) assertInOrder(change, order, keyOf);
    const list = Array.isArray(change)
      ? (mergeValue(live, change, at, schema) as unknown[])
      : (live as unknown[]);
    const before: readonly unknown[] = Array.isArray(live) ? live : [];
    setKey(result, key, itemInOrder(list, order, before, keyOf));
    merged.add(key);
  }
  return merged;
}

/** A patch may not name items that its own order does not, nor in another order. */
function assertInOrder(
  change: readonly unknown[],
  order: readonly unknown[],
  keyOf: ItemKey,
): void {
  const isDirective = (item: unknown): boolean =>
    isJsonObject(item) && Object.hasOwn(item, DIRECTIVE);
  const named = change.filter((item) => !isDirective(item)).map(keyOf);
  const positions = order.map(keyOf);
  let at = 0;
  for (const id of named) {
    while (at < positions.length && positions[at] !== id) at++;
    if (at++ < positions.length) continue;
    throw malformed(
      `The order in patch list:\n${goValue(change)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`,
    );
  }
}

function mergeValue(
  target: unknown,
  patch: unknown,
  path: readonly string[],
  schema: PatchSchema,
): unknown {
  if (isJsonObject(patch))
    return isJsonObject(target) ? mergeMap(target, patch, path, schema) : withoutDirectives(patch);
  if (!Array.isArray(patch)) return patch;
  const shape = schema.listShape(path);
  if (!Array.isArray(target)) return withoutDirectives(patch);
  if (shape.type === 'atomic') return patch;
  const merged =
    shape.type === 'map'
      ? mergeKeyedList(target, patch, { key: mergeKeyOf(shape), path, schema })
      : distinct([...target, ...patch]);
  // Items that the patch names come in its order, and new ones before what it does not know.
  return itemInOrder(merged, patch, target, itemKeyOf(shape));
}

function mergeKeyedList(
  target: readonly unknown[],
  patch: readonly unknown[],
  { key, path, schema }: { key: string; path: readonly string[]; schema: PatchSchema },
): unknown[] {
  let result: unknown[] = [...target];
  const changes: JsonObject[] = [];
  let isReplaced = false;
  for (const item of patch) {
    const change: JsonObject = isJsonObject(item) ? item : {};
    const directive = change[DIRECTIVE];
    if (directive === undefined) changes.push(change);
    else if (directive === 'replace') isReplaced = true;
    else if (directive === 'delete')
      result = result.filter((old) => !hasKey(old, key, requireKey(change, key)));
    else if (directive === 'merge')
      throw malformed('merging lists cannot yet be specified in the patch');
    else throw malformed(`unknown patch type: ${goValue(directive)} in map: ${goValue(change)}`);
  }
  if (isReplaced) return changes;
  for (const change of changes) {
    const id = requireKey(change, key);
    const index = result.findIndex((old) => hasKey(old, key, id));
    if (index < 0) result.push(withoutDirectives(change));
    else result[index] = mergeMap(result[index] as JsonObject, change, path, schema);
  }
  return result;
}

const hasKey = (item: unknown, key: string, value: unknown): boolean =>
  isJsonObject(item) && jsonEqual(getKey(item, key), value);

function requireKey(item: JsonObject, key: string): unknown {
  const value = getKey(item, key);
  if (value === undefined)
    throw malformed(`map: ${goValue(item)} does not contain declared merge key: ${key}`);
  return value;
}

const itemKeyOf =
  (shape: ListShape): ItemKey =>
  (item) =>
    JSON.stringify(
      shape.type === 'map' && isJsonObject(item) ? getKey(item, mergeKeyOf(shape)) : item,
    );

const distinct = (items: readonly unknown[]): unknown[] =>
  items.filter((item, index) => items.findIndex((other) => jsonEqual(other, item)) === index);

function withoutItems(list: readonly unknown[], removed: unknown): unknown[] {
  if (!Array.isArray(removed)) return [...list];
  return list.filter((item) => !removed.some((gone) => jsonEqual(item, gone)));
}

/** A value that is taken over whole must not carry patch directives into the store. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value))
    return value
      .filter((item) => !(isJsonObject(item) && item[DIRECTIVE] !== undefined))
      .map(withoutDirectives);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const isDirective = key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER);
    if (key.startsWith(DELETE_FROM) || isDirective || item === null) continue;
    setKey(result, key, withoutDirectives(item));
  }
  return result;
}
