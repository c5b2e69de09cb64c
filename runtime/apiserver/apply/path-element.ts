/**
 * The identity of a list item within its list: the path element that managedFields names it by.
 * Pure. Source: sigs.k8s.io/structured-merge-diff typed (rules, texts of errors).
 */
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';
import type { ListNode } from './type-node.ts';

/** The path element of an item; undefined when it has none of the keys, or is no value of a set. */
export function itemId(item: unknown, list: ListNode): string | undefined {
  if (list.kind === 'set')
    return typeof item === 'object' ? undefined : `v:${JSON.stringify(item)}`;
  if (list.kind !== 'map' || !isJsonObject(item)) return undefined;
  const keys: JsonObject = {};
  let hasAny = false;
  for (const key of [...list.keys].sort()) {
    const value =
      getKey(item, key) ?? (list.item.form === 'map' ? list.item.defaultOf(key) : undefined);
    if (value === undefined) continue;
    setKey(keys, key, value);
    hasAny = true;
  }
  return hasAny ? `k:${JSON.stringify(keys)}` : undefined;
}

/** Why `itemId` has nothing to say of an item, in the API's words. */
export function itemProblem(item: unknown, list: ListNode): string {
  if (list.kind === 'map') {
    if (item === null || item === undefined)
      return 'associative list with keys may not have a null element';
    if (!isJsonObject(item)) return 'associative list with keys may not have non-map elements';
    const names = list.keys.map((key) => JSON.stringify(key)).join(' ');
    return `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`;
  }
  if (item === null) return "associative list without keys has an element that's an explicit null";
  return Array.isArray(item)
    ? 'not supported: associative list with lists as elements'
    : "associative list without keys has an element that's a map type";
}

/** A list by the identity of its items, in their order. An identity that occurs twice has two values. */
export function itemsById(items: readonly unknown[], list: ListNode): Map<string, unknown[]> {
  const byId = new Map<string, unknown[]>();
  for (const item of items) {
    const id = itemId(item, list);
    if (id === undefined) continue;
    const same = byId.get(id);
    if (same) same.push(item);
    else byId.set(id, [item]);
  }
  return byId;
}
