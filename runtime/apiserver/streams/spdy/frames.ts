/**
 * SPDY's frames as bytes: found in a stream of them, and made. Contents of data frames are passed on in
 * the pieces in which they come. Source: SPDY Protocol, Draft 3.1, section 2.2.
 */

export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const rstStatus = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

export const FLAG_FIN = 0x01;
const VERSION = 3;
const HEAD_BYTES = 8;
const CONTROL_BIT = 0x80000000;
const STREAM_ID_MASK = 0x7fffffff;
/** Headers are all that a control frame carries here. */
const CONTROL_BYTES_MAX = 64 * 1024;

export type FramePiece =
  | {
      readonly kind: 'control';
      readonly type: number;
      readonly flags: number;
      readonly body: Buffer;
    }
  | {
      readonly kind: 'data';
      readonly streamId: number;
      readonly bytes: Buffer;
      /** Nothing follows on this stream. */
      readonly isLast: boolean;
    };

/** Cuts what comes over a connection; keeps less than one control frame. */
export class FrameReader {
  private kept: Buffer = Buffer.alloc(0);
  private data: { streamId: number; isFin: boolean; left: number } | undefined;

  add(bytes: Buffer): void {
    this.kept = this.kept.length === 0 ? bytes : Buffer.concat([this.kept, bytes]);
  }

  /** The next piece, or undefined until more is added. @throws on what is no SPDY/3, or too long. */
  next(): FramePiece | undefined {
    if (this.data) return this.takeData(this.data);
    if (this.kept.length < HEAD_BYTES) return undefined;
    const word = this.kept.readUInt32BE(0);
    const [flags, length] = [this.kept[4] ?? 0, this.kept.readUIntBE(5, 3)];
    if (word < CONTROL_BIT) {
      this.take(HEAD_BYTES);
      this.data = { streamId: word, isFin: (flags & FLAG_FIN) !== 0, left: length };
      return this.takeData(this.data);
    }
    const version = (word >>> 16) & 0x7fff;
    if (version !== VERSION) throw new Error(`SPDY/${version} is not spoken here`);
    if (length > CONTROL_BYTES_MAX)
      throw new Error(`a control frame of ${length} bytes exceeds ${CONTROL_BYTES_MAX}`);
    if (this.kept.length < HEAD_BYTES + length) return undefined;
    this.take(HEAD_BYTES);
    return { kind: 'control', type: word & 0xffff, flags, body: this.take(length) };
  }

  private takeData(data: NonNullable<FrameReader['data']>): FramePiece | undefined {
    if (data.left > 0 && this.kept.length === 0) return undefined;
    const bytes = this.take(Math.min(data.left, this.kept.length));
    data.left -= bytes.length;
    if (data.left === 0) this.data = undefined;
    const isLast = data.left === 0 && data.isFin;
    return { kind: 'data', streamId: data.streamId, bytes, isLast };
  }

  private take(length: number): Buffer {
    const taken = this.kept.subarray(0, length);
    this.kept = this.kept.subarray(length);
    return taken;
  }
}

export function readStreamId(body: Buffer): number {
  if (body.length < 4) throw new Error('a frame without a stream id');
  return body.readUInt32BE(0) & STREAM_ID_MASK;
}

/** Where the header block of a SYN_STREAM begins: after both stream ids, priority and slot. */
export const SYN_STREAM_BLOCK_OFFSET = 10;

export function makeDataHead(streamId: number, length: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(streamId);
  head[4] = isLast ? FLAG_FIN : 0;
  head.writeUIntBE(length, 5, 3);
  return head;
}

export function makeControl(type: number, body: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

/** Of one or two numbers, as RST_STREAM, GOAWAY, PING and the start of SYN_REPLY have. */
export function makeWords(...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}
