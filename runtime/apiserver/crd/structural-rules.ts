/**
 * What makes a schema structural: every value is described outside of junctors, API objects inside of
 * it have the fields that such objects have, and what a junctor restricts is described elsewhere. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/{validation,complete}.go (rules and words).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { forbiddenField, invalidField, requiredField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { jsonEqual } from '../json-value.ts';
import { isSchema } from './pruning.ts';
import { explainPattern } from './regular-expression.ts';

type Level = 'root' | 'field' | 'item';

const emptyTypeTexts: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/** Every way in which a schema is not structural, sorted as upstream's answers are. */
export function findStructuralErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  checkInvariants(schema, 'root', path, errors);
  checkCompleteness(schema, schema, path, path, errors);
  const textOf = ({ paths, message }: FieldError): string => `${paths[0] ?? ''}: ${message}`;
  return errors.sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

function checkInvariants(
  schema: JsonSchema,
  level: Level,
  path: string,
  errors: FieldError[],
): void {
  const { type, items, properties = {}, additionalProperties } = schema;
  if (type === 'array' && items === undefined)
    errors.push(requiredField(`${path}.items`, 'must be specified'));
  if (isSingle(items)) checkInvariants(items, 'item', `${path}.items`, errors);
  for (const [key, property] of Object.entries(properties))
    checkInvariants(property, 'field', `${path}.properties[${key}]`, errors);
  if (additionalProperties !== undefined && level === 'root')
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used at the root'));
  if (isSchema(additionalProperties))
    checkInvariants(additionalProperties, 'field', `${path}.additionalProperties`, errors);
  checkExclusions(schema, path, errors);
  checkJunctors(schema, path, errors);
  checkType(schema, level, path, errors);
  if (level === 'root' || schema['x-kubernetes-embedded-resource'] === true)
    checkTypeFields(schema, path, errors);
  if (properties['metadata'])
    checkMetadata(schema, properties['metadata'], level, `${path}.properties[metadata]`, errors);
}

/** The API has lists of schemas too, which are refused elsewhere. */
export const isSingle = (items: JsonSchema | undefined): items is JsonSchema =>
  items !== undefined && !Array.isArray(items);

function checkExclusions(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (schema['x-kubernetes-int-or-string'] !== true) return;
  const text = 'must be false if x-kubernetes-int-or-string is true';
  for (const key of [
    'x-kubernetes-preserve-unknown-fields',
    'x-kubernetes-embedded-resource',
  ] as const)
    if (schema[key] === true) errors.push(invalidField(`${path}.${key}`, true, text));
}

