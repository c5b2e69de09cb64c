/**
 * Records as bytes. Layout, big-endian:
 *   u32 magic | u32 body length | u32 CRC-32 of all that follows and of the length | u64 sequence | f64 time | body
 * The magic lets a reader find the next record behind damage; the CRC decides whether it is one.
 */
import { crc32 } from 'node:zlib';
import type { LogRecord } from './event-log.ts';

const MAGIC = 0x4b6e4c67;
export const RECORD_HEADER_BYTES = 28;
/** Nothing larger is ever written (the ingress limit lies below), so a larger length is damage. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
const MAGIC_BYTES = Buffer.from([0x4b, 0x6e, 0x4c, 0x67]);

export function recordBytes(bodyBytes: number): number {
  return RECORD_HEADER_BYTES + bodyBytes;
}

/** Writes a record at `at` and returns the offset behind it. */
export function writeRecord(target: Buffer, at: number, record: LogRecord): number {
  const { body, sequence, timeMs } = record;
  target.writeUInt32BE(MAGIC, at);
  target.writeUInt32BE(body.length, at + 4);
  target.writeBigUInt64BE(BigInt(sequence), at + 12);
  target.writeDoubleBE(timeMs, at + 20);
  body.copy(target, at + RECORD_HEADER_BYTES);
  const end = at + RECORD_HEADER_BYTES + body.length;
  target.writeUInt32BE(checksum(target, at, end), at + 8);
  return end;
}

export type ParsedRecord =
  | { readonly type: 'record'; readonly record: LogRecord; readonly end: number }
  /** The bytes end before the record does: more must be read, or it was torn. */
  | { readonly type: 'short'; readonly needed: number }
  | { readonly type: 'damaged' };

/** Parses the record at `at`. The body is a view of `source`, not a copy. */
export function readRecord(source: Buffer, at: number): ParsedRecord {
  if (source.length - at < RECORD_HEADER_BYTES)
    return { type: 'short', needed: RECORD_HEADER_BYTES };
  if (source.readUInt32BE(at) !== MAGIC) return { type: 'damaged' };
  const bodyLength = source.readUInt32BE(at + 4);
  if (bodyLength > BODY_BYTES_MAX) return { type: 'damaged' };
  const end = at + RECORD_HEADER_BYTES + bodyLength;
  if (end > source.length) return { type: 'short', needed: end - at };
  if (checksum(source, at, end) !== source.readUInt32BE(at + 8)) return { type: 'damaged' };
  const sequence = Number(source.readBigUInt64BE(at + 12));
  const timeMs = source.readDoubleBE(at + 20);
  const body = source.subarray(at + RECORD_HEADER_BYTES, end);
  return { type: 'record', record: { sequence, timeMs, body }, end };
}

/** The offset of the next intact record at or after `from`; -1 when there is none in these bytes. */
export function findRecord(source: Buffer, from: number): number {
  let at = source.indexOf(MAGIC_BYTES, from);
  while (at >= 0) {
    if (readRecord(source, at).type === 'record') return at;
    at = source.indexOf(MAGIC_BYTES, at + 1);
  }
  return -1;
}

function checksum(source: Buffer, at: number, end: number): number {
  return crc32(source.subarray(at + 12, end), crc32(source.subarray(at + 4, at + 8)));
}
