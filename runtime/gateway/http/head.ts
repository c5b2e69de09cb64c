/**
 * Strict parser of HTTP/1.x message heads over bytes, and what their framing fields say. Anything
 * that two parsers could read differently is refused: a lax parser is what request smuggling needs.
 * It knows nothing of sockets. Source: RFC 9112 sections 2, 3, 5, 6; RFC 9110 sections 5, 7.
 */
import { GatewayError } from '../gateway-error.ts';

/** Bytes of request line and fields together; four times what browsers send at most. */
export const HEAD_BYTES_MAX = 32 * 1024;
/** Fields of one head; bounds the work per request. */
export const HEAD_FIELDS_MAX = 128;
/** Largest body length that is announced exactly in a JavaScript number. */
const CONTENT_LENGTH_DIGITS_MAX = 15;

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const COLON = 0x3a;

/** What request and response heads have in common. Index i of each list is the i-th field line. */
export interface MessageHead {
  /** As sent. */
  readonly rawNames: readonly string[];
  /** Lower case. */
  readonly names: readonly string[];
  readonly values: readonly string[];
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minor: 0 | 1;
  /** -1 when absent. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Whether the sender is willing to go on with the connection. */
  readonly keepAlive: boolean;
  /** Value of Upgrade when Connection names it; '' otherwise. */
  readonly upgrade: string;
  /** Lower-case names that Connection lists: they concern this hop only. */
  readonly connectionOptions: readonly string[];
}

export interface RequestHead extends MessageHead {
  readonly method: string;
  /** Origin-form (`/path?query`) or `*`; an absolute-form target is reduced to it. */
  readonly target: string;
  /** Authority that the request is for, as sent: of the absolute-form target, else of Host. '' for HTTP/1.0 without. */
  readonly authority: string;
  readonly expectsContinue: boolean;
  /** The field lines, when a later request of the connection may have the same. */
  readonly block: FieldBlock | undefined;
}

export interface ResponseHead extends MessageHead {
  readonly status: number;
  readonly reason: string;
  /** The bytes that it was read from, when a later response may have the same. */
  readonly bytes: Buffer | undefined;
  /** Kept by whoever writes it: the same head for the same client needs no writing anew. */
  rendered?: unknown;
}

/**
 * The field lines of one request, and what they mean. Clients send the same lines again and again on
 * one connection; what was found out about them holds as long as they are the same byte for byte.
 */
export interface FieldBlock {
  readonly bytes: Buffer;
  readonly minor: 0 | 1;
  readonly fields: Fields;
  readonly framing: Framing;
  readonly host: string | undefined;
  readonly expectsContinue: boolean;
  /** Kept by whoever writes the lines on: see rewrite.ts. */
  rewritten?: unknown;
}

/** Longer field lines are parsed each time: they would be kept by thousands of connections. */
const REMEMBERED_BYTES_MAX = 2 * 1024;

/**
 * Index just after the empty line that ends the head, or -1 while it is not there. `from` is the
 * length that an earlier call has seen, so that the work stays linear however the bytes arrive.
 * @throws {GatewayError} bad-request at a line feed without carriage return.
 */
export function findHeadEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== LF) continue;
    if (at === 0 || bytes[at - 1] !== CR) throw bad('line ends with a bare line feed');
    if (at >= 3 && bytes[at - 2] === LF) return at + 1;
  }
  return -1;
}

