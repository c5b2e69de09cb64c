/**
 * A protobuf message of the table as the JSON object that it stands for, exactly as it is on the
 * wire: zero values that Go writes are there. What JSON leaves out is schema/decode-value.ts'
 * business.
 */
import type { Reader } from 'protobufjs/minimal.js';
import {
  findTypeSchema,
  type FieldSchema,
  type ScalarType,
  type ValueType,
} from '../../apis/schema/type-table.ts';
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';
import { readFields, readSpecial } from './special-values.ts';

/** Only JSON schemas nest without end; nobody's is this deep. */
const DEPTH_MAX = 100;
const WIRE_BYTES = 2;

/** @throws {Error} for bytes that are no such message. */
export function readMessage(reader: Reader, end: number, typeName: string, depth = 0): JsonObject {
  const target: JsonObject = {};
  readInto(reader, end, typeName, depth, target);
  return target;
}

function readInto(
  reader: Reader,
  end: number,
  typeName: string,
  depth: number,
  target: JsonObject,
): void {
  if (depth > DEPTH_MAX) throw new RangeError(`nested deeper than ${DEPTH_MAX} messages`);
  if (end > reader.len) throw new RangeError('a message reaches beyond the body');
  const { byNumber } = findTypeSchema(typeName);
  readFields(reader, end, (number, wireType) => {
    const field = byNumber.get(number);
    if (!field) return false;
    readField(reader, field, wireType, depth, target);
    return true;
  });
}

function readField(
  reader: Reader,
  field: FieldSchema,
  wireType: number,
  depth: number,
  target: JsonObject,
): void {
  const { name, type } = field;
  if (field.inline && type.form === 'object') {
    readInto(reader, endOf(reader, wireType), type.typeName, depth + 1, target);
    return;
  }
  if (type.form === 'list') {
    const known = getKey(target, name);
    const list: unknown[] = Array.isArray(known) ? known : [];
    if (wireType === WIRE_BYTES && isPackable(type.item)) {
      const end = endOf(reader, wireType);
      while (reader.pos < end) list.push(readValue(reader, type.item, undefined, depth));
    } else list.push(readValue(reader, type.item, wireType, depth));
    setKey(target, name, list);
  } else if (type.form === 'map') {
    const known = getKey(target, name);
    const map = isJsonObject(known) ? known : {};
    readEntry(reader, endOf(reader, wireType), type.item, depth, map);
    setKey(target, name, map);
  } else setKey(target, name, readValue(reader, type, wireType, depth));
}

function readEntry(
  reader: Reader,
  end: number,
  type: ValueType,
  depth: number,
  map: JsonObject,
): void {
  let key = '';
  let value: unknown;
  readFields(reader, end, (number, wireType) => {
    if (number === 1) key = reader.string();
    else if (number === 2) value = readValue(reader, type, wireType, depth);
    else return false;
    return true;
  });
  setKey(map, key, value ?? (type.form === 'scalar' && type.scalar !== 'bytes' ? '' : null));
}

/** `wireType` undefined: within a packed list. */
function readValue(
  reader: Reader,
  type: ValueType,
  wireType: number | undefined,
  depth: number,
): unknown {
  if (type.form === 'scalar') return readScalar(reader, type.scalar, wireType);
  const end = endOf(reader, wireType);
  if (type.form === 'object') return readMessage(reader, end, type.typeName, depth + 1);
  if (type.form === 'special')
    return readSpecial(reader, end, type.special, { readMessage, depth: depth + 1 });
  throw new TypeError(`a ${type.form} cannot be an item of another`);
}

function readScalar(reader: Reader, scalar: ScalarType, wireType: number | undefined): unknown {
  const expected = wireTypeOf(scalar);
  if (wireType !== undefined && wireType !== expected)
    throw new TypeError(`wire type ${wireType} where ${expected} belongs`);
  switch (scalar) {
    case 'string':
      return reader.string();
    case 'boolean':
      return reader.bool();
    case 'int32':
      return reader.int32();
    case 'int64':
      return Number(reader.int64());
    case 'double':
      return reader.double();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
  }
}

function endOf(reader: Reader, wireType: number | undefined): number {
  if (wireType !== WIRE_BYTES) throw new TypeError(`wire type ${wireType} where 2 belongs`);
  const length = reader.uint32();
  return reader.pos + length;
}

export const wireTypeOf = (scalar: ScalarType): number =>
  scalar === 'string' || scalar === 'bytes' ? WIRE_BYTES : scalar === 'double' ? 1 : 0;

const isPackable = (type: ValueType): boolean =>
  type.form === 'scalar' && wireTypeOf(type.scalar) !== WIRE_BYTES;
