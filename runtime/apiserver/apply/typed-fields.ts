/**
 * From values to sets of fields: all that a value sets, and what changed between two values. Pure.
 * Source: sigs.k8s.io/structured-merge-diff typed (behaviour).
 */
import { isJsonObject, jsonEqual, type JsonObject } from '../json-value.ts';
import type { FieldSet } from './field-set.ts';
import { itemsById } from './path-element.ts';
import type { ListNode, MapNode, TypeNode } from './type-node.ts';

/** Where a walk is. Paths become members of a set seldom, so that they are linked and not copied. */
interface Place {
  readonly parent: Place | undefined;
  readonly id: string;
}

interface Growing {
  owned: boolean;
  readonly children: Map<string, Growing>;
}

const grow = (): Growing => ({ owned: false, children: new Map() });

function insert(root: Growing, place: Place | undefined): void {
  nodeAt(root, place).owned = true;
}

const nodeAt = (root: Growing, place: Place | undefined): Growing =>
  place ? below(nodeAt(root, place.parent), place.id) : root;

function below(set: Growing, id: string): Growing {
  const known = set.children.get(id);
  if (known) return known;
  const made = grow();
  set.children.set(id, made);
  return made;
}

/** How a value is taken apart, given its type. */
type View =
  | { readonly as: 'leaf' }
  | { readonly as: 'list'; readonly list: ListNode }
  | {
      readonly as: 'map';
      readonly typeOf: (key: string) => TypeNode;
      readonly isDeclared: (key: string) => boolean;
    };

const leafView: View = { as: 'leaf' };
const anyNode: TypeNode = { form: 'any' };
const anyView: View = { as: 'map', typeOf: () => anyNode, isDeclared: () => false };

const mapViews = new WeakMap<MapNode, View>();

function mapViewOf(type: MapNode): View {
  const known = mapViews.get(type);
  if (known) return known;
  const made: View = {
    as: 'map',
    typeOf: (key) => type.field(key) ?? type.item ?? anyNode,
    isDeclared: (key) => type.field(key) !== undefined,
  };
  mapViews.set(type, made);
  return made;
}

/** A null takes the form of whatever the type says. */
export function viewOf(value: unknown, type: TypeNode): View {
  switch (type.form) {
    case 'scalar':
      return leafView;
    case 'list':
      return type.kind === 'atomic' ? leafView : { as: 'list', list: type };
    case 'any':
      return isJsonObject(value) || value === null || value === undefined ? anyView : leafView;
    default:
      return type.isAtomic ? leafView : mapViewOf(type);
  }
}

/** Every field that a value sets: its leaves, its atomic parts, and the items of its maps and lists. */
export function fieldsOf(value: unknown, type: TypeNode): FieldSet {
  const set = grow();
  collect(value, type, set, undefined);
  return set;
}

function collect(value: unknown, type: TypeNode, set: Growing, place: Place | undefined): void {
  const view = viewOf(value, type);
  if (view.as === 'leaf') insert(set, place);
  else if (view.as === 'list') {
    if (!Array.isArray(value)) return;
    for (const [id, items] of itemsById(value, view.list)) {
      const child = { parent: place, id };
      insert(set, child);
      // What is there twice has no fields that anybody could own one by one.
      if (items.length === 1) collect(items[0], view.list.item, set, child);
    }
  } else if (isJsonObject(value))
    for (const [key, item] of Object.entries(value)) {
      const child = { parent: place, id: `f:${key}` };
      collect(item, view.typeOf(key), set, child);
      if (item === null || isEmptyMap(item) || !view.isDeclared(key)) insert(set, child);
    }
}

const isEmptyMap = (value: unknown): boolean =>
  isJsonObject(value) && Object.keys(value).length === 0;

export interface Comparison {
  /** Fields that only the newer value has. */
  readonly added: FieldSet;
  /** Fields that both have, with different values. */
  readonly modified: FieldSet;
  /** Fields that only the older value has. */
  readonly removed: FieldSet;
}

interface Changes {
  readonly added: Growing;
  readonly modified: Growing;
  readonly removed: Growing;
}

/** What differs between two values of one type. `undefined` is a value that is not there. */
export function compareFields(older: unknown, newer: unknown, type: TypeNode): Comparison {
  const changes: Changes = { added: grow(), modified: grow(), removed: grow() };
  compare(older, newer, type, changes, undefined);
  return changes;
}

function compare(
  older: unknown,
  newer: unknown,
  type: TypeNode,
  changes: Changes,
  place: Place | undefined,
): void {
  if (older === newer) return;
  if (older === undefined) return markAll(newer, type, nodeAt(changes.added, place));
  if (newer === undefined) return markAll(older, type, nodeAt(changes.removed, place));
  const view = viewOf(newer ?? older, type);
  if (viewOf(older, type).as !== view.as) {
    // Of another form than before: the whole is another, and what is in the new one is new.
    insert(changes.modified, place);
    compareMembers(undefined, newer, view, changes, place);
    return;
  }
  if (view.as === 'leaf' || (isEmpty(older) && isEmpty(newer))) {
    if (!jsonEqual(older, newer)) insert(changes.modified, place);
    return;
  }
  compareMembers(older, newer, view, changes, place);
}

/** A value that came or went as a whole: it is a member, and so is all that can be told apart in it. */
function markAll(value: unknown, type: TypeNode, set: Growing): void {
  set.owned = true;
  if (isEmpty(value)) return;
  const view = viewOf(value, type);
  if (view.as === 'list') {
    for (const [id, items] of itemsById(Array.isArray(value) ? value : [], view.list)) {
      const child = below(set, id);
      // What is there twice has no fields that anybody could own one by one.
      if (items.length === 1) markAll(items[0], view.list.item, child);
      else child.owned = true;
    }
  } else if (view.as === 'map' && isJsonObject(value))
    for (const key of Object.keys(value))
      markAll(value[key], view.typeOf(key), below(set, `f:${key}`));
}

/** Nothing to look into, so that a null, an empty map and no map at all still differ. */
const isEmpty = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0);

function compareMembers(
  older: unknown,
  newer: unknown,
  view: View,
  changes: Changes,
  place: Place | undefined,
): void {
  if (view.as === 'list') {
    compareLists(older, newer, view.list, changes, place);
    return;
  }
  if (view.as !== 'map') return;
  const before: JsonObject = isJsonObject(older) ? older : {};
  const after: JsonObject = isJsonObject(newer) ? newer : {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    const is = Object.hasOwn(after, key) ? after[key] : undefined;
    if (was !== is) compare(was, is, view.typeOf(key), changes, { parent: place, id: `f:${key}` });
  }
}

function compareLists(
  older: unknown,
  newer: unknown,
  list: ListNode,
  changes: Changes,
  place: Place | undefined,
): void {
  const before = itemsById(Array.isArray(older) ? older : [], list);
  const after = itemsById(Array.isArray(newer) ? newer : [], list);
  for (const id of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(id) ?? [];
    const is = after.get(id) ?? [];
    const here = { parent: place, id };
    if (was.length <= 1 && is.length <= 1) compare(was[0], is[0], list.item, changes, here);
    else if (was.length >= 2 && is.length >= 2) {
      if (!jsonEqual(was, is)) insert(changes.modified, here);
    } else if (was.length >= 2) {
      if (is.length > 0) compare(undefined, is[0], list.item, changes, here);
      insert(changes.removed, here);
    } else {
      if (was.length > 0) compare(was[0], undefined, list.item, changes, here);
      insert(changes.added, here);
    }
  }
}