/**
 * `last`: the block of the request before on the same connection.
 * @throws {GatewayError} for every head that is not exactly one valid request head.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  last?: FieldBlock,
): RequestHead {
  let at = start;
  while (at < end && isToken[bytes[at]!] === 1) at++;
  if (at === start || bytes[at] !== SP) throw bad('malformed request line: method');
  const methodEnd = at;
  const targetStart = ++at;
  while (at < end && bytes[at]! > SP && bytes[at]! < 0x7f) at++;
  if (at === targetStart || bytes[at] !== SP) throw bad('malformed request line: target');
  const targetEnd = at++;
  const minor = parseVersion(bytes, at);
  at += 8;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw bad('malformed request line: version');
  const line = bytes.toString('latin1', start, targetEnd);
  const method = line.slice(0, methodEnd - start);
  const target = line.slice(targetStart - start);
  const block =
    last && last.minor === minor && isSame(last.bytes, bytes, at, end)
      ? last
      : parseBlock(bytes, { at, end, minor });
  return finishRequest(method, target, block);
}

/** Whether `bytes` from `from` to `end` are those of `known`. */
const isSame = (known: Buffer, bytes: Buffer, from: number, end: number): boolean =>
  known.length === end - from && bytes.compare(known, 0, known.length, from, end) === 0;

/** `at`: where the request line ends. */
function parseBlock(
  bytes: Buffer,
  { at, end, minor }: { at: number; end: number; minor: 0 | 1 },
): FieldBlock {
  // One string for all lines; names and values are slices of it, which cost no copy.
  const text = bytes.toString('latin1', at, end);
  const fields = parseFields(bytes, { text, start: at, at: at + 2, end });
  const framing = readFraming(fields, minor);
  let host: string | undefined;
  let expectsContinue = false;
  for (let index = 0; index < fields.names.length; index++) {
    const name = fields.names[index];
    if (name === 'host') {
      if (host !== undefined) throw bad('two Host fields');
      host = fields.values[index]!;
      if (!isAuthority(host)) throw bad('malformed Host');
    } else if (name === 'expect') {
      if (fields.values[index]!.toLowerCase() !== '100-continue')
        throw new GatewayError('expectation-failed', 'only Expect: 100-continue is understood');
      // An HTTP/1.0 client would not understand the interim answer: RFC 9110 section 10.1.1.
      expectsContinue = minor === 1;
    }
  }
  if (host === undefined && minor === 1) throw bad('Host is missing');
  const isKept = end - at <= REMEMBERED_BYTES_MAX;
  const kept = isKept ? Buffer.from(bytes.subarray(at, end)) : noBytes;
  return { bytes: kept, minor, fields, framing, host, expectsContinue };
}

const noBytes: Buffer = Buffer.alloc(0);

/**
 * `last`: the head of the response before on the same connection; returned when this one is the same.
 * @throws {GatewayError} upstream answers that cannot be trusted; the caller turns it into a 502.
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  last?: ResponseHead,
): ResponseHead {
  if (last?.bytes && isSame(last.bytes, bytes, start, end)) return last;
  const minor = parseVersion(bytes, start);
  const text = bytes.toString('latin1', start, end);
  let at = start + 8;
  const status = (bytes[at + 1]! - 48) * 100 + (bytes[at + 2]! - 48) * 10 + (bytes[at + 3]! - 48);
  if (bytes[at] !== SP || !isDigits(bytes, at + 1, at + 4) || status < 100 || status > 599)
    throw bad('malformed status line');
  at += 4;
  let reason = '';
  if (bytes[at] === SP) {
    const reasonStart = at + 1;
    at = reasonStart;
    while (at < end && isFieldValue[bytes[at]!] === 1) at++;
    reason = text.slice(reasonStart - start, at - start);
  }
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw bad('malformed status line');
  const fields = parseFields(bytes, { text, start, at: at + 2, end });
  const framing = readFraming(fields, minor);
  // Written out: spreading objects costs several microseconds, more than all the rest of the parser.
  return {
    rawNames: fields.rawNames,
    names: fields.names,
    values: fields.values,
    minor,
    contentLength: framing.contentLength,
    isChunked: framing.isChunked,
    keepAlive: framing.keepAlive,
    upgrade: framing.upgrade,
    connectionOptions: framing.connectionOptions,
    status,
    reason,
    bytes:
      end - start <= REMEMBERED_BYTES_MAX ? Buffer.from(bytes.subarray(start, end)) : undefined,
  };
}

/** The first value of a field by its lower-case name. */
export function fieldOf(head: MessageHead, name: string): string | undefined {
  const index = head.names.indexOf(name);
  return index < 0 ? undefined : head.values[index];
}

