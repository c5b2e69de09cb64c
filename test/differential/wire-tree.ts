/**
 * Protobuf bytes as a tree that can be compared without a schema: fields in the order of the wire, by
 * number; what is no text is tried as a message. Two servers that write the same bytes have the same
 * tree, whatever the guesses are. Pure.
 */
import protobuf from 'protobufjs/minimal.js';

const { Reader } = protobuf;
/** `k8s` and a zero byte. */
const MAGIC = '6b387300';
const METADATA_MANAGED_FIELDS = 17;
const METADATA_UID = 5;
const uidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A time this near to now was set by a server. */
const NOW_WITHIN_SECONDS = 2 * 86_400;

export type WireField = readonly [number, unknown];

/** A whole body, with its magic bytes. */
export function readWireBody(bytes: Buffer): unknown {
  return bytes.toString('hex', 0, 4) === MAGIC
    ? { magic: 'k8s', fields: readMessage(bytes.subarray(4)) ?? bytes.toString('hex') }
    : bytes.toString('utf8');
}

/** One event of a watch: type, and the object's body. */
export const readWireEvent = (frame: Buffer): unknown => readMessage(frame);

/** @returns undefined for bytes that are no message. */
function readMessage(bytes: Buffer): WireField[] | undefined {
  const reader = Reader.create(bytes);
  const fields: WireField[] = [];
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const number = tag >>> 3;
      if (number === 0) return undefined;
      switch (tag & 7) {
        case 0:
          fields.push([number, maskTime(Number(reader.int64()))]);
          break;
        case 1:
          fields.push([number, `fixed64 ${reader.double()}`]);
          break;
        case 2:
          fields.push([number, readValue(Buffer.from(reader.bytes()))]);
          break;
        case 5:
          fields.push([number, `fixed32 ${reader.float()}`]);
          break;
        default:
          return undefined;
      }
    }
  } catch {
    return undefined;
  }
  // Whose change it was is compared in other cases.
  const isMetadata = fields.some(
    ([number, value]) =>
      number === METADATA_UID && typeof value === 'string' && uidPattern.test(value),
  );
  return isMetadata ? fields.filter(([number]) => number !== METADATA_MANAGED_FIELDS) : fields;
}

function readValue(bytes: Buffer): unknown {
  if (bytes.toString('hex', 0, 4) === MAGIC) return readWireBody(bytes);
  const text = bytes.toString('utf8');
  if (/^[\P{C}\n\t]*$/u.test(text) && !/^[\n\t]/.test(text)) return text;
  return readMessage(bytes) ?? `bytes ${bytes.toString('hex')}`;
}

const maskTime = (value: number): number | string =>
  Math.abs(value - Date.now() / 1_000) < NOW_WITHIN_SECONDS ? '<time>' : value;
