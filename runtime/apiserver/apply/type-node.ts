/**
 * The shape of a kind as applies and the record of field owners see it: which lists are maps or sets
 * in disguise, which maps and lists are one value, which names are fields. Built-in kinds are told by
 * the tables, kinds of CustomResourceDefinitions by their schemas' markers; of all other kinds only
 * metadata is known, and the rest is taken as it comes.
 * Source: k8s.io/kube-openapi pkg/schemaconv (which schema means which shape).
 */
import { findKindSchema, findTypeSchema, isBuiltinKind } from '../../apis/schema/type-table.ts';
import type { FieldSchema, ObjectSchema, ValueType } from '../../apis/schema/type-table.ts';
import { getKey, isJsonObject, type JsonObject } from '../json-value.ts';

export type TypeNode = ScalarNode | ListNode | MapNode | AnyNode;

export interface ScalarNode {
  readonly form: 'scalar';
  /** `any`: every JSON value that is no list and no map. */
  readonly scalar: 'string' | 'number' | 'boolean' | 'any';
}

export interface ListNode {
  readonly form: 'list';
  /** `map`: items are told apart by `keys`; `set`: by their whole value. */
  readonly kind: 'atomic' | 'set' | 'map';
  readonly keys: readonly string[];
  readonly item: TypeNode;
}

export interface MapNode {
  readonly form: 'map';
  readonly isAtomic: boolean;
  /** The type of a declared field; undefined for a name that is none. */
  readonly field: (name: string) => TypeNode | undefined;
  /** Of the items under other names; undefined where there may be none. */
  readonly item: TypeNode | undefined;
  /** What a field has when it is left out, for the identity of list items. */
  readonly defaultOf: (name: string) => unknown;
}

/** Whatever the value is: its lists are atomic, its maps are not. */
export interface AnyNode {
  readonly form: 'any';
}

/** What a resource must tell to find its type. */
export interface TypedKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Its `schema`, if any, is an OpenAPI schema of version 3 with Kubernetes' markers. */
  readonly definition?: object;
}

const OBJECT_META = 'meta.v1.ObjectMeta';
const any: AnyNode = { form: 'any' };
const noDefault = (): undefined => undefined;
const scalars: Readonly<Record<ScalarNode['scalar'], ScalarNode>> = {
  string: { form: 'scalar', scalar: 'string' },
  number: { form: 'scalar', scalar: 'number' },
  boolean: { form: 'scalar', scalar: 'boolean' },
  any: { form: 'scalar', scalar: 'any' },
};

const customTypes = new WeakMap<object, MapNode>();

/** The type of a whole object of this kind. */
export function typeOfKind({ apiVersion, kind, definition }: TypedKind): MapNode {
  if (isBuiltinKind(apiVersion, kind)) {
    const root = findKindSchema(apiVersion, kind);
    if (root) return typeOfObject(root.typeName);
  }
  const schema = definition === undefined ? undefined : getKey(definition as JsonObject, 'schema');
  if (!isJsonObject(schema)) return untypedKind;
  const known = customTypes.get(schema);
  if (known) return known;
  const made = withMetadata(mapOfSchema(schema));
  customTypes.set(schema, made);
  return made;
}

const objectTypes = new Map<string, MapNode>();

function typeOfObject(typeName: string): MapNode {
  const known = objectTypes.get(typeName);
  if (known) return known;
  const schema = findTypeSchema(typeName);
  const fields = new Map<string, TypeNode>();
  const node: MapNode = {
    form: 'map',
    isAtomic: schema.isAtomic,
    field: (name) => {
      const made = fields.get(name);
      if (made) return made;
      const field = fieldOf(schema, name);
      if (field) fields.set(name, field);
      return field;
    },
    item: undefined,
    defaultOf: (name) => defaultOf(schema.byName.get(name)),
  };
  objectTypes.set(typeName, node);
  return node;
}

function fieldOf(schema: ObjectSchema, name: string): TypeNode | undefined {
  if (schema.hasKind && (name === 'kind' || name === 'apiVersion')) return scalars.string;
  const row = schema.byName.get(name);
  if (!row) return undefined;
  const node = typeOfValue(row.type);
  if (node.form === 'list') {
    const { listType = 'atomic', listKeys = [] } = row;
    return { ...node, kind: listType, keys: listType === 'map' ? listKeys : [] };
  }
  if (node.form === 'map' && row.mapType !== undefined)
    return { ...node, isAtomic: row.mapType === 'atomic' };
  return node;
}

