/**
 * Holds JSON against a built-in type, with the result that Go's decoder and encoder leave: fields of
 * the wrong type are refused, unknown ones dropped and told, empty optional ones left out, and what
 * Go always writes is there (`status: {}`, `creationTimestamp: null`). Pure.
 * Source: sigs.k8s.io/json and encoding/json (behaviour, texts of errors).
 */
import { canonicalQuantity } from '../../apis/schema/quantity.ts';
import {
  findTypeSchema,
  type FieldSchema,
  type ObjectSchema,
  type SpecialType,
  type ValueType,
} from '../../apis/schema/type-table.ts';
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';

const SCHEMA_TYPE = 'apiextensions.v1.JSONSchemaProps';
const INT32_MAX = 2 ** 31;
/** Base64 in groups of four, with padding, as Go reads it. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The JSON does not fit into the type. The message is that of Go's decoder. */
export class DecodeError extends Error {
  /** The same in the words of Kubernetes' converter, which strategic patches go through. */
  readonly converterMessage: string | undefined;

  constructor(message: string, converterMessage?: string) {
    super(message);
    this.converterMessage = converterMessage;
  }
}

interface Place {
  /** Go's struct that declares the field. */
  readonly owner: string;
  /** Names of fields from the root, without indexes, as errors of types have it. */
  readonly field: string;
  /** With indexes, as unknown fields have it. */
  readonly path: string;
  readonly goType: string | undefined;
  readonly unknown: string[];
}

/**
 * @param unknown the paths of fields that the type does not have are appended here.
 * @throws {DecodeError}
 */
export function decodeObject(
  schema: ObjectSchema,
  value: JsonObject,
  unknown: string[],
): JsonObject {
  const root: Place = { owner: '', field: '', path: '', goType: undefined, unknown };
  return decodeFields(schema, value, root);
}

function decodeFields(schema: ObjectSchema, value: JsonObject, place: Place): JsonObject {
  const result: JsonObject = {};
  for (const key of schema.hasKind ? ['apiVersion', 'kind'] : []) {
    const item = getKey(value, key);
    if (typeof item === 'string' && item !== '') result[key] = item;
  }
  for (const key of Object.keys(value)) {
    const field = schema.byName.get(key);
    if (field) {
      if (value[key] === null || value[key] === undefined) continue;
      const inner = placeOf(place, field);
      const item = decodeValue(field.type, value[key], inner);
      setKey(result, key, item);
    } else if (!schema.hasKind || (key !== 'kind' && key !== 'apiVersion'))
      place.unknown.push(place.path === '' ? key : `${place.path}.${key}`);
  }
  for (const field of schema.byName.values()) settle(result, field);
  return result;
}

/** What Go's encoder makes of a field: left out, or its zero value. */
function settle(result: JsonObject, field: FieldSchema): void {
  const { name, type } = field;
  const value = getKey(result, name);
  if (value === undefined || value === null) {
    if (field.omitEmpty && (field.pointer || !isStruct(type))) delete result[name];
    else if (field.omitZero && !field.pointer) delete result[name];
    else setKey(result, name, field.pointer ? null : zeroOf(type));
  } else if (field.omitEmpty && !field.pointer && isEmpty(type, value)) delete result[name];
}

const placeOf = (parent: Place, field: FieldSchema & { owner: string }): Place => ({
  owner: field.owner,
  field: parent.field === '' ? field.name : `${parent.field}.${field.name}`,
  path: parent.path === '' ? field.name : `${parent.path}.${field.name}`,
  goType: field.goType,
  unknown: parent.unknown,
});

/** Structs are never empty to Go, however little is in them. */
const isStruct = (type: ValueType): boolean =>
  type.form === 'object' || (type.form === 'special' && type.special !== 'string-list');

function isEmpty(type: ValueType, value: unknown): boolean {
  if (type.form === 'list') return Array.isArray(value) && value.length === 0;
  if (type.form === 'map') return isJsonObject(value) && Object.keys(value).length === 0;
  if (type.form === 'scalar') return value === '' || value === 0 || value === false;
  return type.form === 'special' && Array.isArray(value) && value.length === 0;
}

function zeroOf(type: ValueType): unknown {
  if (type.form === 'object') {
    const result: JsonObject = {};
    for (const field of findTypeSchema(type.typeName).byName.values()) settle(result, field);
    return result;
  }
  if (type.form === 'special') {
    if (type.special === 'quantity') return '0';
    return type.special === 'int-or-string' ? 0 : null;
  }
  if (type.form !== 'scalar') return null;
  switch (type.scalar) {
    case 'string':
      return '';
    case 'boolean':
      return false;
    case 'bytes':
      return null;
    default:
      return 0;
  }
}

function decodeValue(type: ValueType, value: unknown, place: Place): unknown {
  switch (type.form) {
    case 'object':
      if (!isJsonObject(value)) throw mismatch(value, type, place);
      return decodeFields(findTypeSchema(type.typeName), value, place);
    case 'list': {
      if (!Array.isArray(value)) throw mismatch(value, type, place);
      const goType = place.goType?.startsWith('[]') ? place.goType.slice(2) : undefined;
      return value.map((item: unknown, index) => {
        const path = `${place.path}[${index}]`;
        return decodeItem(type.item, item, { ...place, path, goType });
      });
    }
    case 'map': {
      if (!isJsonObject(value)) throw mismatch(value, type, place);
      const goType = place.goType?.startsWith('map[')
        ? place.goType.slice(place.goType.indexOf(']') + 1)
        : undefined;
      const result: JsonObject = {};
      for (const key of Object.keys(value)) {
        const path = `${place.path}.${key}`;
        setKey(result, key, decodeItem(type.item, value[key], { ...place, path, goType }));
      }
      return result;
    }
    case 'special':
      return decodeSpecial(type.special, value, type, place);
    default:
      return decodeScalar(type, value, place);
  }
}