interface Fields {
  readonly rawNames: string[];
  readonly names: string[];
  readonly values: string[];
}

type Framing = Omit<MessageHead, keyof Fields>;

function parseVersion(bytes: Buffer, at: number): 0 | 1 {
  // "HTTP/1." and one digit; compared as bytes since it runs for each message.
  const isHttp =
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f;
  if (!isHttp || !isDigits(bytes, at + 5, at + 6) || bytes[at + 6] !== 0x2e)
    throw bad('malformed HTTP version');
  if (!isDigits(bytes, at + 7, at + 8)) throw bad('malformed HTTP version');
  const minor = bytes[at + 7]! - 48;
  if (bytes[at + 5] !== 0x31 || minor > 1)
    throw new GatewayError('version-unsupported', 'this listener speaks HTTP/1.1 and HTTP/1.0');
  return minor === 1 ? 1 : 0;
}

/** Where the field lines are: from `at` to the empty line that ends at `end`; `text` is `bytes` from `start`. */
interface FieldLines {
  readonly text: string;
  readonly start: number;
  readonly at: number;
  readonly end: number;
}

function parseFields(bytes: Buffer, { text, start, at: from, end }: FieldLines): Fields {
  let at = from;
  const rawNames: string[] = [];
  const names: string[] = [];
  const values: string[] = [];
  const last = end - 2;
  while (at < last) {
    const nameStart = at;
    while (isToken[bytes[at]!] === 1) at++;
    if (at === nameStart && (bytes[at] === SP || bytes[at] === HTAB))
      throw bad('field continues on a second line');
    if (at === nameStart || bytes[at] !== COLON) throw bad('malformed field name');
    const name = text.slice(nameStart - start, at - start);
    at++;
    while (bytes[at] === SP || bytes[at] === HTAB) at++;
    const valueStart = at;
    while (isFieldValue[bytes[at]!] === 1) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF)
      throw bad(`field ${name} has a forbidden character`);
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB))
      valueEnd--;
    if (names.length === HEAD_FIELDS_MAX)
      throw new GatewayError('head-too-large', `more than ${HEAD_FIELDS_MAX} header fields`);
    rawNames.push(name);
    names.push(name.toLowerCase());
    values.push(text.slice(valueStart - start, valueEnd - start));
    at += 2;
  }
  if (at !== last) throw bad('malformed end of head');
  return { rawNames, names, values };
}

function readFraming(fields: Fields, minor: 0 | 1): Framing {
  let contentLength = -1;
  let isChunked = false;
  let upgrade = '';
  let connectionOptions: string[] = noOptions;
  const { names, values } = fields;
  for (let index = 0; index < names.length; index++) {
    switch (names[index]) {
      case 'content-length': {
        const length = parseContentLength(values[index]!);
        if (contentLength >= 0) throw bad('two Content-Length fields');
        contentLength = length;
        break;
      }
      case 'transfer-encoding':
        if (isChunked) throw bad('two Transfer-Encoding fields');
        assertOnlyChunked(values[index]!, minor);
        isChunked = true;
        break;
      case 'connection':
        connectionOptions = connectionOptions.concat(parseTokens(values[index]!));
        break;
      case 'upgrade':
        upgrade = upgrade === '' ? values[index]! : `${upgrade}, ${values[index]!}`;
        break;
    }
  }
  if (isChunked && contentLength >= 0)
    throw bad('both Content-Length and Transfer-Encoding are present');
  const keepAlive =
    minor === 1 ? !connectionOptions.includes('close') : connectionOptions.includes('keep-alive');
  if (!connectionOptions.includes('upgrade')) upgrade = '';
  return { minor, contentLength, isChunked, keepAlive, upgrade, connectionOptions };
}

