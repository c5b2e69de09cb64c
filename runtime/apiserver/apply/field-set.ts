/**
 * Sets of fields of an object, as `managedFields` records them: a trie whose path elements are
 * `f:<field>`, `k:<keys of a list item>` and `v:<item of a set>`. Pure: no function changes its
 * arguments. Source: sigs.k8s.io/structured-merge-diff fieldpath (format and set algebra).
 */
import { isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import { itemKeys, type ListShape, type MergeSchema } from '../patch/merge-schema.ts';

export interface FieldSet {
  /** The path that ends here is a member. A list item can be one and have members below it. */
  readonly owned: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const emptySet: FieldSet = { owned: false, children: new Map() };
const leaf: FieldSet = { owned: true, children: new Map() };

/** Every field that a value sets: its leaves, its atomic parts, and the items of its keyed lists. */
export function fieldsOf(
  value: unknown,
  schema: MergeSchema,
  path: readonly string[] = [],
): FieldSet {
  if (Array.isArray(value)) {
    const items = keyedItems(value, schema.listShape(path));
    if (!items || items.size === 0) return leaf;
    const children = new Map<string, FieldSet>();
    for (const [id, item] of items)
      children.set(id, {
        ...(isJsonObject(item) ? fieldsOf(item, schema, path) : leaf),
        owned: true,
      });
    return { owned: false, children };
  }
  if (!isJsonObject(value) || schema.isAtomicMap(path)) return leaf;
  const keys = Object.keys(value);
  if (keys.length === 0) return leaf;
  const children = new Map<string, FieldSet>();
  for (const key of keys) children.set(`f:${key}`, fieldsOf(value[key], schema, [...path, key]));
  return { owned: false, children };
}

/** What differs between two values: fields that the newer one sets or changes, and fields it lacks. */
export function compareFields(
  older: unknown,
  newer: unknown,
  schema: MergeSchema,
  path: readonly string[] = [],
): { changed: FieldSet; removed: FieldSet } {
  if (older === newer) return { changed: emptySet, removed: emptySet };
  if (older === undefined) return { changed: fieldsOf(newer, schema, path), removed: emptySet };
  if (newer === undefined) return { changed: emptySet, removed: fieldsOf(older, schema, path) };
  const olderItems = members(older, schema, path);
  const newerItems = members(newer, schema, path);
  if (!olderItems || !newerItems)
    return jsonEqual(older, newer)
      ? { changed: emptySet, removed: emptySet }
      : { changed: fieldsOf(newer, schema, path), removed: emptySet };
  const changed = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  for (const id of new Set([...olderItems.keys(), ...newerItems.keys()])) {
    const childPath = id.startsWith('f:') ? [...path, id.slice(2)] : path;
    const child = compareMember(olderItems.get(id), newerItems.get(id), {
      id,
      schema,
      path: childPath,
    });
    if (!isEmptySet(child.changed)) changed.set(id, child.changed);
    if (!isEmptySet(child.removed)) removed.set(id, child.removed);
  }
  return {
    changed: { owned: false, children: changed },
    removed: { owned: false, children: removed },
  };
}

function compareMember(
  older: unknown,
  newer: unknown,
  where: { id: string; schema: MergeSchema; path: readonly string[] },
): { changed: FieldSet; removed: FieldSet } {
  const { changed, removed } = compareFields(older, newer, where.schema, where.path);
  if (where.id.startsWith('f:')) return { changed, removed };
  // An item that comes or goes is a member itself, beside its fields.
  return {
    changed: older === undefined ? { ...changed, owned: true } : changed,
    removed: newer === undefined ? { ...removed, owned: true } : removed,
  };
}

/** Path elements and values below a map or a keyed list; undefined for what is compared whole. */
export function members(
  value: unknown,
  schema: MergeSchema,
  path: readonly string[],
): Map<string, unknown> | undefined {
  if (Array.isArray(value)) return keyedItems(value, schema.listShape(path));
  if (!isJsonObject(value) || schema.isAtomicMap(path)) return undefined;
  return new Map(Object.entries(value).map(([key, item]) => [`f:${key}`, item]));
}

/** The path element of a list item; undefined in an atomic list or for an item without its keys. */
export function itemId(item: unknown, shape: ListShape): string | undefined {
  if (shape.type === 'atomic') return undefined;
  if (shape.type === 'set') return `v:${JSON.stringify(item)}`;
  if (!isJsonObject(item)) return undefined;
  const pairs = itemKeys(item, shape.keys);
  if (!pairs) return undefined;
  return `k:${JSON.stringify(Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1))))}`;
}

function keyedItems(list: readonly unknown[], shape: ListShape): Map<string, unknown> | undefined {
  if (shape.type === 'atomic') return undefined;
  const items = new Map<string, unknown>();
  for (const item of list) {
    const id = itemId(item, shape);
    if (id === undefined || items.has(id)) return undefined;
    items.set(id, item);
  }
  return items;
}

export const isEmptySet = (set: FieldSet): boolean => !set.owned && set.children.size === 0;

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [id, child] of b.children) {
    const other = children.get(id);
    children.set(id, other ? unionOf(other, child) : child);
  }
  return { owned: a.owned || b.owned, children };
}

/** Members of `a` that `b` lacks. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [id, child] of a.children) {
    const other = b.children.get(id);
    const rest = other ? differenceOf(child, other) : child;
    if (!isEmptySet(rest)) children.set(id, rest);
  }
  return { owned: a.owned && !b.owned, children };
}

export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [id, child] of a.children) {
    const other = b.children.get(id);
    const common = other ? intersectionOf(child, other) : emptySet;
    if (!isEmptySet(common)) children.set(id, common);
  }
  return { owned: a.owned && b.owned, children };
}

/** Members as people write them: `.spec.containers[name="web"].image`. */
export function formatPaths(set: FieldSet, prefix = ''): string[] {
  const paths = set.owned && prefix !== '' ? [prefix] : [];
  for (const [id, child] of set.children)
    paths.push(...formatPaths(child, prefix + formatElement(id)));
  return paths;
}

function formatElement(id: string): string {
  if (id.startsWith('f:')) return `.${id.slice(2)}`;
  if (id.startsWith('v:')) return `[=${id.slice(2)}]`;
  const keys = JSON.parse(id.slice(2)) as JsonObject;
  return `[${Object.entries(keys)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

/** The `fieldsV1` form. */
export function formatFieldsV1(set: FieldSet): JsonObject {
  const result: JsonObject = {};
  if (set.owned && set.children.size > 0) result['.'] = {};
  for (const [id, child] of set.children) setKey(result, id, formatFieldsV1(child));
  return result;
}

/** Reads `fieldsV1`; what is not in the format is left out, since clients may write anything there. */
export function parseFieldsV1(value: unknown, isRoot = true): FieldSet {
  if (!isJsonObject(value)) return emptySet;
  const children = new Map<string, FieldSet>();
  for (const [id, child] of Object.entries(value))
    if (/^[fkv]:/.test(id)) children.set(id, parseFieldsV1(child, false));
  return { owned: !isRoot && (children.size === 0 || Object.hasOwn(value, '.')), children };
}
