/**
 * What makes a CRD's schema acceptable: structural, with defaults that are valid themselves and
 * rules that compile. Pure. Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/validation.go
 * and pkg/apis/apiextensions/validation (rules and messages).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { forbiddenField, invalidField, requiredField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { jsonEqual } from '../json-value.ts';
import { checkRules } from './cel-rules.ts';
import { isSchema, pruneObject } from './pruning.ts';
import { compilePattern } from './regular-expression.ts';
import { validateValue } from './validate-value.ts';

/** Deeper schemas are refused: every walk over them is recursive, and nobody's are this deep. */
const SCHEMA_DEPTH_MAX = 100;

type Level = 'root' | 'field' | 'item';

const emptyTypeTexts: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

const schemaTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** All problems of one version's schema; empty when it can be served. */
export function validateSchema(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.nullable === true)
    errors.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  checkNode(schema, 'root', path, 0, errors);
  // Rules are typed by the schema around them: they are compiled only against a sound one.
  if (errors.length === 0) collectRuleErrors(schema, true, path, errors);
  return errors;
}

function checkNode(
  schema: JsonSchema,
  level: Level,
  path: string,
  depth: number,
  errors: FieldError[],
): void {
  if (typeof schema !== 'object' || schema === null) {
    errors.push(invalidField(path, schema, 'must be a schema'));
    return;
  }
  if (depth > SCHEMA_DEPTH_MAX) {
    errors.push(forbiddenField(path, `must not be nested deeper than ${SCHEMA_DEPTH_MAX} levels`));
    return;
  }
  const { type, items, properties, additionalProperties } = schema;
  checkType(schema, level, path, errors);
  checkExtensions(schema, path, errors);
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (type === 'array' && items === undefined)
    errors.push(requiredField(`${path}.items`, 'must be specified'));
  if (items !== undefined) checkNode(items, 'item', `${path}.items`, depth + 1, errors);
  if (additionalProperties !== undefined) {
    if (level === 'root')
      errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used at the root'));
    if (Object.keys(properties ?? {}).length > 0 && additionalProperties !== true)
      errors.push(
        forbiddenField(
          `${path}.additionalProperties`,
          'additionalProperties and properties are mutual exclusive',
        ),
      );
    if (isSchema(additionalProperties))
      checkNode(additionalProperties, 'field', `${path}.additionalProperties`, depth + 1, errors);
  }
  for (const [key, property] of Object.entries(properties ?? {}))
    checkNode(property, 'field', `${path}.properties[${key}]`, depth + 1, errors);
  if (level === 'root' || schema['x-kubernetes-embedded-resource'] === true)
    checkObjectFields(schema, level, path, errors);
  checkValueRules(schema, path, depth, errors);
  if (schema.default !== undefined) checkDefault(schema, level, path, errors);
}

function checkType(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const { type } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  if (isEmbedded && type !== 'object') {
    const text = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(
      type ? invalidField(`${path}.type`, type, text) : requiredField(`${path}.type`, text),
    );
  } else if (!type) {
    const isOpen =
      schema['x-kubernetes-int-or-string'] === true ||
      schema['x-kubernetes-preserve-unknown-fields'] === true;
    if (!isOpen || level === 'root')
      errors.push(requiredField(`${path}.type`, emptyTypeTexts[level]));
  } else if (!schemaTypes.includes(type))
    errors.push(invalidField(`${path}.type`, type, `must be one of ${schemaTypes.join(', ')}`));
  else if (level === 'root' && type !== 'object')
    errors.push(invalidField(`${path}.type`, type, 'must be object at the root'));
}

