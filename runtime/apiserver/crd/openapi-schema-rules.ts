/**
 * What of OpenAPI's schemas a CRD may use, and how Kubernetes' own keywords go together. Rules in CEL
 * are looked at for their form here; whether they compile is cel-rules.ts. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (rules and words).
 */
import type { JsonSchema, ValidationRule } from '../../apis/apiextensions/types.ts';
import {
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { followFieldPath } from './field-path.ts';
import { isSchema } from './pruning.ts';
import { isSingle } from './structural-rules.ts';

const schemaTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const listTypes = ['atomic', 'set', 'map'];
const mapTypes = ['atomic', 'granular'];
const ruleReasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];
const metaFields = ['metadata', 'kind', 'apiVersion'];

interface Place {
  readonly path: string;
  readonly isRoot: boolean;
  /** Inside of the type or the metadata of an API object. */
  readonly isInMeta: boolean;
  /** Why a default may not stand here. */
  readonly noDefault: string | undefined;
}

/** All problems of a schema and of those inside of it. */
export function findOpenApiErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  visit(schema, { path, isRoot: true, isInMeta: false, noDefault: undefined }, errors);
  return errors;
}

function visit(schema: JsonSchema, place: Place, errors: FieldError[]): void {
  const { path, isRoot } = place;
  const { properties = {}, additionalProperties, items } = schema;
  const inside = (name: string, more: Partial<Place> = {}): Place => ({
    ...place,
    isRoot: false,
    path: `${path}.${name}`,
    ...more,
  });
  checkKeywords(schema, place, errors);
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (Object.keys(properties).length > 0 && additionalProperties !== undefined)
    if (additionalProperties !== true)
      errors.push(
        forbiddenField(
          `${path}.additionalProperties`,
          'additionalProperties and properties are mutual exclusive',
        ),
      );
  if (isSchema(additionalProperties)) {
    const noDefault = place.isInMeta
      ? 'inside additionalProperties applying to object metadata'
      : place.noDefault;
    visit(additionalProperties, inside('additionalProperties', { noDefault }), errors);
  }
  const isObject = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const [key, property] of Object.entries(properties)) {
    const isMeta = isObject && metaFields.includes(key);
    const noDefault = isMeta && isRoot ? `in top-level ${key}` : place.noDefault;
    const isInMeta = place.isInMeta || isMeta;
    visit(property, inside(`properties[${key}]`, { noDefault, isInMeta }), errors);
  }
  if (schema.not) visit(schema.not, inside('not'), errors);
  for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const)
    for (const [index, part] of (schema[junctor] ?? []).entries())
      visit(part, inside(`${junctor}[${index}]`), errors);
  if (isSingle(items)) visit(items, inside('items'), errors);
  checkExtensions(schema, path, errors);
  for (const [index, rule] of (schema['x-kubernetes-validations'] ?? []).entries())
    checkRuleForm(rule, schema, `${path}.x-kubernetes-validations[${index}]`, errors);
}

/** Keywords of JSON Schema that the API has a field for and does not support. */
const unsupportedKeywords = [
  'id',
  'additionalItems',
  'patternProperties',
  'definitions',
  'dependencies',
  '$ref',
] as const;

function checkKeywords(
  schema: JsonSchema,
  { path, isInMeta, noDefault }: Place,
  errors: FieldError[],
): void {
  const { type, items } = schema;
  if (type && !schemaTypes.includes(type))
    errors.push(unsupportedField(`${path}.type`, type, schemaTypes));
  if (schema.default !== undefined && noDefault !== undefined)
    errors.push(forbiddenField(`${path}.default`, `must not be set ${noDefault}`));
  for (const key of unsupportedKeywords) {
    const value: unknown = schema[key];
    const isEmpty =
      value === undefined ||
      value === '' ||
      ((key === 'patternProperties' || key === 'definitions') &&
        Object.keys(value as object).length === 0);
    if (!isEmpty) errors.push(forbiddenField(`${path}.${key}`, `${key} is not supported`));
  }
  if (type === 'null')
    errors.push(
      forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'),
    );
  if (Array.isArray(items) && items.length > 0)
    errors.push(forbiddenField(`${path}.items`, 'items must be a schema object and not an array'));
  if (isInMeta && schema['x-kubernetes-embedded-resource'] === true)
    errors.push(
      forbiddenField(
        `${path}.x-kubernetes-embedded-resource`,
        'must not be used inside of resource meta',
      ),
    );
}

function checkExtensions(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { type } = schema;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    errors.push(
      invalidField(
        `${path}.x-kubernetes-preserve-unknown-fields`,
        false,
        'must be true or undefined',
      ),
    );
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && type !== 'object')
    errors.push(
      wrongSchemaType(path, type, 'must be object if x-kubernetes-map-type is specified'),
    );
  if (mapType !== undefined && !mapTypes.includes(mapType))
    errors.push(unsupportedField(`${path}.x-kubernetes-map-type`, mapType, mapTypes));
  checkListType(schema, path, errors);
}