function checkType(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const { type, properties = {}, additionalProperties } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const isOpen =
    schema['x-kubernetes-int-or-string'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isEmbedded && type !== 'object') {
    const text = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(
      type ? invalidField(`${path}.type`, type, text) : requiredField(`${path}.type`, text),
    );
  } else if (!type && !isOpen) errors.push(requiredField(`${path}.type`, emptyTypeTexts[level]));
  if (isEmbedded && additionalProperties !== undefined)
    errors.push(
      forbiddenField(
        `${path}.additionalProperties`,
        'must not be used if x-kubernetes-embedded-resource is set',
      ),
    );
  if (level === 'root' && type && type !== 'object')
    errors.push(invalidField(`${path}.type`, type, 'must be object at the root'));
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isEmbedded && !preserves && Object.keys(properties).length === 0)
    errors.push(
      requiredField(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
}

/** An API object names its type in texts. */
function checkTypeFields(
  { properties = {} }: JsonSchema,
  path: string,
  errors: FieldError[],
): void {
  for (const key of ['kind', 'apiVersion'] as const) {
    const property = properties[key];
    if (property && property.type !== 'string')
      errors.push(
        invalidField(`${path}.properties[${key}].type`, property.type ?? '', 'must be string'),
      );
  }
}

/** The metadata is given; a root may restrict the names in it and nothing else. */
function checkMetadata(
  owner: JsonSchema,
  metadata: JsonSchema,
  level: Level,
  path: string,
  errors: FieldError[],
): void {
  const isObject = level === 'root' || owner['x-kubernetes-embedded-resource'] === true;
  if (isObject && metadata.type !== 'object')
    errors.push(invalidField(`${path}.type`, metadata.type ?? '', 'must be object'));
  if (level !== 'root') return;
  // The default is judged with the others'.
  const { type: _type, default: _default, properties: fields = {}, ...rest } = metadata;
  const others = Object.keys(fields).filter((key) => key !== 'name' && key !== 'generateName');
  if (others.length > 0 || Object.values(rest).some(isSet))
    errors.push(
      forbiddenField(
        path,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
}

/** What Go's types would tell from a field that was left out. */
const isSet = (value: unknown): boolean =>
  value !== undefined && value !== false && value !== '' && value !== null;

/** Junctors restrict values, and must not describe them. */
function checkJunctors(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  if (!isEitherType(anyOf))
    for (const [index, part] of anyOf.entries())
      checkNested(part, false, `${path}.anyOf[${index}]`, errors);
  for (const [index, part] of allOf.entries()) {
    const isFirst = index === 0 && isEitherType(part.anyOf);
    checkNested(part, isFirst, `${path}.allOf[${index}]`, errors);
  }
  for (const [index, part] of oneOf.entries())
    checkNested(part, false, `${path}.oneOf[${index}]`, errors);
  if (not) checkNested(not, false, `${path}.not`, errors);
  const problem = pattern ? explainPattern(pattern) : undefined;
  if (pattern && problem !== undefined)
    errors.push(
      invalidField(
        `${path}.pattern`,
        pattern,
        `must be a valid regular expression, but isn't: ${problem}`,
      ),
    );
}

/** How int-or-string may be spelt in full. */
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

function checkNested(
  schema: JsonSchema,
  skipsAnyOf: boolean,
  path: string,
  errors: FieldError[],
): void {
  checkJunctors(skipsAnyOf ? { ...schema, anyOf: [] } : schema, path, errors);
  if (isSingle(schema.items)) checkNested(schema.items, false, `${path}.items`, errors);
  for (const [key, property] of Object.entries(schema.properties ?? {}))
    checkNested(property, false, `${path}.properties[${key}]`, errors);
  for (const [key, text] of Object.entries(forbiddenInside)) {
    const value = schema[key as keyof typeof forbiddenInside];
    const isEmpty = Array.isArray(value) ? value.length === 0 : !isSet(value);
    if (!isEmpty || (key === 'additionalProperties' && value === false))
      errors.push(forbiddenField(`${path}.${key}`, text));
  }
  if (schema.properties?.['metadata'])
    errors.push(
      forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'),
    );
}

/**
 * What a junctor speaks of must be described outside of it.
 * @param described what stands outside at the same place; undefined when nothing does.
 */
function checkCompleteness(
  { not, allOf = [], anyOf = [], oneOf = [] }: JsonSchema,
  described: JsonSchema | undefined,
  place: string,
  path: string,
  errors: FieldError[],
): void {
  const parts: readonly (readonly [string, JsonSchema])[] = [
    ...(not ? [['not', not] as const] : []),
    ...allOf.map((part, index) => [`allOf[${index}]`, part] as const),
    ...anyOf.map((part, index) => [`anyOf[${index}]`, part] as const),
    ...oneOf.map((part, index) => [`oneOf[${index}]`, part] as const),
  ];
  for (const [name, part] of parts)
    checkNestedCompleteness(part, described, place, `${path}.${name}`, errors);
}

function checkNestedCompleteness(
  part: JsonSchema,
  described: JsonSchema | undefined,
  place: string,
  path: string,
  errors: FieldError[],
): void {
  if (!described) {
    errors.push(requiredField(place, `because it is defined in ${path}`));
    return;
  }
  checkCompleteness(part, described, place, path, errors);
  if (isSingle(part.items))
    checkNestedCompleteness(
      part.items,
      isSingle(described.items) ? described.items : undefined,
      `${place}.items`,
      `${path}.items`,
      errors,
    );
  for (const [key, property] of Object.entries(part.properties ?? {})) {
    const at = `properties[${key}]`;
    const counterpart = described.properties?.[key];
    checkNestedCompleteness(property, counterpart, `${place}.${at}`, `${path}.${at}`, errors);
  }
}
