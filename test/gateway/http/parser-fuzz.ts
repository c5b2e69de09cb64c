/**
 * Mutated HTTP/1.1 byte streams, read by the gateway's parser and by Node.js' own (llhttp, strict),
 * and what may differ between the two. As a program it takes the number of inputs and a seed:
 *   node --import=tsx test/gateway/http/parser-fuzz.ts 1000000 7
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { GatewayError } from '../../../runtime/gateway/gateway-error.ts';
import { BodyScanner } from '../../../runtime/gateway/http/body-scanner.ts';
import { findHeadEnd, parseRequestHead } from '../../../runtime/gateway/http/head.ts';
import type { Random } from '../../../runtime/std/random.ts';
import { seededRandom } from '../../../runtime/std/random.ts';

export interface Message {
  readonly method: string;
  readonly target: string;
  /** `name: value`, names in lower case. */
  readonly fields: readonly string[];
  readonly body: string;
}

export interface Reading {
  /** Complete messages before the end of the input or the error. */
  readonly messages: readonly Message[];
  /** Why the bytes were refused; undefined when they were not. */
  readonly error: string | undefined;
  /** The input ends within a head, which the gateway judges when it is complete. */
  readonly isWithinHead?: boolean;
}

/** What the gateway does with the bytes of one connection, without routes and sockets. */
export function readWithGateway(input: Buffer): Reading {
  const messages: Message[] = [];
  let bytes = input;
  try {
    for (;;) {
      let at = 0;
      while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
      bytes = bytes.subarray(at);
      const end = findHeadEnd(bytes, 0);
      if (end < 0) return { messages, error: undefined, isWithinHead: true };
      const head = parseRequestHead(bytes, 0, end);
      if (head.upgrade !== '' && (head.isChunked || head.contentLength > 0))
        throw new GatewayError('bad-request', 'an upgrade request must not have a body');
      const scanner = new BodyScanner(
        head.isChunked
          ? { type: 'chunked' }
          : { type: 'length', length: Math.max(0, head.contentLength) },
        { decode: true },
      );
      let body = '';
      const used = scanner.scan(bytes, end, (part) => {
        body += part.toString('latin1');
      });
      if (!scanner.isDone) return { messages, error: undefined };
      messages.push({
        method: head.method,
        target: head.target,
        fields: head.names.map((name, index) => `${name}: ${head.values[index]!}`),
        body,
      });
      // What follows an upgrade is another protocol; what follows a last request is not read.
      if (!head.keepAlive || head.minor === 0 || head.upgrade !== '')
        return { messages, error: undefined };
      bytes = bytes.subarray(used);
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { messages, error: `${error.status} ${error.message}` };
  }
}

/** The part of Node.js' parser that is used here; `_http_common` exports it, untyped. */
interface LlhttpParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | (Error & { code?: string });
  close(): void;
  [callback: number]: unknown;
}
interface LlhttpClass {
  new (): LlhttpParser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
const common = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: LlhttpClass;
  methods: readonly string[];
};

export function readWithLlhttp(input: Buffer): Reading {
  const { HTTPParser } = common;
  const parser = new HTTPParser();
  const messages: Message[] = [];
  let late: string[] = [];
  let draft = { method: '', target: '', fields: [] as string[], body: '', isLast: false };
  let isOver = false;
  let isInBody = false;
  parser.initialize(HTTPParser.REQUEST, {}, 32 * 1024, 0);
  parser[HTTPParser.kOnHeaders] = (headers: string[], url: string) => {
    // After the head this tells of trailers, with the URL of before.
    if (isInBody) return;
    late.push(...headers);
    draft.target += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    minor: number,
    headers: string[] | undefined,
    method: number,
    url: string | undefined,
    _status: number,
    _text: string,
    upgrade: boolean,
    keepAlive: boolean,
  ): number => {
    const pairs = [...late, ...(headers ?? [])];
    late = [];
    isInBody = true;
    draft = {
      method: common.methods[method] ?? '',
      // The gateway reduces absolute-form to origin-form as it reads.
      target: originForm(draft.target + (url ?? '')),
      fields: [],
      body: '',
      isLast: upgrade || !keepAlive || minor === 0,
    };
    for (let at = 0; at < pairs.length; at += 2)
      draft.fields.push(`${pairs[at]!.toLowerCase()}: ${pairs[at + 1]!}`);
    // 2 would tell the parser that no body follows an upgrade; whoever upgrades looks at that itself.
    return 0;
  };
  parser[HTTPParser.kOnBody] = (part: Buffer) => {
    if (!isOver) draft.body += part.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    late = [];
    isInBody = false;
    if (isOver) return;
    const { method, target, fields, body } = draft;
    messages.push({ method, target, fields, body });
    isOver = draft.isLast;
    draft = { method: '', target: '', fields: [], body: '', isLast: false };
  };
  const result = parser.execute(input);
  parser.close();
  const error = result instanceof Error ? (result.code ?? result.message) : undefined;
  return { messages, error: isOver ? undefined : error };
}

