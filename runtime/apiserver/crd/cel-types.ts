/**
 * CEL's view of a structural schema: declared types, so that a rule with a misspelt field is refused
 * where it is written, and the conversion of JSON to values of those types. Pure.
 * Source: k8s.io/apiserver pkg/cel/common (which schema is which type, how names are escaped).
 */
import { Environment } from '@marcbachmann/cel-js';
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { isJsonObject, jsonEqual, type JsonObject } from '../json-value.ts';
import { isSchema } from './pruning.ts';

export interface CelType {
  /** As CEL declares it, e.g. `list<T3>`. */
  readonly name: string;
  /** A JSON value of the schema as CEL's value. */
  readonly convert: (value: unknown) => unknown;
}

const asDynamic: CelType = { name: 'dyn', convert: convertDynamic };
const asIs = (name: string): CelType => ({ name, convert: (value) => value });
const asString = asIs('string');

/** Schemas that contain themselves do not exist; deeper ones than this are not looked into. */
const DEPTH_MAX = 30;

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A property's name inside a rule. @returns undefined when rules cannot reach it. */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_./-][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** Declares the types that a schema needs. @param isObject the schema is that of a whole API object. */
export function declareType(
  environment: Environment,
  schema: JsonSchema,
  isObject = false,
): CelType {
  let count = 0;
  const declare = (node: JsonSchema, isRoot: boolean, depth: number): CelType => {
    if (depth > DEPTH_MAX || node.nullable === true) return asDynamic;
    if (node['x-kubernetes-int-or-string'] === true) return asDynamic;
    const isEmbedded = isRoot || node['x-kubernetes-embedded-resource'] === true;
    switch (node.type) {
      case 'boolean':
        return asIs('bool');
      case 'integer':
        return { name: 'int', convert: convertInteger };
      case 'number':
        return asIs('double');
      case 'string':
        return stringType(node.format);
      case 'array': {
        const item = node.items ? declare(node.items, false, depth + 1) : asDynamic;
        return {
          name: `list<${item.name}>`,
          convert: (value) => (Array.isArray(value) ? value.map(item.convert) : value),
        };
      }
      case 'object': {
        const { properties, additionalProperties } = node;
        if (isSchema(additionalProperties)) {
          const item = declare(additionalProperties, false, depth + 1);
          return { name: `map<string, ${item.name}>`, convert: (value) => toMap(value, item) };
        }
        if (!properties && !isEmbedded) return asDynamic;
        const fields: Record<string, CelType> = {};
        for (const [key, property] of Object.entries(properties ?? {}))
          fields[key] = declare(property, false, depth + 1);
        if (isEmbedded) {
          const meta = { name: asString, generateName: asString };
          const metadata = declareObject(environment, `KnitType${++count}`, meta);
          Object.assign(fields, { apiVersion: asString, kind: asString, metadata });
        }
        return declareObject(environment, `KnitType${++count}`, fields);
      }
      default:
        return asDynamic;
    }
  };
  return declare(schema, isObject, 0);
}

function stringType(format: string | undefined): CelType {
  switch (format) {
    case 'date-time':
    case 'datetime':
    case 'date':
      return {
        name: 'google.protobuf.Timestamp',
        convert: (value) => (typeof value === 'string' ? new Date(value) : value),
      };
    case 'duration':
      return {
        name: 'google.protobuf.Duration',
        convert: (value) => (typeof value === 'string' ? parseDuration(value) : value),
      };
    default:
      return asString;
  }
}

const durationPattern = /(\d+(?:\.\d*)?|\.\d+) ?(ns|us|µs|μs|ms|[smhdw])/g;
const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
  d: 86_400e9,
  w: 604_800e9,
};

/** A text of the format `duration`, which the schema has checked. */
function parseDuration(text: string): unknown {
  let nanoseconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(durationPattern))
    nanoseconds += Number(amount) * (NANOSECONDS[unit] ?? 0);
  return durationOf({ text: `${text.startsWith('-') ? '-' : ''}${Math.round(nanoseconds)}ns` });
}

/** The library's own constructor, which it does not export. */
const durationOf = new Environment().registerVariable('text', 'string').parse('duration(text)');

function declareObject(
  environment: Environment,
  name: string,
  fields: Readonly<Record<string, CelType>>,
): CelType {
  // The library tells types of values apart by their constructors: each needs one of its own.
  // oxlint-disable-next-line no-extraneous-class -- the fields are the schema's
  class Value {
    constructor(source: JsonObject) {
      for (const [field, { key, type }] of known) {
        if (!Object.hasOwn(source, key)) continue;
        (this as unknown as JsonObject)[field] = type.convert(source[key]);
      }
      // For comparison: unknown fields count too.
      Object.defineProperty(this, 'source', { value: source, enumerable: false });
    }
  }
  const known = new Map<string, { key: string; type: CelType }>();
  for (const [key, type] of Object.entries(fields)) {
    const field = escapeName(key);
    if (field !== undefined) known.set(field, { key, type });
  }
  const types = Object.fromEntries([...known].map(([field, { type }]) => [field, type.name]));
  environment.registerType(name, { ctor: Value, fields: types });
  const sourceOf = (value: Value): unknown => (value as unknown as { source: unknown }).source;
  environment.registerOperator(`${name} == ${name}`, (a: Value, b: Value) =>
    jsonEqual(sourceOf(a), sourceOf(b)),
  );
  return { name, convert: (value) => (isJsonObject(value) ? new Value(value) : value) };
}

const convertInteger = (value: unknown): unknown =>
  typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;

function toMap(value: unknown, item: CelType): unknown {
  if (!isJsonObject(value)) return value;
  return new Map(Object.keys(value).map((key) => [key, item.convert(value[key])]));
}

function convertDynamic(value: unknown): unknown {
  if (typeof value === 'number') return convertInteger(value);
  if (Array.isArray(value)) return value.map(convertDynamic);
  return isJsonObject(value) ? toMap(value, asDynamic) : value;
}
