/**
 * DNS messages, as far as a name server for pods needs them: one question in, A or SRV records or
 * an error out. Everything else is forwarded as bytes. Source: RFC 1035 section 4.
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

/** Where a named port of a Service is. Source: RFC 2782. */
export interface ServiceRecord {
  readonly port: number;
  /** A name without the final dot. */
  readonly target: string;
}

export const TYPE_A = 1;
export const TYPE_SRV = 33;
export const RCODE = { ok: 0, serverFailure: 2, nameError: 3, refused: 5 } as const;

const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
const CLASS_IN = 1;
/** What fits a UDP response without EDNS. */
export const UDP_BYTES_MAX = 512;
/** Of a record whose name is a pointer to the question's: before its data. */
const RECORD_HEAD_BYTES = 12;
/** Any of them as good as the others, as the cluster's name server has it. */
const SRV_PRIORITY = 0;
const SRV_WEIGHT = 100;

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

/** A response to `query`, whose bytes `message` holds. Records beyond `bytesMax` are cut and TC is set. */
export function makeResponse(
  message: Buffer,
  query: DnsQuery,
  answer: {
    readonly rcode: number;
    readonly addresses?: readonly string[];
    readonly services?: readonly ServiceRecord[];
    readonly ttlSeconds?: number;
    readonly bytesMax?: number;
  },
): Buffer {
  const { rcode, addresses = [], services = [], ttlSeconds = 0 } = answer;
  const { bytesMax = UDP_BYTES_MAX } = answer;
  const records = [
    ...addresses.map((address) => makeRecord(TYPE_A, ttlSeconds, encodeAddress(address))),
    ...services.map((service) => makeRecord(TYPE_SRV, ttlSeconds, encodeService(service))),
  ];
  let bytes = query.questionEnd;
  const fitting = records.filter((record) => (bytes += record.length) <= bytesMax);
  const isTruncated = fitting.length < records.length;
  const head = Buffer.from(message.subarray(0, query.questionEnd));
  head.writeUInt16BE(
    0x8000 |
      0x0400 |
      0x0080 |
      (isTruncated ? 0x0200 : 0) |
      (query.recursionDesired ? 0x0100 : 0) |
      rcode,
    2,
  );
  head.writeUInt16BE(fitting.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...fitting]);
}

function makeRecord(type: number, ttlSeconds: number, data: Buffer): Buffer {
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  // A pointer to the question's name.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(ttlSeconds, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

const encodeAddress = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

function encodeService({ port, target }: ServiceRecord): Buffer {
  const numbers = Buffer.alloc(6);
  for (const [index, value] of [SRV_PRIORITY, SRV_WEIGHT, port].entries())
    numbers.writeUInt16BE(value, index * 2);
  const labels = target.split('.').map((label) => {
    const text = Buffer.from(label, 'latin1').subarray(0, LABEL_BYTES_MAX);
    return Buffer.concat([Buffer.from([text.length]), text]);
  });
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}
