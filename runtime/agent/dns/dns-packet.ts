/**
 * DNS messages, as far as a name server for pods needs them: one question in, A records or an error
 * out. Everything else is forwarded as bytes. Source: RFC 1035 section 4.
 */

export interface DnsQuery {
  readonly id: number;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly recursionDesired: boolean;
  /** Bytes of header and question, which a response repeats. */
  readonly questionEnd: number;
}

export const TYPE_A = 1;
export const RCODE = { ok: 0, serverFailure: 2, nameError: 3, refused: 5 } as const;

const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
const CLASS_IN = 1;
/** What fits a UDP response without EDNS. */
export const UDP_BYTES_MAX = 512;
const RECORD_BYTES = 16;

/** Undefined for what is no plain query of class IN with exactly one question. Never throws. */
export function parseQuery(message: Buffer): DnsQuery | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  const isQuery = (flags & 0x8000) === 0 && (flags & 0x7800) === 0;
  if (!isQuery || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = message[offset];
    // A question needs no compression pointer, so a length above 63 is refused.
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    offset++;
    if (length === 0) break;
    if (offset + length > message.length || offset + length - HEADER_BYTES > NAME_BYTES_MAX)
      return undefined;
    labels.push(message.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (offset + 4 > message.length || message.readUInt16BE(offset + 2) !== CLASS_IN)
    return undefined;
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type: message.readUInt16BE(offset),
    recursionDesired: (flags & 0x0100) !== 0,
    questionEnd: offset + 4,
  };
}

/** A response to `query`, whose bytes `message` holds. Addresses beyond `bytesMax` are cut and TC is set. */
export function makeResponse(
  message: Buffer,
  query: DnsQuery,
  answer: {
    readonly rcode: number;
    readonly addresses?: readonly string[];
    readonly ttlSeconds?: number;
    readonly bytesMax?: number;
  },
): Buffer {
  const { rcode, addresses = [], ttlSeconds = 0, bytesMax = UDP_BYTES_MAX } = answer;
  const room = Math.max(0, Math.floor((bytesMax - query.questionEnd) / RECORD_BYTES));
  const fitting = addresses.slice(0, room);
  const response = Buffer.alloc(query.questionEnd + fitting.length * RECORD_BYTES);
  message.copy(response, 0, 0, query.questionEnd);
  const isTruncated = fitting.length < addresses.length;
  response.writeUInt16BE(
    0x8000 |
      0x0400 |
      0x0080 |
      (isTruncated ? 0x0200 : 0) |
      (query.recursionDesired ? 0x0100 : 0) |
      rcode,
    2,
  );
  response.writeUInt16BE(fitting.length, 6);
  response.writeUInt16BE(0, 8);
  response.writeUInt16BE(0, 10);
  let offset = query.questionEnd;
  for (const address of fitting) {
    // A pointer to the question's name.
    response.writeUInt16BE(0xc000 | HEADER_BYTES, offset);
    response.writeUInt16BE(TYPE_A, offset + 2);
    response.writeUInt16BE(CLASS_IN, offset + 4);
    response.writeUInt32BE(ttlSeconds, offset + 6);
    response.writeUInt16BE(4, offset + 10);
    address.split('.').forEach((part, index) => {
      response[offset + 12 + index] = Number(part);
    });
    offset += RECORD_BYTES;
  }
  return response;
}
