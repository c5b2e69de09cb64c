/**
 * One response on its way to the client: its head rewritten, its body in the framing that the client
 * understands (a body that lasts until the pod closes becomes chunks; chunks become plain bytes for
 * HTTP/1.0). Source: RFC 9112 sections 6.3, 7.
 */
import { BodyScanner } from './http/body-scanner.ts';
import type { BodyFraming } from './http/body-scanner.ts';
import type { RequestHead, ResponseHead } from './http/head.ts';
import type { HeaderChanges } from './http/rewrite.ts';
import { responseHeadFor } from './http/rewrite.ts';

/** Bodies up to this size are written together with their head, as one string: one system call. */
export const COALESCE_BYTES_MAX = 16 * 1024;

const lastChunk = '0\r\n\r\n';

export interface ResponseRelayOptions {
  readonly head: ResponseHead;
  readonly request: RequestHead;
  readonly changes: HeaderChanges;
  /** The client's connection ends after this response. */
  readonly mustClose: boolean;
  /** Writes to the client; strings are latin1. False when the client should be given time. */
  readonly write: (data: string | Buffer) => boolean;
}

export class ResponseRelay {
  /** The body lasts until the pod closes. */
  readonly isUntilClose: boolean;
  /** The pod's connection can carry another request after this response. */
  isReusable: boolean;
  private readonly scanner: BodyScanner;
  private readonly write: ResponseRelayOptions['write'];
  private readonly encoding: 'same' | 'chunk' | 'plain';
  /** The head, until it goes out with the first bytes of the body. */
  private text: string;

  constructor({ head, request, changes, mustClose, write }: ResponseRelayOptions) {
    const framing = framingOf(request.method, head);
    this.isUntilClose = framing.type === 'until-close';
    this.isReusable = head.keepAlive && !this.isUntilClose;
    this.write = write;
    let out: BodyFraming['type'] = framing.type;
    if (framing.type === 'until-close' && request.minor === 1) {
      out = 'chunked';
      this.encoding = 'chunk';
    } else if (framing.type === 'chunked' && request.minor === 0) {
      out = 'until-close';
      this.encoding = 'plain';
    } else this.encoding = 'same';
    this.scanner = new BodyScanner(framing, { decode: this.encoding !== 'same' });
    this.text = responseHeadFor(head, { changes, close: mustClose, framing: out });
  }

  get isDone(): boolean {
    return this.scanner.isDone;
  }

  /**
   * Sends the bytes from `from` on. False when the client should be given time.
   * @throws {GatewayError} bad-request at invalid chunked framing; nothing of `bytes` is sent then.
   */
  forward(bytes: Buffer, from: number): boolean {
    const parts: Buffer[] = [];
    let size = 0;
    const end = this.scanner.scan(bytes, from, (part) => {
      parts.push(part);
      size += part.length;
    });
    // More than the response: the connection is out of step and must not carry another request.
    if (end < bytes.length) this.isReusable = false;
    const { text } = this;
    this.text = '';
    if (size === 0) return text === '' || this.write(text);
    return size <= COALESCE_BYTES_MAX ? this.writeAsOne(parts, text) : this.writeParts(parts, text);
  }

  /** The pod has closed after a body that lasts until then. */
  end(): void {
    if (this.encoding === 'chunk') this.write(lastChunk);
  }

  private writeAsOne(parts: readonly Buffer[], text: string): boolean {
    let all = text;
    for (const part of parts) {
      const body = part.toString('latin1');
      all += this.encoding === 'chunk' ? `${part.length.toString(16)}\r\n${body}\r\n` : body;
    }
    return this.write(all);
  }

  private writeParts(parts: readonly Buffer[], text: string): boolean {
    const isChunk = this.encoding === 'chunk';
    let isFree = text === '' || this.write(text);
    for (const part of parts) {
      if (isChunk) this.write(`${part.length.toString(16)}\r\n`);
      isFree = this.write(part);
      if (isChunk) isFree = this.write('\r\n');
    }
    return isFree;
  }
}

/** Source: RFC 9112 section 6.3. */
function framingOf(method: string, head: ResponseHead): BodyFraming {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { type: 'none' };
  if (head.isChunked) return { type: 'chunked' };
  if (head.contentLength >= 0) return { type: 'length', length: head.contentLength };
  return { type: 'until-close' };
}