/** A null among items is the zero value. */
const decodeItem = (type: ValueType, item: unknown, place: Place): unknown =>
  item === null ? zeroOf(type) : decodeValue(type, item, place);

function decodeScalar(type: ValueType & { form: 'scalar' }, value: unknown, place: Place): unknown {
  switch (type.scalar) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, type, place);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(value, type, place);
      return value;
    case 'double':
      if (typeof value !== 'number') throw mismatch(value, type, place);
      return value;
    case 'bytes': {
      if (typeof value !== 'string') throw mismatch(value, type, place);
      const text = value.replace(/[\r\n]/g, '');
      if (!BASE64.test(text))
        throw new DecodeError(`illegal base64 data at input byte ${badByteOf(text)}`);
      return text;
    }
    default: {
      if (typeof value !== 'number') throw mismatch(value, type, place);
      const fits =
        Number.isInteger(value) &&
        (type.scalar === 'int64' || (value >= -INT32_MAX && value < INT32_MAX));
      if (!fits) throw mismatch(value, type, place, `number ${value}`);
      return value;
    }
  }
}

const badByteOf = (text: string): number => {
  const bad = text.search(/[^A-Za-z0-9+/=]/);
  return bad >= 0 ? bad : Math.min(text.length, text.replace(/=+$/, '').length);
};

function decodeSpecial(
  special: SpecialType,
  value: unknown,
  type: ValueType,
  place: Place,
): unknown {
  switch (special) {
    case 'quantity':
      try {
        return canonicalQuantity(typeof value === 'string' ? value : JSON.stringify(value));
      } catch (error) {
        throw new DecodeError((error as Error).message);
      }
    case 'int-or-string':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < INT32_MAX)
        return value;
      throw new DecodeError(
        `json: cannot unmarshal ${describe(value)} into Go value of type int32`,
      );
    case 'time':
    case 'micro-time':
      return decodeTime(special, value);
    case 'string-list':
      return decodeValue(
        { form: 'list', item: { form: 'scalar', scalar: 'string' } },
        value,
        place,
      );
    case 'schema-or-array':
    case 'schema-or-boolean':
    case 'schema-or-strings':
      return decodeEither(special, value, place);
    case 'raw':
    case 'fields':
    case 'json':
      return value;
    default:
      throw mismatch(value, type, place);
  }
}

function decodeTime(special: 'time' | 'micro-time', value: unknown): string {
  if (typeof value !== 'string')
    throw new DecodeError(`json: cannot unmarshal ${describe(value)} into Go value of type string`);
  const layout =
    special === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
  const match = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d+))?(?:Z|[+-]\d{2}:\d{2})$/.exec(
    value,
  );
  const ms = match ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms))
    throw new DecodeError(
      `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  const seconds = new Date(Math.floor(ms / 1_000) * 1_000).toISOString().slice(0, -5);
  if (special === 'time') return `${seconds}Z`;
  return `${seconds}.${(match?.[1] ?? '').slice(0, 6).padEnd(6, '0')}Z`;
}

function decodeEither(special: SpecialType, value: unknown, place: Place): unknown {
  const schema = findTypeSchema(SCHEMA_TYPE);
  if (isJsonObject(value)) return decodeFields(schema, value, place);
  if (special === 'schema-or-boolean') {
    if (typeof value === 'boolean') return value;
    throw new DecodeError('boolean or JSON schema expected');
  }
  if (!Array.isArray(value)) return null;
  const item: ValueType =
    special === 'schema-or-array'
      ? { form: 'object', typeName: SCHEMA_TYPE }
      : { form: 'scalar', scalar: 'string' };
  return decodeValue({ form: 'list', item }, value, { ...place, goType: undefined });
}

function mismatch(
  value: unknown,
  type: ValueType,
  place: Place,
  text: string = describe(value),
): DecodeError {
  const { owner, field, goType = goNameOf(type) } = place;
  return new DecodeError(
    `json: cannot unmarshal ${text} into Go struct field ${owner}.${field} of type ${goType}`,
    converterText(value, type, goType),
  );
}

function converterText(value: unknown, type: ValueType, goType: string): string {
  switch (type.form) {
    case 'object':
      return `cannot restore struct from: ${goKindOf(value)}`;
    case 'list':
      return `cannot restore slice from ${goKindOf(value)}`;
    case 'map':
      return `cannot restore map from ${goKindOf(value)}`;
    default: {
      const isNumeric = type.form === 'scalar' && /^(int|double)/.test(type.scalar);
      // Go converts whole numbers to texts, and numbers to each other; the converter then says no.
      const isConvertible =
        typeof value === 'number' &&
        (isNumeric ||
          (goKindOf(value) === 'int64' && type.form === 'scalar' && type.scalar === 'string'));
      return isConvertible
        ? `cannot convert ${goKindOf(value)} to ${goType}`
        : `unrecognized type: ${goNameOf(type)}`;
    }
  }
}

function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (isJsonObject(value)) return 'map';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

const goScalars: Readonly<Record<string, string>> = {
  boolean: 'bool',
  double: 'float64',
  bytes: '[]uint8',
};

function goNameOf(type: ValueType): string {
  switch (type.form) {
    case 'scalar':
      return goScalars[type.scalar] ?? type.scalar;
    case 'object':
      return type.typeName.split('.').slice(1).join('.');
    case 'list':
      return `[]${goNameOf(type.item)}`;
    case 'map':
      return `map[string]${goNameOf(type.item)}`;
    default:
      return type.special;
  }
}
