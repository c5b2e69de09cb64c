/**
 * Which lists are maps or sets in disguise and which objects are replaced whole: what patches and
 * applies merge by. Built-in kinds are told by the tables, kinds of CustomResourceDefinitions by
 * their schemas' markers; of all other kinds only metadata is known, and lists are replaced whole.
 */
import { findKindSchema, findTypeSchema, isBuiltinKind } from '../../apis/schema/type-table.ts';
import type { FieldSchema, ObjectSchema, ValueType } from '../../apis/schema/type-table.ts';
import { getKey, isJsonObject, type JsonObject } from '../json-value.ts';

export type ListShape =
  | { readonly type: 'atomic' }
  | { readonly type: 'set' }
  | { readonly type: 'map'; readonly keys: readonly string[] };

/**
 * Knows the lists and maps of one kind. A path has the keys of objects and maps from the root; items
 * of lists add nothing to it.
 */
export interface MergeSchema {
  listShape(path: readonly string[]): ListShape;
  isAtomicMap(path: readonly string[]): boolean;
}

/** What a resource must tell to find its schemas. */
export interface MergedKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Its `schema`, if any, is an OpenAPI schema of version 3 with Kubernetes' markers. */
  readonly definition?: object;
}

const atomic: ListShape = { type: 'atomic' };
const OBJECT_META = 'meta.v1.ObjectMeta';

/** For server-side apply and field owners: the list types of the API. */
export const mergeSchemaOf = (kind: MergedKind): MergeSchema => schemaOf(kind, listShapeOf);

/** For strategic merge patches: their own markers, which are older and differ for some lists. */
export const patchSchemaOf = (kind: MergedKind): MergeSchema => schemaOf(kind, patchShapeOf);

/** Groups that a real API server has compiled in: strategic merge patch works on these only. */
export function isBuiltinGroup(group: string): boolean {
  if (['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions'].includes(group)) return true;
  return group.endsWith('.k8s.io') && !group.startsWith('gateway.networking.');
}

function schemaOf(
  { apiVersion, kind, definition }: MergedKind,
  shapeOf: (field: FieldSchema) => ListShape,
): MergeSchema {
  if (isBuiltinKind(apiVersion, kind)) {
    const root = findKindSchema(apiVersion, kind);
    if (root) return makeTableSchema(root, shapeOf);
  }
  const metadata = makeTableSchema(findTypeSchema(OBJECT_META), shapeOf);
  const given = definition === undefined ? undefined : getKey(definition as JsonObject, 'schema');
  const rest = isJsonObject(given) ? makeMarkedSchema(given) : unmarked;
  const pick = (path: readonly string[]): [MergeSchema, readonly string[]] =>
    path[0] === 'metadata' ? [metadata, path.slice(1)] : [rest, path];
  return {
    listShape(path) {
      const [schema, inner] = pick(path);
      return schema.listShape(inner);
    },
    isAtomicMap(path) {
      const [schema, inner] = pick(path);
      return schema.isAtomicMap(inner);
    },
  };
}

const unmarked: MergeSchema = { listShape: () => atomic, isAtomicMap: () => false };

function makeTableSchema(
  root: ObjectSchema,
  shapeOf: (field: FieldSchema) => ListShape,
): MergeSchema {
  return {
    listShape(path) {
      const field = findField(root, path);
      return field?.type.form === 'list' ? shapeOf(field) : atomic;
    },
    isAtomicMap(path) {
      const field = findField(root, path);
      if (!field) return false;
      const type = withoutLists(field.type);
      if (field.mapType === 'atomic') return true;
      if (type.form === 'object') return findTypeSchema(type.typeName).isAtomic;
      // Raw JSON and managed fields have no schema to go by.
      return type.form === 'special';
    },
  };
}

/** The field at a path; undefined for the items of maps and for what the type does not have. */
function findField(root: ObjectSchema, path: readonly string[]): FieldSchema | undefined {
  let type: ValueType = { form: 'object', typeName: root.typeName };
  let field: FieldSchema | undefined;
  for (const key of path) {
    if (type.form === 'object') {
      field = findTypeSchema(type.typeName).byName.get(key);
      if (!field) return undefined;
      type = withoutLists(field.type);
    } else if (type.form === 'map') {
      type = withoutLists(type.item);
      field = undefined;
    } else return undefined;
  }
  return field;
}

function withoutLists(type: ValueType): ValueType {
  let inner = type;
  while (inner.form === 'list') inner = inner.item;
  return inner;
}

function listShapeOf({ listType, listKeys }: FieldSchema): ListShape {
  if (listType === 'set') return { type: 'set' };
  return listType === 'map' && listKeys ? { type: 'map', keys: listKeys } : atomic;
}

function patchShapeOf({ patchStrategy = '', patchMergeKey }: FieldSchema): ListShape {
  if (!patchStrategy.split(',').includes('merge')) return atomic;
  return patchMergeKey === undefined ? { type: 'set' } : { type: 'map', keys: [patchMergeKey] };
}

/** A schema with `x-kubernetes-list-type` and its like. */
function makeMarkedSchema(root: JsonObject): MergeSchema {
  return {
    listShape(path) {
      const schema = findMarked(root, path);
      const type = schema && getKey(schema, 'x-kubernetes-list-type');
      if (type === 'set') return { type: 'set' };
      const keys = schema && getKey(schema, 'x-kubernetes-list-map-keys');
      return type === 'map' && Array.isArray(keys)
        ? { type: 'map', keys: keys.map(String) }
        : atomic;
    },
    isAtomicMap(path) {
      const schema = findMarked(root, path);
      const item = schema && itemOf(schema);
      return [schema, item].some((one) => one && getKey(one, 'x-kubernetes-map-type') === 'atomic');
    },
  };
}

function findMarked(root: JsonObject, path: readonly string[]): JsonObject | undefined {
  let schema: JsonObject | undefined = root;
  for (const key of path) {
    const holder: JsonObject | undefined = schema && itemOf(schema);
    if (!holder) return undefined;
    const properties = getKey(holder, 'properties');
    const property = isJsonObject(properties) ? getKey(properties, key) : undefined;
    const next: unknown = property ?? getKey(holder, 'additionalProperties');
    schema = isJsonObject(next) ? next : undefined;
  }
  return schema;
}

/** What the items of a list are, however deep; any other schema itself. */
function itemOf(schema: JsonObject): JsonObject {
  let inner = schema;
  for (let items = getKey(inner, 'items'); isJsonObject(items); items = getKey(inner, 'items'))
    inner = items;
  return inner;
}

/** Values that an item has when it leaves a key field out, by the API's defaults. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

/** The item's identity within its list as `[key, value]` pairs; undefined when a key is missing. */
export function itemKeys(
  item: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): [string, unknown][] | undefined {
  const pairs: [string, unknown][] = [];
  for (const key of keys) {
    const value = item[key] ?? keyDefaults[key];
    if (value === undefined) return undefined;
    pairs.push([key, value]);
  }
  return pairs;
}
