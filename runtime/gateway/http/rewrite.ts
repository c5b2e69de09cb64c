/**
 * Writes the heads that the gateway sends on: the request's to the pod, the response's to the client.
 * Hop-by-hop fields end here, forwarding fields are added, and what a client must not be able to say
 * is taken out. Pure. Source: RFC 9110 section 7.6.1, RFC 7239; Knative's queue-proxy for the
 * Forwarded field.
 */
import type { BodyFraming } from './body-scanner.ts';
import type { MessageHead, RequestHead, ResponseHead } from './head.ts';

/** Changes of a field list, names in lower case. Applied as: remove, set, add. */
export interface HeaderChanges {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export const noHeaderChanges: HeaderChanges = { set: [], add: [], remove: [] };

export interface RequestRewrite {
  readonly target: string;
  /** Host field to send. */
  readonly host: string;
  readonly clientAddress: string;
  /** Of the client's connection to the gateway. */
  readonly scheme: 'http' | 'https';
  /** The listener faces clients that are not ours: fields that only the gateway may set are removed. */
  readonly isExternal: boolean;
  readonly changes: HeaderChanges;
  /** Value for X-Request-Id where the client sent none. */
  readonly requestId: () => string;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
export const isHopByHop = (name: string): boolean => hopByHop.has(name);
/** Written by the gateway itself from what it has parsed, whatever was sent. */
const rewritten = new Set(['host', 'content-length', 'expect', 'x-forwarded-for', 'forwarded']);
/** Never shown to a pod: they address the hops of Knative's data plane, all of which are this gateway. */
const dataPlane = new Set([
  'knative-serving-revision',
  'knative-serving-namespace',
  'k-network-probe',
  'k-network-hash',
  'k-proxy-request',
  'k-original-host',
]);

/** The head of the request as the pod gets it. */
export function requestHeadFor(head: RequestHead, rewrite: RequestRewrite): string {
  const { block } = head;
  let lines = block?.rewritten as RewrittenLines | undefined;
  // A block belongs to one connection, so address, scheme and kind of listener are the same too.
  if (!lines || lines.changes !== rewrite.changes || lines.host !== rewrite.host) {
    lines = rewriteLines(head, rewrite);
    if (block) block.rewritten = lines;
  }
  const { text, hasRequestId } = lines;
  return hasRequestId
    ? `${head.method} ${rewrite.target} HTTP/1.1\r\n${text}\r\n`
    : `${head.method} ${rewrite.target} HTTP/1.1\r\n${text}X-Request-Id: ${rewrite.requestId()}\r\n\r\n`;
}

/** All lines but the first, which do not depend on the request's target. */
interface RewrittenLines {
  readonly changes: HeaderChanges;
  readonly host: string;
  readonly text: string;
  readonly hasRequestId: boolean;
}

function rewriteLines(head: RequestHead, rewrite: RequestRewrite): RewrittenLines {
  const { changes } = rewrite;
  let out = `Host: ${rewrite.host}\r\n`;
  let forwardedFor = '';
  let forwarded = '';
  let forwardedProto = '';
  let forwardedHost = '';
  let hasRequestId = changes.set.some(isRequestId) || changes.add.some(isRequestId);
  const { names, values, rawNames } = head;
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    const value = values[index]!;
    if (name === 'x-forwarded-for') forwardedFor = joinList(forwardedFor, value);
    else if (name === 'forwarded') forwarded = joinList(forwarded, value);
    if (hopByHop.has(name) || rewritten.has(name) || dataPlane.has(name)) continue;
    if (head.connectionOptions.length > 0 && isConnectionOption(head, name)) continue;
    if (rewrite.isExternal && isReserved(name)) continue;
    if (isChanged(changes, name)) continue;
    if (name === 'x-forwarded-proto') forwardedProto = value;
    else if (name === 'x-forwarded-host') forwardedHost = value;
    else if (name === 'x-request-id') hasRequestId = true;
    out += `${rawNames[index]!}: ${value}\r\n`;
  }
  for (const [name, value] of changes.set) out += `${name}: ${value}\r\n`;
  for (const [name, value] of changes.add) out += `${name}: ${value}\r\n`;
  forwardedFor = joinList(forwardedFor, rewrite.clientAddress);
  out += `X-Forwarded-For: ${forwardedFor}\r\n`;
  if (forwardedProto === '') out += `X-Forwarded-Proto: ${rewrite.scheme}\r\n`;
  if (forwardedHost === '' && head.authority !== '')
    out += `X-Forwarded-Host: ${head.authority}\r\n`;
  const proto = forwardedProto === '' ? rewrite.scheme : forwardedProto;
  const host = forwardedHost === '' ? head.authority : forwardedHost;
  out +=
    forwarded === ''
      ? `Forwarded: ${forwardedFromLegacy(forwardedFor, host, proto)}\r\n`
      : `Forwarded: ${forwarded}, for=${forwardedNode(rewrite.clientAddress)};proto=${rewrite.scheme}\r\n`;
  if (head.expectsContinue) out += 'Expect: 100-continue\r\n';
  if (head.isChunked) out += 'Transfer-Encoding: chunked\r\n';
  else if (head.contentLength >= 0) out += `Content-Length: ${head.contentLength}\r\n`;
  if (isUpgrade(head)) out += `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  return { changes, host: rewrite.host, text: flat(out), hasRequestId };
}

const isRequestId = ([name]: readonly [string, string]): boolean => name === 'x-request-id';

/** A concatenation as one piece: what is written again and again must not be put together each time. */
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

export interface ResponseRewrite {
  readonly changes: HeaderChanges;
  /** The client's connection ends after this response. */
  readonly close: boolean;
  /** How the body is sent to the client; 'length' and 'none' repeat the upstream's Content-Length. */
  readonly framing: BodyFraming['type'];
}

/** The head of the response as the client gets it. */
export function responseHeadFor(head: ResponseHead, rewrite: ResponseRewrite): string {
  const { changes, close, framing } = rewrite;
  const known = head.rendered as RenderedHead | undefined;
  if (known?.changes === changes && known.close === close && known.framing === framing)
    return known.text;
  const text = renderResponseHead(head, rewrite);
  if (!head.bytes) return text;
  const rendered: RenderedHead = { changes, close, framing, text: flat(text) };
  head.rendered = rendered;
  return rendered.text;
}

interface RenderedHead extends ResponseRewrite {
  readonly text: string;
}

function renderResponseHead(head: ResponseHead, rewrite: ResponseRewrite): string {
  const { changes } = rewrite;
  let out = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  const { names, values, rawNames } = head;
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (name === 'content-length' || hopByHop.has(name)) continue;
    if (head.connectionOptions.length > 0 && isConnectionOption(head, name)) continue;
    if (isChanged(changes, name)) continue;
    out += `${rawNames[index]!}: ${values[index]!}\r\n`;
  }
  for (const [name, value] of changes.set) out += `${name}: ${value}\r\n`;
  for (const [name, value] of changes.add) out += `${name}: ${value}\r\n`;
  if (rewrite.framing === 'chunked') out += 'Transfer-Encoding: chunked\r\n';
  else if (head.contentLength >= 0 && rewrite.framing !== 'until-close' && mayHaveLength(head))
    out += `Content-Length: ${head.contentLength}\r\n`;
  if (head.status === 101) out += `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  else if (rewrite.close) out += 'Connection: close\r\n';
  return `${out}\r\n`;
}

/** Source: RFC 9110 section 8.6. */
const mayHaveLength = ({ status }: ResponseHead): boolean => status >= 200 && status !== 204;

/** h2c is refused by not passing it on: the client then goes on with HTTP/1.1, as RFC 9110 7.8 wants. */
export const isUpgrade = (head: RequestHead): boolean =>
  head.upgrade !== '' && head.minor === 1 && !/\bh2c\b/i.test(head.upgrade);

/**
 * Fields by which only the gateway speaks to a function. A CGI-like server reads `Knit_Route_Key`
 * as `Knit-Route-Key`, so underscores count as hyphens here.
 */
function isReserved(name: string): boolean {
  // Cheap test first: all reserved names begin with k.
  if (name.charCodeAt(0) !== 0x6b) return false;
  const plain = name.replaceAll('_', '-');
  return (
    plain.startsWith('k-') ||
    plain === 'knit-event-source' ||
    plain === 'knit-route-key' ||
    plain === 'knative-serving-revision' ||
    plain === 'knative-serving-namespace' ||
    plain === 'knative-serving-default-route'
  );
}

export function isChanged(changes: HeaderChanges, name: string): boolean {
  for (const removed of changes.remove) if (removed === name) return true;
  for (const [set] of changes.set) if (set === name) return true;
  return false;
}

/** Connection: `close, X-Internal` makes X-Internal hop-by-hop, but must not remove what others rely on. */
function isConnectionOption(head: MessageHead, name: string): boolean {
  if (name.startsWith('x-forwarded-') || name === 'authorization' || name === 'x-request-id')
    return false;
  return head.connectionOptions.includes(name);
}

const joinList = (list: string, item: string): string => (list === '' ? item : `${list}, ${item}`);

function forwardedFromLegacy(forwardedFor: string, host: string, proto: string): string {
  const comma = forwardedFor.indexOf(',');
  const first = comma < 0 ? forwardedFor : forwardedFor.slice(0, comma);
  let out = `for=${forwardedNode(first.trim())}`;
  if (host !== '') out += `;host=${quoteIfNeeded(host)}`;
  out += `;proto=${quoteIfNeeded(proto)}`;
  if (comma < 0) return out;
  for (const node of forwardedFor.slice(comma + 1).split(','))
    out += `, for=${forwardedNode(node.trim())}`;
  return out;
}

/** RFC 7239 section 6: IPv6 addresses in brackets, and quoted since a colon is no token character. */
const forwardedNode = (node: string): string =>
  node.includes(':') && !node.includes('.') && !node.startsWith('[')
    ? `"[${node}]"`
    : quoteIfNeeded(node);

const quoteIfNeeded = (text: string): string =>
  /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(text) ? text : `"${text.replace(/["\\]/g, '')}"`;
