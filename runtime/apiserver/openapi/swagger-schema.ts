/**
 * A structural schema as far as OpenAPI version 2 and kubectl's older validators can take it: they
 * refuse fields that a schema with properties does not name, arrays without items, and null. Where
 * anything may be, nothing is said. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/controller/openapi/v2/conversion.go.
 */
import { isJsonObject, type JsonObject } from '../json-value.ts';

const PRESERVE = 'x-kubernetes-preserve-unknown-fields';
const unknownToVersion2 = ['allOf', 'anyOf', 'oneOf', 'not', 'nullable'];

export function makeSwaggerSchema(schema: JsonObject): JsonObject {
  const made: JsonObject = { ...schema };
  for (const key of unknownToVersion2) delete made[key];
  const preserves = schema[PRESERVE] === true;
  const nullable = schema['nullable'] === true;
  if (preserves || nullable) {
    delete made['items'];
    delete made['properties'];
  }
  const isShapeless = made['type'] === 'array' && made['items'] === undefined;
  if (nullable || isShapeless || (preserves && made['type'] === 'object')) delete made['type'];

  const { properties, items, additionalProperties } = made;
  if (isJsonObject(properties)) {
    made['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, held]) => [
        name,
        isJsonObject(held) ? makeSwaggerSchema(held) : held,
      ]),
    );
    const isNullable = (name: unknown): boolean => {
      const held = typeof name === 'string' ? properties[name] : undefined;
      return isJsonObject(held) && held['nullable'] === true;
    };
    if (Array.isArray(schema['required']))
      made['required'] = schema['required'].filter((name) => !isNullable(name));
  }
  if (isJsonObject(items)) made['items'] = makeSwaggerSchema(items);
  if (isJsonObject(additionalProperties))
    made['additionalProperties'] = makeSwaggerSchema(additionalProperties);
  return made;
}
