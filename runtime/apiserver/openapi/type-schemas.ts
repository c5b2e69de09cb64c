/**
 * The built-in types as OpenAPI schemas, version 2 or 3, with Kubernetes' extensions for merging.
 * Descriptions are left out: they are Kubernetes' texts. Pure.
 */
import {
  findTypeSchema,
  openApiNameOf,
  type FieldSchema,
  type SpecialType,
  type ValueType,
} from '../../apis/schema/type-table.ts';
import type { JsonObject } from '../json-value.ts';

export type OpenApiVersion = 2 | 3;

const refPrefix = { 2: '#/definitions/', 3: '#/components/schemas/' } as const;
export const JSON_SCHEMA_TYPE = 'apiextensions.v1.JSONSchemaProps';

/** Collects the schemas that a document needs, each with all that it refers to. */
export class TypeSchemas {
  readonly schemas: Record<string, JsonObject> = {};
  private readonly version: OpenApiVersion;

  constructor(version: OpenApiVersion) {
    this.version = version;
  }

  /** @returns a reference to the type's schema. */
  refer(typeName: string): JsonObject {
    const name = openApiNameOf(typeName);
    if (!this.schemas[name]) {
      const schema: JsonObject = { type: 'object' };
      this.schemas[name] = schema;
      this.describe(schema, typeName);
    }
    return { $ref: refPrefix[this.version] + name };
  }

  /** Says of a type that it is a kind. */
  markKind(typeName: string, kind: { group: string; version: string; kind: string }): void {
    this.refer(typeName);
    const schema = this.schemas[openApiNameOf(typeName)];
    if (!schema) return;
    const known = schema['x-kubernetes-group-version-kind'];
    schema['x-kubernetes-group-version-kind'] = [...(Array.isArray(known) ? known : []), kind];
  }

  private describe(schema: JsonObject, typeName: string): void {
    const { hasKind, isAtomic, unions, byName } = findTypeSchema(typeName);
    const properties: JsonObject = {};
    if (hasKind) {
      properties['apiVersion'] = { type: 'string' };
      properties['kind'] = { type: 'string' };
    }
    const required: string[] = [];
    for (const field of byName.values()) {
      properties[field.name] = this.describeField(field);
      if (field.required) required.push(field.name);
    }
    schema['properties'] = properties;
    if (required.length > 0) schema['required'] = required;
    if (isAtomic) schema['x-kubernetes-map-type'] = 'atomic';
    if (unions) schema['x-kubernetes-unions'] = unions;
  }

  private describeField(field: FieldSchema): JsonObject {
    const { type, listType, listKeys, mapType, patchStrategy, patchMergeKey } = field;
    const extensions: JsonObject = {
      ...(field.default === undefined || this.version === 2 ? {} : { default: field.default }),
      ...(listType === undefined ? {} : { 'x-kubernetes-list-type': listType }),
      ...(listKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': listKeys }),
      ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
      ...(patchStrategy === undefined ? {} : { 'x-kubernetes-patch-strategy': patchStrategy }),
      ...(patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': patchMergeKey }),
    };
    // What is no pointer is never unset, and is written whatever it is unless it may be left out.
    const isStruct = type.form === 'object' || isStructLike(type);
    if (this.version === 3 && !field.pointer && field.default === undefined) {
      const zero = type.form === 'scalar' && !field.omitEmpty ? zeros[type.scalar] : undefined;
      if (isStruct) extensions['default'] = {};
      else if (zero !== undefined) extensions['default'] = zero;
    }
    return this.withExtensions(this.describeValue(type), extensions);
  }

  /** Beside a reference nothing counts in version 3, so it goes into a list of one. */
  private withExtensions(value: JsonObject, extensions: JsonObject): JsonObject {
    if (this.version === 3 && value['$ref'] !== undefined && Object.keys(extensions).length > 0)
      return { allOf: [value], ...extensions };
    return { ...value, ...extensions };
  }

  private describeValue(type: ValueType): JsonObject {
    switch (type.form) {
      case 'object':
        return this.refer(type.typeName);
      case 'list':
        return { type: 'array', items: this.describeItem(type.item) };
      case 'map':
        return { type: 'object', additionalProperties: this.describeItem(type.item) };
      case 'special':
        return this.describeSpecial(type.special);
      default:
        return scalars[type.scalar] ?? {};
    }
  }

  /** What lists and maps hold is there or not, and never unset. */
  private describeItem(type: ValueType): JsonObject {
    const value = this.describeValue(type);
    if (this.version === 2) return value;
    if (type.form === 'object' || isStructLike(type))
      return this.withExtensions(value, { default: {} });
    if (type.form !== 'scalar') return value;
    const zero = zeros[type.scalar];
    return zero === undefined ? value : { ...value, default: zero };
  }

  private describeSpecial(special: SpecialType): JsonObject {
    const name = specialNames[special];
    if (name === undefined)
      return special === 'string-list'
        ? { type: 'array', items: this.describeItem({ form: 'scalar', scalar: 'string' }) }
        : {};
    this.schemas[name] ??= this.describeSpecialType(special);
    return { $ref: refPrefix[this.version] + name };
  }

  private describeSpecialType(special: SpecialType): JsonObject {
    switch (special) {
      case 'quantity':
        return this.version === 2
          ? { type: 'string' }
          : { oneOf: [{ type: 'string' }, { type: 'number' }] };
      case 'int-or-string':
        return this.version === 2
          ? { type: 'string', format: 'int-or-string' }
          : { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] };
      case 'time':
      case 'micro-time':
        return { type: 'string', format: 'date-time' };
      case 'fields':
      case 'raw':
        return { type: 'object' };
      default:
        return {};
    }
  }
}

const MACHINERY = 'io.k8s.apimachinery.pkg';
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
/** Types whose JSON does not follow from their fields have schemas of their own. */
const specialNames: Readonly<Partial<Record<SpecialType, string>>> = {
  quantity: `${MACHINERY}.api.resource.Quantity`,
  'int-or-string': `${MACHINERY}.util.intstr.IntOrString`,
  time: `${MACHINERY}.apis.meta.v1.Time`,
  'micro-time': `${MACHINERY}.apis.meta.v1.MicroTime`,
  fields: `${MACHINERY}.apis.meta.v1.FieldsV1`,
  raw: `${MACHINERY}.runtime.RawExtension`,
  json: `${EXTENSIONS}.JSON`,
  'schema-or-array': `${EXTENSIONS}.JSONSchemaPropsOrArray`,
  'schema-or-boolean': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'schema-or-strings': `${EXTENSIONS}.JSONSchemaPropsOrStringArray`,
};

const isStructLike = (type: ValueType): boolean =>
  type.form === 'special' && type.special === 'raw';

/** Go's zero values, where version 3 names them. */
const zeros: Readonly<Record<string, string | number | boolean | undefined>> = {
  string: '',
  boolean: false,
  int32: 0,
  int64: 0,
  double: 0,
};

const scalars: Readonly<Record<string, JsonObject>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
};
