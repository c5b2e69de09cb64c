/**
 * Whole bodies of `application/vnd.kubernetes.protobuf`: four magic bytes and a `runtime.Unknown`
 * that names the kind around the message, and the frames of a watch.
 * Source: k8s.io/apimachinery pkg/runtime/serializer/protobuf (wire format).
 */
import protobuf from 'protobufjs/minimal.js';
import { findKindSchema } from '../../apis/schema/type-table.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import { readMessage } from './read-message.ts';
import { readFields } from './special-values.ts';
import { writeMessage } from './write-message.ts';

const { Reader, Writer } = protobuf;

/** `k8s` and a zero byte. */
const MAGIC = Buffer.from('6b387300', 'hex');
const WIRE_BYTES = 2;
const WATCH_EVENT = { type: (1 << 3) | WIRE_BYTES, object: (2 << 3) | WIRE_BYTES };

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/**
 * @returns the object with `kind` and `apiVersion`; values are as on the wire, see read-message.ts.
 * @throws {Error} for bytes that are no such body, or a kind that has no message.
 */
export function decodeProtobuf(bytes: Uint8Array): JsonObject {
  if (bytes.length < MAGIC.length || !MAGIC.equals(bytes.subarray(0, MAGIC.length)))
    throw new TypeError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  const { apiVersion, kind, raw } = readUnknown(bytes.subarray(MAGIC.length));
  const schema = findKindSchema(apiVersion, kind);
  if (!schema) throw new TypeError(`no kind "${kind}" is registered for version "${apiVersion}"`);
  const body = readMessage(Reader.create(raw), raw.length, schema.typeName);
  return { apiVersion, kind, ...body };
}

/**
 * @returns undefined when the object's kind has no message, or the object does not fit into it: a
 * stored object may be older than the schema.
 */
export function encodeProtobuf(object: unknown): Buffer | undefined {
  if (!isJsonObject(object)) return undefined;
  const { apiVersion, kind } = object;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const schema = findKindSchema(apiVersion, kind);
  if (!schema) return undefined;
  const writer = Writer.create();
  try {
    writer.uint32((1 << 3) | WIRE_BYTES).fork();
    writer.uint32((1 << 3) | WIRE_BYTES).string(apiVersion);
    writer.uint32((2 << 3) | WIRE_BYTES).string(kind);
    writer.ldelim();
    writer.uint32((2 << 3) | WIRE_BYTES).fork();
    writeMessage(writer, object, schema.typeName);
    writer.ldelim();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
  // Content encoding and content type are empty, and Go writes them so.
  writer.uint32((3 << 3) | WIRE_BYTES).string('');
  writer.uint32((4 << 3) | WIRE_BYTES).string('');
  return Buffer.concat([MAGIC, writer.finish()]);
}

/** One frame of a watch: its length in four bytes, big-endian, and a `WatchEvent` around the body. */
export function frameWatchEvent(type: string, body: Uint8Array): Buffer {
  const writer = Writer.create();
  writer.uint32(WATCH_EVENT.type).string(type);
  writer.uint32(WATCH_EVENT.object).fork();
  writer.uint32((1 << 3) | WIRE_BYTES).bytes(body);
  const event = writer.ldelim().finish();
  const frame = Buffer.allocUnsafe(event.length + 4);
  frame.writeUInt32BE(event.length);
  frame.set(event, 4);
  return frame;
}

function readUnknown(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const reader = Reader.create(bytes);
  const unknown: ReturnType<typeof readUnknown> = {
    apiVersion: '',
    kind: '',
    raw: new Uint8Array(),
  };
  readFields(reader, bytes.length, (number) => {
    if (number === 1) {
      const length = reader.uint32();
      readFields(reader, reader.pos + length, (field) => {
        if (field === 1) unknown.apiVersion = reader.string();
        else if (field === 2) unknown.kind = reader.string();
        else return false;
        return true;
      });
    } else if (number === 2) unknown.raw = reader.bytes();
    else return false;
    return true;
  });
  return unknown;
}
