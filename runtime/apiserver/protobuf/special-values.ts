/**
 * Values whose JSON form is not that of their protobuf message: times, quantities, numbers or
 * strings, raw JSON, and the either-or types of JSON schemas. Pure.
 * Source: k8s.io/apimachinery pkg/apis/meta/v1, pkg/util/intstr; k8s.io/apiextensions-apiserver
 * pkg/apis/apiextensions/v1/marshal.go (behaviour).
 */
import type { Reader, Writer } from 'protobufjs/minimal.js';
import type { SpecialType } from '../../apis/schema/type-table.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';

const SCHEMA_TYPE = 'apiextensions.v1.JSONSchemaProps';
const WIRE_BYTES = 2;
const tagOf = (number: number, wireType: number): number => (number << 3) | wireType;

/** How to read or write a message of the table; handed in, since the two call each other. */
export interface MessageReader {
  (reader: Reader, end: number, typeName: string, depth: number): JsonObject;
}
export interface MessageWriter {
  (writer: Writer, value: JsonObject, typeName: string): void;
}

/** Reads fields by number up to `end`; whatever `read` does not take is skipped. */
export function readFields(
  reader: Reader,
  end: number,
  read: (number: number, wireType: number) => boolean,
): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 0) throw new RangeError('illegal field number 0');
    if (!read(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
  }
  if (reader.pos !== end) throw new RangeError('a message reaches beyond its end');
}

export function readSpecial(
  reader: Reader,
  end: number,
  special: SpecialType,
  context: { readMessage: MessageReader; depth: number },
): unknown {
  switch (special) {
    case 'quantity': {
      let text = '0';
      readFields(reader, end, (number) => {
        if (number !== 1) return false;
        text = reader.string();
        return true;
      });
      return text;
    }
    case 'int-or-string':
      return readIntOrString(reader, end);
    case 'time':
    case 'micro-time':
      return readTime(reader, end, special);
    case 'string-list': {
      const items: string[] = [];
      readFields(reader, end, (number) => {
        if (number !== 1) return false;
        items.push(reader.string());
        return true;
      });
      // A list that is empty on the wire is a nil slice in Go.
      return items.length === 0 ? null : items;
    }
    case 'fields':
    case 'raw':
    case 'json': {
      let raw: Uint8Array | undefined;
      readFields(reader, end, (number) => {
        if (number !== 1) return false;
        raw = reader.bytes();
        return true;
      });
      if (!raw || raw.length === 0) return null;
      return JSON.parse(Buffer.from(raw).toString('utf8')) as unknown;
    }
    default:
      return readEither(reader, end, special, context);
  }
}

export function writeSpecial(
  writer: Writer,
  special: SpecialType,
  value: unknown,
  writeMessage: MessageWriter,
): void {
  switch (special) {
    case 'quantity':
      writer.uint32(tagOf(1, WIRE_BYTES)).string(quantityText(value));
      return;
    case 'int-or-string': {
      const isText = typeof value === 'string';
      const number = typeof value === 'number' ? value : 0;
      writer.uint32(tagOf(1, 0)).int64(isText ? 1 : 0);
      writer.uint32(tagOf(2, 0)).int32(number);
      writer.uint32(tagOf(3, WIRE_BYTES)).string(isText ? value : '');
      return;
    }
    case 'time':
    case 'micro-time':
      writeTime(writer, special, value);
      return;
    case 'string-list':
      for (const item of Array.isArray(value) ? value : [])
        writer.uint32(tagOf(1, WIRE_BYTES)).string(String(item));
      return;
    case 'fields':
    case 'raw':
    case 'json':
      if (value === null || value === undefined) return;
      writer.uint32(tagOf(1, WIRE_BYTES)).bytes(Buffer.from(JSON.stringify(value)));
      return;
    default:
      writeEither(writer, special, value, writeMessage);
  }
}

const quantityText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '0';

function readIntOrString(reader: Reader, end: number): string | number {
  let isText = false;
  let number = 0;
  let text = '';
  readFields(reader, end, (field) => {
    if (field === 1) isText = Number(reader.int64()) === 1;
    else if (field === 2) number = reader.int32();
    else if (field === 3) text = reader.string();
    else return false;
    return true;
  });
  return isText ? text : number;
}

/** An empty message is the time that is not set. */
function readTime(reader: Reader, end: number, special: 'time' | 'micro-time'): string | null {
  if (reader.pos === end) return null;
  let seconds = 0;
  let nanos = 0;
  readFields(reader, end, (number) => {
    if (number === 1) seconds = Number(reader.int64());
    else if (number === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  const date = new Date(seconds * 1_000);
  if (Number.isNaN(date.getTime())) throw new RangeError(`${seconds} s are beyond all dates`);
  const text = date.toISOString().slice(0, -5);
  if (special === 'time') return `${text}Z`;
  const micros = Math.min(Math.max(Math.trunc(nanos / 1_000), 0), 999_999);
  return `${text}.${String(micros).padStart(6, '0')}Z`;
}

function writeTime(writer: Writer, special: 'time' | 'micro-time', value: unknown): void {
  if (typeof value !== 'string') return;
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) throw new TypeError(`${JSON.stringify(value)} is not a time`);
  const seconds = Math.floor(ms / 1_000);
  writer.uint32(tagOf(1, 0)).int64(seconds);
  const fraction = special === 'micro-time' ? /\.(\d{1,6})/.exec(value)?.[1] : undefined;
  writer.uint32(tagOf(2, 0)).int32(fraction ? Number(fraction.padEnd(6, '0')) * 1_000 : 0);
}

type EitherType = 'schema-or-array' | 'schema-or-boolean' | 'schema-or-strings';

function readEither(
  reader: Reader,
  end: number,
  special: EitherType,
  { readMessage, depth }: { readMessage: MessageReader; depth: number },
): unknown {
  let allows = false;
  let schema: JsonObject | undefined;
  const items: unknown[] = [];
  const isBoolean = special === 'schema-or-boolean';
  const readSchema = (): JsonObject => {
    const length = reader.uint32();
    return readMessage(reader, reader.pos + length, SCHEMA_TYPE, depth + 1);
  };
  readFields(reader, end, (number) => {
    if (isBoolean && number === 1) allows = reader.bool();
    else if (number === (isBoolean ? 2 : 1)) schema = readSchema();
    else if (number === 2)
      items.push(special === 'schema-or-strings' ? reader.string() : readSchema());
    else return false;
    return true;
  });
  if (isBoolean) return schema ?? allows;
  return items.length > 0 ? items : (schema ?? null);
}

function writeEither(
  writer: Writer,
  special: EitherType,
  value: unknown,
  writeMessage: MessageWriter,
): void {
  const isBoolean = special === 'schema-or-boolean';
  const writeSchema = (number: number, schema: JsonObject): void => {
    writer.uint32(tagOf(number, WIRE_BYTES)).fork();
    writeMessage(writer, schema, SCHEMA_TYPE);
    writer.ldelim();
  };
  if (isBoolean) writer.uint32(tagOf(1, 0)).bool(value === true || isJsonObject(value));
  if (isJsonObject(value)) writeSchema(isBoolean ? 2 : 1, value);
  if (!Array.isArray(value)) return;
  for (const item of value)
    if (special === 'schema-or-strings') writer.uint32(tagOf(2, WIRE_BYTES)).string(String(item));
    else if (isJsonObject(item)) writeSchema(2, item);
}