const noOptions: string[] = [];

function finishRequest(method: string, target: string, block: FieldBlock): RequestHead {
  const { fields, framing, host } = block;
  if (method === 'CONNECT') throw new GatewayError('not-implemented', 'CONNECT is not supported');
  const isPlain = target.charCodeAt(0) === 0x2f || (target === '*' && method === 'OPTIONS');
  const asked = isPlain ? undefined : parseAbsoluteTarget(target);
  return {
    rawNames: fields.rawNames,
    names: fields.names,
    values: fields.values,
    minor: framing.minor,
    contentLength: framing.contentLength,
    isChunked: framing.isChunked,
    keepAlive: framing.keepAlive,
    upgrade: framing.upgrade,
    connectionOptions: framing.connectionOptions,
    method,
    target: asked ? asked.target : target,
    authority: asked ? asked.authority : (host ?? ''),
    expectsContinue: block.expectsContinue,
    block: asked === undefined && block.bytes.length > 0 ? block : undefined,
  };
}

/** `http://host/path`: clients send it to proxies, and every server must accept it. Its host wins over Host. */
function parseAbsoluteTarget(target: string): { target: string; authority: string } {
  const match = /^https?:\/\/([^/?#]+)([/?][^#]*)?$/i.exec(target);
  if (!match || match[1] === '' || !isAuthority(match[1]!)) throw bad('malformed request target');
  const rest = match[2] ?? '/';
  return { authority: match[1]!, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Registered names, IPv4 and bracketed IPv6, with an optional port; no user information. */
export const isAuthority = (text: string): boolean =>
  /^(?:[a-z0-9._~!$&'()*+,;=%-]*|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?$/i.test(text);

function parseContentLength(value: string): number {
  if (!/^[0-9]+$/.test(value) || value.length > CONTENT_LENGTH_DIGITS_MAX)
    throw bad('malformed Content-Length');
  return Number(value);
}

function assertOnlyChunked(value: string, minor: 0 | 1): void {
  if (minor === 0) throw bad('Transfer-Encoding in an HTTP/1.0 message');
  const codings = value.toLowerCase();
  if (codings === 'chunked') return;
  // Not ending in one final "chunked" leaves the length undefined; another coding before it is just not offered.
  if (!/^[a-z]+(?:[ \t]*,[ \t]*[a-z]+)*[ \t]*,[ \t]*chunked$/.test(codings))
    throw bad('malformed Transfer-Encoding');
  if (/chunked.*chunked/.test(codings)) throw bad('chunked is applied twice');
  throw new GatewayError('not-implemented', 'no transfer coding but chunked is supported');
}

const parseTokens = (value: string): string[] =>
  value
    .toLowerCase()
    // Only what HTTP calls white space: JavaScript's trim also takes the byte 0xa0.
    .split(/[ \t]*,[ \t]*/)
    .filter((token) => token !== '');

function isDigits(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!(bytes[at]! >= 0x30 && bytes[at]! <= 0x39)) return false;
  return true;
}

/** A whole field name. */
export const isFieldName = (text: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);

/** A whole field value: latin1 without control characters but tab. */
export const isFieldText = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text);

const bad = (message: string): GatewayError => new GatewayError('bad-request', message);

/** 1 for the bytes of a token. Source: RFC 9110 section 5.6.2. */
export const isToken: Uint8Array = makeTable(
  "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
);
/** RFC 9110 section 5.5: visible characters, space, tab and bytes above 0x7f. */
const isFieldValue = makeFieldValueTable();

function makeTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

function makeFieldValueTable(): Uint8Array {
  const table = new Uint8Array(256).fill(1, SP);
  table[0x7f] = 0;
  table[HTAB] = 1;
  return table;
}
