/**
 * The built-in API types as data: fields, protobuf numbers, merge markers. Read on first use from
 * kubernetes.json, which scripts/generate-api-schema.mjs writes from Kubernetes' published
 * definitions; types are resolved one by one as somebody asks for them.
 */
import { createRequire } from 'node:module';

/** JSON forms that do not follow from a message's fields. */
export type SpecialType =
  | 'quantity'
  | 'int-or-string'
  | 'time'
  | 'micro-time'
  | 'fields'
  | 'raw'
  | 'json'
  | 'schema-or-array'
  | 'schema-or-boolean'
  | 'schema-or-strings'
  | 'string-list';

export type ScalarType = 'string' | 'boolean' | 'int32' | 'int64' | 'double' | 'bytes';

export type ValueType =
  | { readonly form: 'scalar'; readonly scalar: ScalarType }
  | { readonly form: 'special'; readonly special: SpecialType }
  | { readonly form: 'list'; readonly item: ValueType }
  | { readonly form: 'map'; readonly item: ValueType }
  | { readonly form: 'object'; readonly typeName: string };

/** One field, as kubernetes.json has it. Flags that are false are left out there. */
interface FieldRow {
  /** Of the JSON form; empty for a struct whose fields are its parent's in JSON. */
  readonly name: string;
  /** Of the protobuf form; 0 or absent when it has none. */
  readonly number?: number;
  readonly goType?: string;
  readonly inline?: boolean;
  /** Unset and zero differ. */
  readonly pointer?: boolean;
  /** Left out of JSON when empty: '' 0 false, null, [] and {}. */
  readonly omitEmpty?: boolean;
  /** Left out of JSON when it is the zero value of a struct, such as a time that is unset. */
  readonly omitZero?: boolean;
  readonly required?: boolean;
  readonly default?: string | number | boolean;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
}

export interface FieldSchema extends FieldRow {
  readonly type: ValueType;
}

export interface ObjectSchema {
  /** Such as `core.v1.Pod`. */
  readonly typeName: string;
  /** `kind` and `apiVersion` belong to its JSON form. */
  readonly hasKind: boolean;
  /** Applied and owned as a whole. */
  readonly isAtomic: boolean;
  readonly unions: readonly unknown[] | undefined;
  /** In the order of their protobuf numbers. */
  readonly fields: readonly FieldSchema[];
  /** By JSON name, with the fields of inlined structs; `owner` is the struct that declares it. */
  readonly byName: ReadonlyMap<string, FieldSchema & { readonly owner: string }>;
  readonly byNumber: ReadonlyMap<number, FieldSchema>;
}

interface Table {
  readonly version: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly kinds: Readonly<Record<string, string>>;
  readonly commonKinds: Readonly<Record<string, string>>;
  readonly types: Readonly<
    Record<
      string,
      {
        readonly hasKind?: boolean;
        readonly mapType?: string;
        readonly unions?: readonly unknown[];
        readonly fields: readonly (FieldRow & { readonly type: string })[];
      }
    >
  >;
}

let loaded: Table | undefined;
const resolved = new Map<string, ObjectSchema>();
const specials: ReadonlySet<string> = new Set<SpecialType>([
  'quantity',
  'int-or-string',
  'time',
  'micro-time',
  'fields',
  'raw',
  'json',
  'schema-or-array',
  'schema-or-boolean',
  'schema-or-strings',
  'string-list',
]);

// Through require: it reads JSON synchronously on first use and without a warning on Node.js 20.
function table(): Table {
  loaded ??= createRequire(import.meta.url)('./kubernetes.json') as Table;
  return loaded;
}

/** The type of a built-in kind; lists, `Status`, `DeleteOptions` and their like included. */
export function findKindSchema(apiVersion: string, kind: string): ObjectSchema | undefined {
  const { kinds, commonKinds } = table();
  const key = `${apiVersion}/${kind}`;
  if (Object.hasOwn(kinds, key)) return findTypeSchema(kinds[key] as string);
  return Object.hasOwn(commonKinds, kind) ? findTypeSchema(commonKinds[kind] as string) : undefined;
}

/** Whether upstream compiles this kind in: not so of `DeleteOptions` and its like. */
export const isBuiltinKind = (apiVersion: string, kind: string): boolean =>
  Object.hasOwn(table().kinds, `${apiVersion}/${kind}`);

/** @throws for a name that is not in the table, which is a defect. */
export function findTypeSchema(typeName: string): ObjectSchema {
  const known = resolved.get(typeName);
  if (known) return known;
  const row = table().types[typeName];
  if (!row) throw new Error(`the type ${typeName} is not in the table of API types`);
  const fields = row.fields.map((field) => ({ ...field, type: parseType(field.type) }));
  const byName = new Map<string, FieldSchema & { owner: string }>();
  const owner = typeName.slice(typeName.lastIndexOf('.') + 1);
  for (const field of fields) {
    if (!field.inline) byName.set(field.name, { ...field, owner });
    else if (field.type.form === 'object')
      for (const [name, inner] of findTypeSchema(field.type.typeName).byName)
        byName.set(name, inner);
  }
  const schema: ObjectSchema = {
    typeName,
    hasKind: row.hasKind ?? false,
    isAtomic: row.mapType === 'atomic',
    unions: row.unions,
    fields,
    byName,
    byNumber: new Map(fields.map((field) => [field.number ?? 0, field])),
  };
  resolved.set(typeName, schema);
  return schema;
}

/** `core.v1.Pod` as OpenAPI documents call it: `io.k8s.api.core.v1.Pod`. */
export function openApiNameOf(typeName: string): string {
  const dot = typeName.lastIndexOf('.');
  return `${table().packages[typeName.slice(0, dot)] ?? ''}${typeName.slice(dot)}`;
}

/** The Kubernetes version that the table was made from. */
export const tableVersion = (): string => table().version;

/** Every kind of the table, as `[apiVersion, kind, type name]`; those of meta/v1 are not among them. */
export const listKinds = (): [apiVersion: string, kind: string, typeName: string][] =>
  Object.entries(table().kinds).map(([key, typeName]) => {
    const slash = key.lastIndexOf('/');
    return [key.slice(0, slash), key.slice(slash + 1), typeName];
  });

function parseType(text: string): ValueType {
  if (text.startsWith('[]')) return { form: 'list', item: parseType(text.slice(2)) };
  if (text.startsWith('{}')) return { form: 'map', item: parseType(text.slice(2)) };
  if (text.includes('.')) return { form: 'object', typeName: text };
  if (specials.has(text)) return { form: 'special', special: text as SpecialType };
  return { form: 'scalar', scalar: text as ScalarType };
}
