/**
 * A JSON object as the protobuf message that Go would write for it, byte for byte: fields in the
 * order of their numbers, maps sorted by key, values that are no pointers written even when zero.
 */
import type { Writer } from 'protobufjs/minimal.js';
import { findTypeSchema, type FieldSchema, type ValueType } from '../../apis/schema/type-table.ts';
import { getKey, isJsonObject, type JsonObject } from '../json-value.ts';
import { wireTypeOf } from './read-message.ts';
import { writeSpecial } from './special-values.ts';

const WIRE_BYTES = 2;

/** @throws {TypeError} when the object is not of this type. */
export function writeMessage(writer: Writer, value: JsonObject, typeName: string): void {
  for (const field of findTypeSchema(typeName).fields) {
    if (!field.number) continue;
    if (field.inline && field.type.form === 'object') {
      writer.uint32((field.number << 3) | WIRE_BYTES).fork();
      writeMessage(writer, value, field.type.typeName);
      writer.ldelim();
    } else writeField(writer, field, getKey(value, field.name));
  }
}

function writeField(writer: Writer, field: FieldSchema, value: unknown): void {
  const { type, number = 0, name } = field;
  const isUnset = value === null || value === undefined;
  if (type.form === 'list') {
    if (isUnset) return;
    if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
    for (const item of value) writeValue(writer, number, type.item, item, name);
  } else if (type.form === 'map') {
    if (isUnset) return;
    if (!isJsonObject(value)) throw new TypeError(`${name} is not a map`);
    for (const key of Object.keys(value).sort(compareBytes)) {
      writer.uint32((number << 3) | WIRE_BYTES).fork();
      writer.uint32((1 << 3) | WIRE_BYTES).string(key);
      writeValue(writer, 2, type.item, value[key], name);
      writer.ldelim();
    }
  } else if (isUnset && (field.pointer || isBytes(type))) return;
  else writeValue(writer, number, type, value, name);
}

function writeValue(
  writer: Writer,
  number: number,
  type: ValueType,
  value: unknown,
  name: string,
): void {
  if (type.form === 'scalar') {
    writeScalar(writer, (number << 3) | wireTypeOf(type.scalar), type, value, name);
    return;
  }
  writer.uint32((number << 3) | WIRE_BYTES).fork();
  if (type.form === 'special') writeSpecial(writer, type.special, value, writeMessage);
  else if (type.form === 'object') {
    if (isJsonObject(value)) writeMessage(writer, value, type.typeName);
    else if (value === null || value === undefined) writeMessage(writer, {}, type.typeName);
    else throw new TypeError(`${name} is not an object`);
  } else throw new TypeError(`${name}: a ${type.form} cannot be an item of another`);
  writer.ldelim();
}

function writeScalar(
  writer: Writer,
  tag: number,
  { scalar }: ValueType & { form: 'scalar' },
  value: unknown,
  name: string,
): void {
  const refuse = (): never => {
    throw new TypeError(`${name} is not a ${scalar}`);
  };
  switch (scalar) {
    case 'string':
      if (typeof (value ?? '') !== 'string') refuse();
      writer.uint32(tag).string((value ?? '') as string);
      return;
    case 'boolean':
      if (typeof (value ?? false) !== 'boolean') refuse();
      writer.uint32(tag).bool((value ?? false) as boolean);
      return;
    case 'bytes':
      if (typeof (value ?? '') !== 'string') refuse();
      writer.uint32(tag).bytes(Buffer.from((value ?? '') as string, 'base64'));
      return;
    case 'double':
      if (typeof (value ?? 0) !== 'number') refuse();
      writer.uint32(tag).double((value ?? 0) as number);
      return;
    default:
      if (!Number.isInteger(value ?? 0)) refuse();
      if (scalar === 'int32') writer.uint32(tag).int32((value ?? 0) as number);
      else writer.uint32(tag).int64((value ?? 0) as number);
  }
}

const isBytes = (type: ValueType): boolean => type.form === 'scalar' && type.scalar === 'bytes';

/** Go sorts strings by their UTF-8 bytes. */
const compareBytes = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a), Buffer.from(b));