const originForm = (target: string): string =>
  target.replace(/^https?:\/\/[^/?#]+/i, '').replace(/^(?=\?|$)/, '/');

/** Why two readings may differ. Each one makes the gateway the stricter of the two, or is a matter of form. */
export const explanations: readonly {
  readonly name: string;
  readonly explains: (gateway: Reading, llhttp: Reading, input: string) => boolean;
}[] = [
  {
    name: 'the gateway judges a head when it is complete, and refuses this one then; llhttp judges byte by byte',
    explains: (gateway, llhttp, input) =>
      gateway.isWithinHead === true &&
      llhttp.error !== undefined &&
      isSame(gateway, llhttp) &&
      readWithGateway(Buffer.from(`${input}\r\n\r\n`, 'latin1')).error !== undefined,
  },
  {
    name: 'llhttp leaves Host to the server: RFC 9112 3.2 wants exactly one, well formed',
    explains: ({ error }) =>
      /^400 (?:Host is missing|two Host fields|malformed Host)/.test(error ?? ''),
  },
  {
    name: 'llhttp knows a list of methods, and refuses others by their first letters; the gateway takes any token',
    explains: (_, llhttp) => llhttp.error === 'HPE_INVALID_METHOD',
  },
  {
    name: 'CONNECT and transfer codings but chunked are valid HTTP that the gateway does not offer',
    explains: ({ error }) => (error ?? '').startsWith('501 '),
  },
  {
    name: 'llhttp takes visible ASCII as a target; the gateway only origin-form, absolute-form and OPTIONS *',
    explains: ({ error }) => (error ?? '').startsWith('400 malformed request target'),
  },
  {
    name: 'only Expect: 100-continue exists',
    explains: ({ error }) => (error ?? '').startsWith('417 '),
  },
  {
    name: 'a request that upgrades has no body in the gateway: where it would end, two readers disagree',
    explains: ({ error }) => error === '400 an upgrade request must not have a body',
  },
  {
    name: 'the only Transfer-Encoding is one field that says chunked: llhttp takes lists that end in it, and any coding of a message without body',
    explains: ({ error }) => /^400 .*(?:Transfer-Encoding|chunked)/.test(error ?? ''),
  },
  {
    name: 'llhttp skips further spaces in the request line; RFC 9112 3 has exactly one',
    explains: ({ error }, _, input) =>
      /^400 malformed (?:HTTP version|request line)/.test(error ?? '') && / {2}/.test(input),
  },
  {
    name: 'llhttp takes empty names and values in chunk extensions; RFC 9112 7.1.1 has none',
    explains: ({ error }) => error === '400 malformed chunk extension',
  },
  {
    name: 'llhttp skips a bare carriage return before a request line; RFC 9112 2.2 lets empty lines be skipped',
    explains: ({ error }, _, input) =>
      error === '400 malformed request line: method' && /\r[A-Z\r]/.test(input),
  },
  {
    name: 'a tab is white space at the end of a value (RFC 9110 5.6.3), which llhttp forgets for the framing fields; the gateway writes them anew',
    explains: (gateway, llhttp, input) =>
      (llhttp.error !== undefined ||
        isSame(gateway, {
          ...llhttp,
          messages: llhttp.messages.slice(0, gateway.messages.length),
        })) &&
      /(?:content-length|transfer-encoding|connection):[^\r\n]*\t/i.test(input),
  },
  {
    name: 'trailers are read and dropped, so a framing field in one means nothing',
    explains: (_, llhttp, input) =>
      /^HPE_(?:INVALID|UNEXPECTED)_/.test(llhttp.error ?? '') &&
      /\r\n0+(?:;[^\r]*)?\r\n[^]*(?:transfer-encoding|content-length):/i.test(input),
  },
  {
    name: 'HTTP/1.0 has no transfer codings: RFC 9112 6.1 calls such a message faulty',
    explains: ({ error }) => /^400 Transfer-Encoding in an HTTP\/1.0 message/.test(error ?? ''),
  },
  {
    name: 'llhttp takes request lines without a version as HTTP/0.9, and 2.0 as text; the gateway knows 1.0 and 1.1',
    explains: ({ error }) =>
      /^(?:505 |400 malformed request line: target|400 line ends with a bare)/.test(error ?? ''),
  },
  {
    name: 'limits of the gateway on chunk extensions, trailers, field count and digits',
    explains: ({ error }) =>
      /^431 |too long|too large|^400 malformed Content-Length/.test(error ?? ''),
  },
  {
    name: 'llhttp refuses a connection that was to end and sends more; the gateway reads no further and closes',
    explains: (_, llhttp) => llhttp.error === 'HPE_CLOSED_CONNECTION',
  },
];

/** What is sent on must mean the same to both, message for message. */
export function differs(gateway: Reading, llhttp: Reading): boolean {
  if ((gateway.error === undefined) !== (llhttp.error === undefined)) return true;
  return !isSame(gateway, llhttp);
}

const isSame = (gateway: Reading, llhttp: Reading): boolean =>
  JSON.stringify(gateway.messages) === JSON.stringify(llhttp.messages);

const seeds: readonly string[] = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a?b=c HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: v\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
  'GET http://b/c HTTP/1.1\r\nHost: a\r\n\r\n',
  'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
];
const pieces: readonly string[] = [
  ...['\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', '\0', '\x0b', '\x7f', '\xff', ':', ',', ';', '"'],
  ...['Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'content-length:\t5 \r\n', '+', '-', '0x'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'chunked', ', chunked'],
  ...['Transfer-Encoding:\x0bchunked\r\n', 'Transfer-Encoding: chunked, gzip\r\n', 'Expect: x\r\n'],
  ...[
    '0\r\n\r\n',
    '1\r\nZ\r\n',
    'ffffffffffffffff',
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    ' HTTP/1.1',
  ],
  ...['Host: b\r\n', 'Connection: keep-alive\r\n', ' folded\r\n', 'GET ', 'POST ', '/', '?', '#'],
];

/** One input: seeds one after the other, with up to six mutations. */
export function makeInput(random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  let text = pick(seeds);
  while (random() < 0.3) text += pick(seeds);
  for (let count = Math.floor(random() * 6); count >= 0; count--) {
    const at = Math.floor(random() * (text.length + 1));
    const length = Math.floor(random() * 6);
    const kind = Math.floor(random() * 5);
    if (kind === 0) text = text.slice(0, at) + pick(pieces) + text.slice(at);
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + length);
    else if (kind === 2)
      text =
        text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1);
    else if (kind === 3) text = text.slice(0, at) + text.slice(Math.max(0, at - length * 4));
    else {
      // A whole line of the framing, at the start of a line.
      const line = text.indexOf('\r\n', at);
      if (line >= 0) text = text.slice(0, line + 2) + pick(pieces) + text.slice(line + 2);
    }
  }
  return text;
}

