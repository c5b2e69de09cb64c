/**
 * Heads of HTTP/2 streams as the gateway's own heads, and back. nghttp2 has checked the pseudo fields
 * and the lengths; what is checked here is what could break out of a line once the head is written as
 * HTTP/1.1 (RFC 9113 section 10.3). Pure. Source: RFC 9113 section 8, RFC 8441 (extended CONNECT).
 */
import { GatewayError } from '../gateway-error.ts';
import type { RequestHead, ResponseHead } from './head.ts';
import { HEAD_BYTES_MAX, HEAD_FIELDS_MAX, isFieldName, isFieldText, isAuthority } from './head.ts';
import type { HeaderChanges } from './rewrite.ts';
import { isChanged, isHopByHop } from './rewrite.ts';

/** Name, value, name, value: as `node:http2` gives them in 'stream' and 'response' events. */
export type RawFields = readonly string[];
export type FieldPair = readonly [name: string, value: string];

export interface Http2Request {
  readonly head: RequestHead;
  /** An extended CONNECT for a WebSocket: `head` is the HTTP/1.1 request that it stands for. */
  readonly isWebSocket: boolean;
}

/**
 * `hasBody`: the client's HEADERS did not end the stream. `webSocketKey`: what HTTP/1.1 wants to
 * hear from a client that opens a WebSocket.
 * @throws {GatewayError} for what HTTP/1.1 could not say unambiguously.
 */
export function requestHeadOf(
  raw: RawFields,
  options: { readonly hasBody: boolean; readonly webSocketKey: () => string },
): Http2Request {
  let method = '';
  let target = '';
  let authority: string | undefined;
  let protocol: string | undefined;
  let host: string | undefined;
  let cookie = '';
  let contentLength = -1;
  let expectsContinue = false;
  let bytes = 0;
  const names: string[] = [];
  const values: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const value = raw[at + 1]!;
    bytes += name.length + value.length + 4;
    if (!isFieldText(value)) throw bad(`field ${name} has a forbidden character`);
    if (name === ':method') method = value;
    else if (name === ':path') target = value;
    else if (name === ':authority') authority = value;
    else if (name === ':protocol') protocol = value;
    else if (name.startsWith(':')) continue;
    else if (!isFieldName(name)) throw bad('malformed field name');
    else if (name === 'host') host = value;
    else if (name === 'cookie') cookie = cookie === '' ? value : `${cookie}; ${value}`;
    else if (name === 'expect') {
      if (value.toLowerCase() !== '100-continue')
        throw new GatewayError('expectation-failed', 'only Expect: 100-continue is understood');
      expectsContinue = true;
    } else {
      if (name === 'content-length') contentLength = Number(value);
      names.push(name);
      values.push(value.trim());
    }
  }
  if (bytes > HEAD_BYTES_MAX || names.length > HEAD_FIELDS_MAX)
    throw new GatewayError('head-too-large', `request head exceeds ${HEAD_BYTES_MAX} bytes`);
  if (authority !== undefined && host !== undefined && authority !== host)
    throw bad(':authority and Host differ');
  authority ??= host;
  if (authority === undefined) throw bad(':authority is missing');
  if (!isAuthority(authority)) throw bad('malformed :authority');
  if (!isFieldName(method)) throw bad('malformed :method');
  const isWebSocket = method === 'CONNECT' && protocol === 'websocket';
  if (method === 'CONNECT' && !isWebSocket)
    throw new GatewayError('not-implemented', 'CONNECT is not supported');
  if (!/^(?:\/[\x21-\x7e]*|\*)$/.test(target) || (target === '*' && method !== 'OPTIONS'))
    throw bad('malformed :path');
  const add = (name: string, value: string): void => {
    names.push(name);
    values.push(value);
  };
  add('host', authority);
  if (cookie !== '') add('cookie', cookie);
  if (isWebSocket) add('sec-websocket-key', options.webSocketKey());
  const head: RequestHead = {
    rawNames: names,
    names,
    values,
    minor: 1,
    contentLength: isWebSocket ? -1 : contentLength,
    isChunked: !isWebSocket && options.hasBody && contentLength < 0,
    keepAlive: true,
    upgrade: isWebSocket ? 'websocket' : '',
    connectionOptions: [],
    method: isWebSocket ? 'GET' : method,
    target,
    authority,
    expectsContinue,
    block: undefined,
  };
  return { head, isWebSocket };
}

/** @throws {GatewayError} upstream answers that cannot be trusted; the caller turns it into a 502. */
export function responseHeadOf(raw: RawFields): ResponseHead {
  let status = 0;
  let contentLength = -1;
  const names: string[] = [];
  const values: string[] = [];
  for (const [name, value] of pairsOf(raw)) {
    if (name === ':status') status = Number(value);
    if (name.startsWith(':')) continue;
    if (name === 'content-length') contentLength = Number(value);
    names.push(name);
    values.push(value);
  }
  if (!(status >= 100 && status <= 599)) throw bad('malformed :status');
  return {
    rawNames: names,
    names,
    values,
    minor: 1,
    contentLength,
    isChunked: false,
    keepAlive: true,
    upgrade: '',
    connectionOptions: [],
    status,
    reason: '',
    bytes: undefined,
  };
}

/** @throws {GatewayError} bad-request at a field that HTTP/1.1 could not carry. */
export function pairsOf(raw: RawFields): FieldPair[] {
  const pairs: FieldPair[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const value = raw[at + 1]!;
    if (!isFieldText(value) || !(name.startsWith(':') || isFieldName(name)))
      throw bad(`field ${name} has a forbidden character`);
    pairs.push([name, value]);
  }
  return pairs;
}

/** Fields of a response head as an HTTP/2 client gets them, without pseudo fields. */
export function responseFields(head: ResponseHead, changes: HeaderChanges): FieldPair[] {
  const fields: FieldPair[] = [];
  const { names, values } = head;
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (isHopByHop(name) || head.connectionOptions.includes(name) || isChanged(changes, name))
      continue;
    fields.push([name, values[index]!]);
  }
  fields.push(...changes.set, ...changes.add);
  return fields;
}

/** The object that `node:http2` takes; fields that occur more than once become lists. */
export function headersObject(
  pseudo: Readonly<Record<string, string | number>>,
  fields: readonly FieldPair[],
): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = { ...pseudo };
  for (const [name, value] of fields) {
    const old = headers[name];
    // Of these HTTP knows only one, and node:http2 refuses lists of them.
    if (old === undefined || name === 'content-length') headers[name] = value;
    else if (Array.isArray(old)) old.push(value);
    else headers[name] = singleFields.has(name) ? value : [String(old), value];
  }
  return headers;
}

/** Fields that node:http2 wants to see once. */
const singleFields = new Set([
  'access-control-max-age',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'date',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'referer',
  'retry-after',
  'tk',
  'user-agent',
]);

const bad = (message: string): GatewayError => new GatewayError('bad-request', message);