/** Fields that are always written have a zero value where nothing is said. */
function defaultOf(row: FieldSchema | undefined): unknown {
  if (row?.default !== undefined) return row.default;
  if (!row || row.omitEmpty || row.pointer || row.type.form !== 'scalar') return undefined;
  if (row.type.scalar === 'string' || row.type.scalar === 'bytes') return '';
  return row.type.scalar === 'boolean' ? false : 0;
}

function typeOfValue(type: ValueType): TypeNode {
  switch (type.form) {
    case 'object':
      return typeOfObject(type.typeName);
    case 'list':
      return { form: 'list', kind: 'atomic', keys: [], item: typeOfValue(type.item) };
    case 'map':
      return mapOf(typeOfValue(type.item));
    case 'special':
      return typeOfSpecial(type.special);
    default:
      if (type.scalar === 'string' || type.scalar === 'bytes') return scalars.string;
      return type.scalar === 'boolean' ? scalars.boolean : scalars.number;
  }
}

function typeOfSpecial(special: (ValueType & { form: 'special' })['special']): TypeNode {
  switch (special) {
    case 'quantity':
    case 'int-or-string':
    case 'time':
    case 'micro-time':
      return scalars.any;
    case 'string-list':
      return { form: 'list', kind: 'atomic', keys: [], item: scalars.string };
    default:
      return any;
  }
}

const mapOf = (item: TypeNode | undefined, isAtomic = false): MapNode => ({
  form: 'map',
  isAtomic,
  field: noDefault,
  item,
  defaultOf: noDefault,
});

function typeOfSchema(schema: JsonObject): TypeNode {
  if (getKey(schema, 'x-kubernetes-int-or-string') === true) return scalars.any;
  switch (getKey(schema, 'type')) {
    case 'object':
      return mapOfSchema(schema);
    case 'array':
      return listOfSchema(schema);
    case 'string':
      return scalars.string;
    case 'integer':
    case 'number':
      return scalars.number;
    case 'boolean':
      return scalars.boolean;
    default:
      return any;
  }
}

function listOfSchema(schema: JsonObject): ListNode {
  const items = getKey(schema, 'items');
  const keys = getKey(schema, 'x-kubernetes-list-map-keys');
  const marked = getKey(schema, 'x-kubernetes-list-type');
  const kind = marked === 'set' || (marked === 'map' && Array.isArray(keys)) ? marked : 'atomic';
  return {
    form: 'list',
    kind,
    keys: kind === 'map' ? (keys as unknown[]).map(String) : [],
    item: isJsonObject(items) ? typeOfSchema(items) : any,
  };
}

function mapOfSchema(schema: JsonObject): MapNode {
  const given = getKey(schema, 'properties');
  const properties = isJsonObject(given) ? given : {};
  const fields = new Map<string, TypeNode>();
  const isEmbedded = getKey(schema, 'x-kubernetes-embedded-resource') === true;
  const field = (name: string): TypeNode | undefined => {
    const known = fields.get(name);
    if (known) return known;
    const property = getKey(properties, name);
    const made = isJsonObject(property)
      ? typeOfSchema(property)
      : isEmbedded
        ? embeddedField(name)
        : undefined;
    if (made) fields.set(name, made);
    return made;
  };
  return {
    form: 'map',
    isAtomic: getKey(schema, 'x-kubernetes-map-type') === 'atomic',
    field,
    item: itemOfSchema(schema, Object.keys(properties).length > 0),
    defaultOf: (name) => {
      const property = getKey(properties, name);
      return isJsonObject(property) ? getKey(property, 'default') : undefined;
    },
  };
}

function itemOfSchema(schema: JsonObject, hasProperties: boolean): TypeNode | undefined {
  const additional = getKey(schema, 'additionalProperties');
  if (isJsonObject(additional)) return typeOfSchema(additional);
  const takesAnything =
    additional === true || getKey(schema, 'x-kubernetes-preserve-unknown-fields') === true;
  return takesAnything || !hasProperties ? any : undefined;
}

function embeddedField(name: string): TypeNode | undefined {
  if (name === 'apiVersion' || name === 'kind') return scalars.string;
  return name === 'metadata' ? typeOfObject(OBJECT_META) : undefined;
}

const withMetadata = (root: MapNode): MapNode => ({
  ...root,
  field: (name) => embeddedField(name) ?? root.field(name),
});

const untypedKind = withMetadata(mapOf(any));
