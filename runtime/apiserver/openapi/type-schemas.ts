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
    if (required.length > 0) schema['required'] = required.sort();
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
    const value = this.describeValue(type);
    // Beside a reference nothing counts in version 3, so it goes into a list of one.
    if (this.version === 3 && value['$ref'] !== undefined && Object.keys(extensions).length > 0)
      return { allOf: [value], ...extensions };
    return { ...value, ...extensions };
  }

  private describeValue(type: ValueType): JsonObject {
    switch (type.form) {
      case 'object':
        return this.refer(type.typeName);
      case 'list':
        return { type: 'array', items: this.describeValue(type.item) };
      case 'map':
        return { type: 'object', additionalProperties: this.describeValue(type.item) };
      case 'special':
        return this.describeSpecial(type.special);
      default:
        return scalars[type.scalar] ?? {};
    }
  }

  private describeSpecial(special: SpecialType): JsonObject {
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
      case 'string-list':
        return { type: 'array', items: { type: 'string' } };
      default:
        return {};
    }
  }
}

const scalars: Readonly<Record<string, JsonObject>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
};
