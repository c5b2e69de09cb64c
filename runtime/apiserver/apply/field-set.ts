/**
 * Sets of fields of an object, as `managedFields` records them: a trie whose path elements are
 * `f:<field>`, `k:<keys of a list item>` and `v:<item of a set>`. Knows nothing of schemas. Pure: no
 * function changes its arguments.
 * Source: sigs.k8s.io/structured-merge-diff fieldpath (format and set algebra).
 */
import { isJsonObject, setKey, type JsonObject } from '../json-value.ts';

export interface FieldSet {
  /** The path that ends here is a member. A list item can be one and have members below it. */
  readonly owned: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const emptySet: FieldSet = { owned: false, children: new Map() };
export const ownedLeaf: FieldSet = { owned: true, children: new Map() };

export const isEmptySet = (set: FieldSet): boolean => !set.owned && set.children.size === 0;

/** The set of these paths, whose keys are names of fields. */
export const setOfFields = (...paths: readonly (readonly string[])[]): FieldSet =>
  paths
    .map((path) =>
      path.reduceRight<FieldSet>(
        (below, key) => ({ owned: false, children: new Map([[`f:${key}`, below]]) }),
        ownedLeaf,
      ),
    )
    .reduce(unionOf, emptySet);

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const children = new Map(a.children);
  for (const [id, child] of b.children) {
    const other = children.get(id);
    children.set(id, other ? unionOf(other, child) : child);
  }
  return { owned: a.owned || b.owned, children };
}

/** Members of `a` that `b` lacks. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  const children = new Map<string, FieldSet>();
  for (const [id, child] of a.children) {
    const other = b.children.get(id);
    const rest = other ? differenceOf(child, other) : child;
    if (!isEmptySet(rest)) children.set(id, rest);
  }
  return { owned: a.owned && !b.owned, children };
}

/** Members of `a` that are no members of `b` and lie below none. */
export function withoutSubtrees(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a;
  if (b.owned) return emptySet;
  const children = new Map<string, FieldSet>();
  for (const [id, child] of a.children) {
    const other = b.children.get(id);
    const rest = other ? withoutSubtrees(child, other) : child;
    if (!isEmptySet(rest)) children.set(id, rest);
  }
  return { owned: a.owned, children };
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

export function isSameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  if (a.owned !== b.owned || a.children.size !== b.children.size) return false;
  return [...a.children].every(([id, child]) => {
    const other = b.children.get(id);
    return other !== undefined && isSameSet(child, other);
  });
}

/** Members as people write them: `.spec.containers[name="web"].image`; sorted as upstream does. */
export function formatPaths(set: FieldSet, prefix = ''): string[] {
  const ids = [...set.children.keys()].sort();
  const here = ids.filter((id) => set.children.get(id)?.owned);
  return [
    ...(prefix === '' && set.owned ? [''] : []),
    ...here.map((id) => prefix + formatElement(id)),
    ...ids.flatMap((id) => {
      const child = set.children.get(id) ?? emptySet;
      return child.children.size === 0
        ? []
        : formatPaths({ ...child, owned: false }, prefix + formatElement(id));
    }),
  ];
}

/** One path element as people write it: `.image`, `[name="web"]`, `[="finalizer"]`. */
export function formatElement(id: string): string {
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
  for (const id of [...set.children.keys()].sort())
    setKey(result, id, formatFieldsV1(set.children.get(id) ?? emptySet));
  return result;
}

/** Reads `fieldsV1`; what is not in the format is left out, since clients may write anything there. */
export function parseFieldsV1(value: unknown, isRoot = true): FieldSet {
  if (!isJsonObject(value)) return emptySet;
  const children = new Map<string, FieldSet>();
  for (const [id, child] of Object.entries(value))
    if (isElement(id)) children.set(id, parseFieldsV1(child, false));
  return { owned: !isRoot && (children.size === 0 || Object.hasOwn(value, '.')), children };
}

/** Keys and values are JSON, which later formatting relies on. */
function isElement(id: string): boolean {
  if (id.startsWith('f:')) return true;
  if (!id.startsWith('k:') && !id.startsWith('v:')) return false;
  try {
    const value: unknown = JSON.parse(id.slice(2));
    return id.startsWith('v:') || isJsonObject(value);
  } catch {
    return false;
  }
}
