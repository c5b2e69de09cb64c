/**
 * What applies do to values: lay one over another by its type, take fields out of it, and check that
 * it has the type at all. Pure; shares what it does not change.
 * Source: sigs.k8s.io/structured-merge-diff typed (behaviour, texts of errors).
 */
import { goValue } from '../go-value.ts';
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';
import { formatElement, isEmptySet, type FieldSet } from './field-set.ts';
import { itemId, itemProblem, itemsById } from './path-element.ts';
import { viewOf } from './typed-fields.ts';
import type { ListNode, MapNode, TypeNode } from './type-node.ts';

/** `over` laid over `value`. Items of lists keep the order of `over` where it names them. */
export function mergeValues(value: unknown, over: unknown, type: TypeNode): unknown {
  if (over === undefined) return value;
  if (value === undefined) return over;
  const view = viewOf(over ?? value, type);
  if (view.as === 'leaf' || viewOf(value, type).as !== view.as) return over;
  if (view.as === 'list') return mergeLists(value, over, view.list);
  const below: JsonObject = isJsonObject(value) ? value : {};
  const above: JsonObject = isJsonObject(over) ? over : {};
  const result: JsonObject = { ...below };
  const keys = Object.keys(above);
  if (keys.length === 0 && Object.keys(below).length === 0) return over;
  for (const key of keys)
    setKey(result, key, mergeValues(getKey(below, key), above[key], view.typeOf(key)));
  return result;
}

/**
 * The order is that of the applied items among themselves; items that only the live list has stay
 * behind the item they stood behind.
 */
function mergeLists(value: unknown, over: unknown, list: ListNode): unknown {
  const live: readonly unknown[] = Array.isArray(value) ? value : [];
  const applied: readonly unknown[] = Array.isArray(over) ? over : [];
  if (live.length === 0 && applied.length === 0) return over;
  const liveById = itemsById(live, list);
  const appliedById = itemsById(applied, list);
  const liveIds = live.map((item) => itemId(item, list) ?? '');
  const appliedIds = applied.map((item) => itemId(item, list) ?? '');
  const shared = appliedIds.filter((id) => liveById.has(id));
  const merged = new Set<string>();
  const result: unknown[] = [];
  const take = (id: string): void => {
    const under = liveById.get(id) ?? [];
    const item = appliedById.get(id)?.[0];
    // An item that is there twice has no one that the applied one could be merged with.
    result.push(under.length === 1 ? mergeValues(under[0], item, list.item) : item);
    merged.add(id);
  };
  let next = shared.shift();
  let liveIndex = 0;
  let appliedIndex = 0;
  while (liveIndex < liveIds.length || appliedIndex < appliedIds.length) {
    const liveId = liveIds[liveIndex];
    const appliedId = appliedIds[appliedIndex];
    if (liveId !== undefined && appliedId !== undefined) {
      if (liveId === appliedId) {
        take(appliedId);
        liveIndex++;
        appliedIndex++;
        next = shared.shift();
        continue;
      }
      if (appliedById.has(liveId) && next !== undefined && next !== liveId) {
        // Shared, but not the one whose turn it is.
        liveIndex++;
        continue;
      }
    }
    if (liveId !== undefined) {
      if (!appliedById.has(liveId)) {
        result.push(live[liveIndex++]);
        continue;
      }
      if (merged.has(liveId)) liveIndex++;
    }
    if (appliedId !== undefined) {
      take(appliedId);
      appliedIndex++;
      if (next === appliedId) next = shared.shift();
    }
  }
  return result;
}