const wrongSchemaType = (path: string, type: string | undefined, text: string): FieldError =>
  type ? invalidField(`${path}.type`, type, text) : requiredField(`${path}.type`, text);

function checkListType(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { type, items } = schema;
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const at = `${path}.x-kubernetes-list-type`;
  if (listType !== undefined && type !== 'array')
    errors.push(
      wrongSchemaType(path, type, 'must be array if x-kubernetes-list-type is specified'),
    );
  else if (listType === 'set' && isSingle(items)) checkSetItems(items, path, errors);
  if (listType !== undefined && !listTypes.includes(listType))
    errors.push(unsupportedField(at, listType, listTypes));
  if (keys.length > 0 && listType !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(
      listType === undefined ? requiredField(at, text) : invalidField(at, listType, text),
    );
  }
  if (listType === 'map') checkMapKeys(schema, keys, path, errors);
  if (listType === 'set' || listType === 'map') checkIdentity(schema, keys, path, errors);
}

/** Items of a set are equal or not as a whole. */
function checkSetItems(items: JsonSchema, path: string, errors: FieldError[]): void {
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic')
    errors.push(invalidField(`${path}.items.x-kubernetes-list-type`, listType, text));
  // As upstream, which shows the list's type here.
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    errors.push(invalidField(`${path}.items.x-kubernetes-map-type`, listType ?? null, text));
}

function checkMapKeys(
  { items }: JsonSchema,
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0)
    errors.push(requiredField(at, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined)
    errors.push(
      requiredField(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'),
    );
  if (!isSingle(items)) return;
  if (items.type !== 'object') {
    errors.push(
      invalidField(
        `${path}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
    return;
  }
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    if (!property)
      errors.push(invalidField(at, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object')
      errors.push(
        // As upstream, which shows the items' own type.
        invalidField(
          `${path}.items.properties[${key}].type`,
          items.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    if (keys.indexOf(key) < index)
      errors.push(invalidField(at, keys, 'must not contain duplicate entries'));
  }
}

/** What tells items apart must be there. */
function checkIdentity(
  { items, 'x-kubernetes-list-type': listType = 'atomic' }: JsonSchema,
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (!isSingle(items)) return;
  if (items.nullable === true)
    errors.push(
      forbiddenField(
        `${path}.items.nullable`,
        `cannot be nullable when x-kubernetes-list-type is ${listType}`,
      ),
    );
  if (listType !== 'map') return;
  for (const key of keys) {
    const property = items.properties?.[key];
    if (!property) continue;
    const at = `${path}.items.properties[${key}]`;
    const text = 'this property is in x-kubernetes-list-map-keys, so it';
    if (property.default === undefined && !(items.required ?? []).includes(key))
      errors.push(
        requiredField(`${at}.default`, `${text} must have a default or be a required property`),
      );
    if (property.nullable === true)
      errors.push(forbiddenField(`${at}.nullable`, `${text} cannot be nullable`));
  }
}

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text);

function checkRuleForm(
  given: ValidationRule,
  schema: JsonSchema,
  path: string,
  errors: FieldError[],
): void {
  const { message = '', messageExpression = '', reason, fieldPath = '' } = given;
  const rule = (given.rule ?? '').trim();
  const text = message.trim();
  if (rule === '') errors.push(requiredField(`${path}.rule`, 'rule is not specified'));
  else if (message !== '' && text === '')
    errors.push(invalidField(`${path}.message`, message, 'must be non-empty if specified'));
  else if (hasLineBreak(text))
    errors.push(invalidField(`${path}.message`, message, 'must not contain line breaks'));
  else if (hasLineBreak(rule) && text === '')
    errors.push(
      requiredField(`${path}.message`, 'message must be specified if rule contains line breaks'),
    );
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(
      requiredField(
        `${path}.messageExpression`,
        'messageExpression must be non-empty if specified',
      ),
    );
  if (reason !== undefined && !ruleReasons.includes(reason))
    errors.push(unsupportedField(`${path}.reason`, reason, ruleReasons));
  if (fieldPath === '') return;
  const at = `${path}.fieldPath`;
  if (fieldPath.trim() === '')
    errors.push(invalidField(at, fieldPath, 'must be non-empty if specified'));
  if (hasLineBreak(fieldPath))
    errors.push(invalidField(at, fieldPath, 'must not contain line breaks'));
  if (!followFieldPath(fieldPath, schema).schema)
    errors.push(invalidField(at, fieldPath, 'must be a valid path'));
}
