/**
 * One response on its way to an HTTP/1.x client: its head rewritten, its body in the framing that the
 * client understands (a body that lasts until the pod ends it becomes chunks; chunks become plain
 * bytes for HTTP/1.0). Source: RFC 9112 sections 6.3, 7.
 */
import { BodyScanner } from './http/body-scanner.ts';
import type { BodyFraming } from './http/body-scanner.ts';
import type { ResponseHead } from './http/head.ts';
import { responseHeadFor } from './http/rewrite.ts';
import type { ResponseOptions, ResponseRelay } from './request-sink.ts';

/** Bodies up to this size are written together with their head, as one string: one system call. */
export const COALESCE_BYTES_MAX = 16 * 1024;

const lastChunk = '0\r\n\r\n';

/** Writes to the client; strings are latin1. False when the client should be given time. */
type Write = (data: string | Buffer) => boolean;

export class Http1ResponseRelay implements ResponseRelay {
  readonly isUntilClose: boolean;
  isReusable: boolean;
  private readonly scanner: BodyScanner;
  private readonly write: Write;
  /** As the client gets it. */
  private readonly isChunked: boolean;
  private readonly encoding: 'same' | 'chunk' | 'plain';
  /** The head, until it goes out with the first bytes of the body. */
  private text: string;
  private parts: Buffer[] = [];
  private partBytes = 0;

  constructor(head: ResponseHead, { request, changes, mustClose }: ResponseOptions, write: Write) {
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
    this.isChunked = out === 'chunked';
    this.scanner = new BodyScanner(framing, { decode: this.encoding !== 'same' });
    this.text = responseHeadFor(head, { changes, close: mustClose, framing: out });
  }

  get isDone(): boolean {
    return this.scanner.isDone;
  }

  get payloadBytes(): number {
    return this.scanner.payloadBytes;
  }

  forward(bytes: Buffer, from: number): boolean {
    const end = this.scanner.scan(bytes, from, this.collect);
    // More than the response: the connection is out of step and must not carry another request.
    if (end < bytes.length) this.isReusable = false;
    const { text, parts, partBytes } = this;
    this.text = '';
    if (partBytes === 0) return text === '' || this.write(text);
    this.parts = [];
    this.partBytes = 0;
    return partBytes <= COALESCE_BYTES_MAX
      ? this.writeAsOne(parts, text)
      : this.writeParts(parts, text);
  }

  end(): void {
    const last = this.encoding === 'chunk' ? lastChunk : '';
    if (this.text !== '' || last !== '') this.write(this.text + last);
    this.text = '';
  }

  endEarly(text: string): boolean {
    // Chunks that are passed on unread may have been left in the middle of one.
    if (this.isChunked && (this.encoding === 'chunk' || this.scanner.isBetweenChunks)) {
      const size = Buffer.byteLength(text, 'latin1').toString(16);
      this.write(`${this.text}${size}\r\n${text}\r\n${lastChunk}`);
      this.text = '';
      return true;
    }
    return false;
  }

  private readonly collect = (part: Buffer): void => {
    this.parts.push(part);
    this.partBytes += part.length;
  };

  private writeAsOne(parts: readonly Buffer[], text: string): boolean {
    let all = text;
    for (const part of parts) {
      const body = part.toString('latin1');
      all += this.encoding === 'chunk' ? `${part.length.toString(16)}\r\n${body}\r\n` : body;
    }
    return this.write(all);
  }

  /** Large parts are copied, since their bytes are the upstream connection's read buffer. */
  private writeParts(parts: readonly Buffer[], text: string): boolean {
    const isChunk = this.encoding === 'chunk';
    let isFree = text === '' || this.write(text);
    for (const part of parts) {
      if (isChunk) this.write(`${part.length.toString(16)}\r\n`);
      isFree = this.write(Buffer.from(part));
      if (isChunk) isFree = this.write('\r\n');
    }
    return isFree;
  }
}

/** Source: RFC 9112 section 6.3. */
export function framingOf(method: string, head: ResponseHead): BodyFraming {
  if (!hasBody(method, head.status)) return noBody;
  if (head.isChunked) return { type: 'chunked' };
  if (head.contentLength >= 0) return { type: 'length', length: head.contentLength };
  return { type: 'until-close' };
}

/** Whether a body follows a final response of this status to a request of this method. */
export const hasBody = (method: string, status: number): boolean =>
  method !== 'HEAD' && status !== 204 && status !== 304;

const noBody: BodyFraming = { type: 'none' };
