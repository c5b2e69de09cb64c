/**
 * The few words of JSON schema that the configuration schemas are made of. The hosts run AJV in
 * strict mode and coerce types; unions are spelled with `anyOf`, never with a list of types.
 */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Accepts anything: settings that Knit reports but does not read. */
export const anything: JsonSchema = {};
export const text: JsonSchema = { type: 'string' };
export const flag: JsonSchema = { type: 'boolean' };
export const integer = (minimum: number, maximum?: number): JsonSchema => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
export const number = (minimum: number): JsonSchema => ({ type: 'number', minimum });
export const oneOf = (...values: readonly string[]): JsonSchema => ({ enum: values });
export const anyOf = (...schemas: readonly JsonSchema[]): JsonSchema => ({ anyOf: schemas });
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
/** An object whose values all follow one schema. */
export const mapOf = (values: JsonSchema): JsonSchema => ({
  type: 'object',
  additionalProperties: values,
});
/** A closed object: any other property is an error. */
export const shape = (
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({ type: 'object', properties, required, additionalProperties: false });
/** An object with known required properties, open to others: AWS settings that pass through. */
export const openShape = (
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({ type: 'object', properties, required, additionalProperties: true });
