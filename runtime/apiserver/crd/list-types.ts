/**
 * The promise of `x-kubernetes-list-type`: a set holds a value once, a map holds a key once. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/listtype (rules and words).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { duplicateField, invalidField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject } from '../json-value.ts';
import { isSchema } from './pruning.ts';
import { isSingle } from './structural-rules.ts';

/** @param path empty for a whole object. */
export function validateListTypes(
  value: unknown,
  schema: JsonSchema,
  path = '',
  errors: FieldError[] = [],
): FieldError[] {
  if (Array.isArray(value)) {
    const type = schema['x-kubernetes-list-type'];
    if (type === 'set')
      for (const index of findRepeated(value))
        errors.push(duplicateField(`${path}[${index}]`, value[index]));
    if (type === 'map') checkMap(value, schema, path, errors);
    if (isSingle(schema.items))
      for (const [index, item] of value.entries())
        validateListTypes(item, schema.items, `${path}[${index}]`, errors);
  } else if (isJsonObject(value)) {
    const { properties = {}, additionalProperties } = schema;
    for (const [key, item] of Object.entries(value)) {
      if (isSchema(additionalProperties))
        validateListTypes(item, additionalProperties, `${path}[${key}]`, errors);
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (property) validateListTypes(item, property, path === '' ? key : `${path}.${key}`, errors);
    }
  }
  return errors;
}

function checkMap(
  items: readonly unknown[],
  schema: JsonSchema,
  path: string,
  errors: FieldError[],
): void {
  const strange = items.findIndex((item) => item !== null && !isJsonObject(item));
  if (strange >= 0) {
    const text = 'must be an object for an array of list-type map';
    errors.push(invalidField(`${path}[${strange}]`, items[strange], text));
    return;
  }
  const keys = items.map((item) => listMapKey(item, schema));
  for (const index of findRepeated(keys))
    errors.push(duplicateField(`${path}[${index}]`, keys[index]));
}

/** Which item of a list of type `map` this is: those of its key fields that it has. */
export function listMapKey(item: unknown, schema: JsonSchema): unknown {
  if (!isJsonObject(item)) return {};
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]),
  );
}

/** The second place of each value that has more than one. */
function findRepeated(values: readonly unknown[]): readonly number[] {
  const counts = new Map<string, number>();
  return values.flatMap((value, index) => {
    const id = identify(value);
    const count = counts.get(id) ?? 0;
    counts.set(id, count + 1);
    return count === 1 ? [index] : [];
  });
}

/** A text that is the same for equal values. */
export function identify(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(identify).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${identify(value[key])}`).join()}}`;
}