function checkExtensions(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const mapKeys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (schema['x-kubernetes-preserve-unknown-fields'] === true)
      errors.push(
        invalidField(
          `${path}.x-kubernetes-preserve-unknown-fields`,
          true,
          'must be false if x-kubernetes-int-or-string is true',
        ),
      );
    if (schema.type)
      errors.push(
        invalidField(
          `${path}.type`,
          schema.type,
          'must be empty if x-kubernetes-int-or-string is true',
        ),
      );
  }
  if (listType !== undefined) {
    const at = `${path}.x-kubernetes-list-type`;
    if (schema.type !== 'array')
      errors.push(
        invalidField(
          `${path}.type`,
          schema.type ?? '',
          'must be array if x-kubernetes-list-type is specified',
        ),
      );
    if (!['atomic', 'set', 'map'].includes(listType))
      errors.push({
        ...invalidField(at, listType, ''),
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(listType)}: supported values: "atomic", "map", "set"`,
      });
    if (listType === 'map' && (mapKeys ?? []).length === 0)
      errors.push(
        requiredField(
          `${path}.x-kubernetes-list-map-keys`,
          'must not be empty if x-kubernetes-list-type is map',
        ),
      );
  }
  if (listType !== 'map' && (mapKeys ?? []).length > 0)
    errors.push(
      invalidField(
        `${path}.x-kubernetes-list-type`,
        listType ?? '',
        'must be map if x-kubernetes-list-map-keys is non-empty',
      ),
    );
  if (listType === 'map') checkMapKeys(schema, mapKeys ?? [], path, errors);
}

function checkMapKeys(
  { items }: JsonSchema,
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (items && items.type !== 'object')
    errors.push(
      invalidField(
        `${path}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  for (const [index, key] of keys.entries()) {
    const property = items?.properties?.[key];
    const at = `${path}.x-kubernetes-list-map-keys[${index}]`;
    if (!property)
      errors.push(invalidField(at, key, 'entries must all be names of item properties'));
    else if (property.default === undefined && !(items?.required ?? []).includes(key))
      errors.push(
        requiredField(
          `${path}.items.properties[${key}].default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
  }
}

/** apiVersion, kind and metadata of an API object are given; a schema may restrict names only. */
function checkObjectFields(
  { properties = {} }: JsonSchema,
  level: Level,
  path: string,
  errors: FieldError[],
): void {
  for (const key of ['apiVersion', 'kind'] as const) {
    const type = properties[key]?.type;
    if (properties[key] && type !== 'string')
      errors.push(invalidField(`${path}.properties[${key}].type`, type ?? '', 'must be string'));
  }
  const { metadata } = properties;
  if (!metadata) return;
  const at = `${path}.properties[metadata]`;
  if (metadata.type !== 'object')
    errors.push(invalidField(`${at}.type`, metadata.type ?? '', 'must be object'));
  if (level !== 'root') return;
  const { type: _type, description: _text, properties: fields = {}, ...rest } = metadata;
  const others = Object.keys(fields).filter((key) => key !== 'name' && key !== 'generateName');
  if (others.length > 0 || Object.keys(rest).length > 0)
    errors.push(
      forbiddenField(
        at,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
}

/** What the junctors say may restrict values, and must not describe them. */
function checkValueRules(
  schema: JsonSchema,
  path: string,
  depth: number,
  errors: FieldError[],
): void {
  if (schema.pattern !== undefined && !compilePattern(schema.pattern))
    errors.push(
      invalidField(
        `${path}.pattern`,
        schema.pattern,
        "must be a valid regular expression, but isn't",
      ),
    );
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true;
  for (const junctor of ['anyOf', 'allOf', 'oneOf'] as const)
    for (const [index, part] of (schema[junctor] ?? []).entries()) {
      if (junctor === 'anyOf' && isIntOrString && isEitherType(schema.anyOf)) continue;
      if (junctor === 'allOf' && isIntOrString && isEitherType(part.anyOf)) continue;
      checkNested(part, `${path}.${junctor}[${index}]`, depth + 1, errors);
    }
  if (schema.not) checkNested(schema.not, `${path}.not`, depth + 1, errors);
}

const isEitherType = (anyOf: readonly JsonSchema[] | undefined): boolean =>
  jsonEqual(anyOf, [{ type: 'integer' }, { type: 'string' }]);

/** Keywords that describe a value, and what upstream says of each inside a junctor. */
const forbiddenInside = {
  type: 'must be empty to be structural',
  additionalProperties: 'must be undefined to be structural',
  default: 'must be undefined to be structural',
  title: 'must be empty to be structural',
  description: 'must be empty to be structural',
  nullable: 'must be false to be structural',
  'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
  'x-kubernetes-embedded-resource': 'must be false to be structural',
  'x-kubernetes-int-or-string': 'must be false to be structural',
  'x-kubernetes-list-map-keys': 'must be empty to be structural',
  'x-kubernetes-list-type': 'must be undefined to be structural',
  'x-kubernetes-map-type': 'must be undefined to be structural',
  'x-kubernetes-validations': 'must be empty to be structural',
} as const;

function checkNested(schema: JsonSchema, path: string, depth: number, errors: FieldError[]): void {
  if (depth > SCHEMA_DEPTH_MAX) {
    errors.push(forbiddenField(path, `must not be nested deeper than ${SCHEMA_DEPTH_MAX} levels`));
    return;
  }
  for (const [key, text] of Object.entries(forbiddenInside)) {
    const value = schema[key as keyof typeof forbiddenInside];
    if (value !== undefined && value !== false && value !== '')
      errors.push(forbiddenField(`${path}.${key}`, text));
  }
  checkValueRules(schema, path, depth, errors);
  if (schema.items) checkNested(schema.items, `${path}.items`, depth + 1, errors);
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (key === 'metadata')
      errors.push(
        forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'),
      );
    checkNested(property, `${path}.properties[${key}]`, depth + 1, errors);
  }
}

function checkDefault(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const at = `${path}.default`;
  if (level === 'root') {
    errors.push(forbiddenField(at, 'must be undefined at the root'));
    return;
  }
  const removed: string[] = [];
  const { default: value } = schema;
  // Wrapped, so that the default is pruned as the field that it will be.
  const wrapper = { properties: { default: schema }, type: 'object' };
  pruneObject({ default: value }, wrapper, removed);
  if (removed.length > 0) errors.push(invalidField(at, value, 'must not have unspecified fields'));
  else
    for (const error of validateValue(value, schema))
      errors.push({
        ...error,
        paths: error.paths.map((inner) => (inner === '' ? at : `${at}.${inner}`)),
      });
}

function collectRuleErrors(
  schema: JsonSchema,
  isRoot: boolean,
  path: string,
  errors: FieldError[],
): void {
  errors.push(...checkRules(schema, isRoot, path));
  const { items, properties, additionalProperties } = schema;
  if (items) collectRuleErrors(items, false, `${path}.items`, errors);
  if (isSchema(additionalProperties))
    collectRuleErrors(additionalProperties, false, `${path}.additionalProperties`, errors);
  for (const [key, property] of Object.entries(properties ?? {}))
    collectRuleErrors(property, false, `${path}.properties[${key}]`, errors);
}