export interface FuzzResult {
  /** Inputs that both refused, that both read alike, and that differ for each explained reason. */
  readonly refused: number;
  readonly alike: number;
  readonly explained: ReadonlyMap<string, number>;
  /** Differences that nothing explains, at most ten. */
  readonly unexplained: readonly { input: string; gateway: Reading; llhttp: Reading }[];
}

export function compareParsers(count: number, seed: number): FuzzResult {
  const random = seededRandom(seed);
  const explained = new Map<string, number>();
  const unexplained: FuzzResult['unexplained'][number][] = [];
  let refused = 0;
  let alike = 0;
  for (let index = 0; index < count && unexplained.length < 10; index++) {
    const input = makeInput(random);
    const bytes = Buffer.from(input, 'latin1');
    const gateway = readWithGateway(bytes);
    const llhttp = readWithLlhttp(bytes);
    if (!differs(gateway, llhttp)) {
      if (gateway.error === undefined) alike += 1;
      else refused += 1;
      continue;
    }
    const reason = explanations.find(({ explains }) => explains(gateway, llhttp, input));
    if (reason) explained.set(reason.name, (explained.get(reason.name) ?? 0) + 1);
    else unexplained.push({ input, gateway, llhttp });
  }
  return { refused, alike, explained, unexplained };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [count = '1000000', seed = '1'] = process.argv.slice(2);
  const result = compareParsers(Number(count), Number(seed));
  console.log(JSON.stringify({ ...result, explained: [...result.explained] }, null, 2));
  process.exitCode = result.unexplained.length === 0 ? 0 : 1;
}