/** The value without the members of a set; undefined when nothing is left of it. */
export function removeFields(value: unknown, gone: FieldSet, type: TypeNode): unknown {
  if (isEmptySet(gone)) return value;
  const view = viewOf(value, type);
  if (view.as === 'leaf') return typeof value === 'object' ? undefined : value;
  if (view.as === 'list') {
    if (!Array.isArray(value)) return undefined;
    const rest = value.flatMap((item: unknown) => {
      const below = gone.children.get(itemId(item, view.list) ?? '');
      if (!below) return [item];
      return below.owned ? [] : [removeFields(item, below, view.list.item)];
    });
    return rest.length === 0 ? undefined : rest;
  }
  if (!isJsonObject(value)) return undefined;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const below = gone.children.get(`f:${key}`);
    if (below?.owned) continue;
    // Null where nothing is left: the field itself was not to be removed.
    setKey(result, key, below ? (removeFields(item, below, view.typeOf(key)) ?? null) : item);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

/** `after`, made of `before` by removals, without the nulls that they left. */
export function withoutEmptied(before: unknown, after: unknown): unknown {
  if (before === after || !isJsonObject(before) || !isJsonObject(after)) return after;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(after)) {
    const was = getKey(before, key);
    if (item !== null || was === null) setKey(result, key, withoutEmptied(was, item));
  }
  return result;
}

/** The set with every declared field on its paths as a member too. */
export function withNamedFields(set: FieldSet, type: TypeNode | undefined): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [id, child] of set.children) {
    const [inner, isDeclared] = innerType(id, type);
    const named = withNamedFields(child, inner);
    children.set(id, isDeclared && child.children.size > 0 ? { ...named, owned: true } : named);
  }
  return { owned: set.owned, children };
}

function innerType(id: string, type: TypeNode | undefined): [TypeNode | undefined, boolean] {
  if (type?.form === 'any') return [type, false];
  if (id.startsWith('f:') && type?.form === 'map') {
    const declared = type.field(id.slice(2));
    return [declared ?? type.item, declared !== undefined];
  }
  return [id.startsWith('k:') && type?.form === 'list' ? type.item : undefined, false];
}

/** Why a value is not of its type: `path: problem`, in the API's words; empty when it is. */
export function typeProblems(value: unknown, type: TypeNode, path = ''): string[] {
  if (value === null || value === undefined) return [];
  switch (type.form) {
    case 'any':
      return [];
    case 'scalar': {
      const problem = scalarProblem(value, type.scalar);
      return problem === undefined ? [] : [`${path}: ${problem}`];
    }
    case 'list':
      return Array.isArray(value)
        ? listProblems(value, type, path)
        : [`${path}: expected list, got &{${goValue(value)}}`];
    default:
      return isJsonObject(value)
        ? mapProblems(value, type, path)
        : [`${path}: expected map, got &{${goValue(value)}}`];
  }
}

function mapProblems(value: JsonObject, type: MapNode, path: string): string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = type.field(key) ?? type.item;
    const here = `${path}.${key}`;
    return inner ? typeProblems(item, inner, here) : [`${here}: field not declared in schema`];
  });
}

function listProblems(items: readonly unknown[], list: ListNode, path: string): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const id = list.kind === 'atomic' ? undefined : itemId(item, list);
    if (list.kind !== 'atomic' && id === undefined)
      return [...problems, `${path}: element ${index}: ${itemProblem(item, list)}`];
    if (id !== undefined && seen.has(id))
      problems.push(`${path}: duplicate entries for key ${formatElement(id)}`);
    if (id !== undefined) seen.add(id);
    const here = `${path}${id === undefined ? `[${index}]` : formatElement(id)}`;
    problems.push(...typeProblems(item, list.item, here));
  }
  return problems;
}

function scalarProblem(
  value: unknown,
  scalar: 'string' | 'number' | 'boolean' | 'any',
): string | undefined {
  const isFitting = scalar === 'any' ? typeof value !== 'object' : typeof value === scalar;
  if (isFitting) return undefined;
  switch (scalar) {
    case 'string':
      return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case 'number':
      return `expected numeric (int or float), got ${goType(value)}`;
    case 'boolean':
      return `expected boolean, got &{${goValue(value)}}`;
    default:
      return `expected any scalar, got &{${goValue(value)}}`;
  }
}

function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (isJsonObject(value))
    return `map[string]interface {}{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`)
      .join(', ')}}`;
  return value === null || value === undefined ? 'interface {}(nil)' : JSON.stringify(value);
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isJsonObject(value)) return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'int64' : 'float64') : 'string';
}
