/**
 * One client's connection: takes requests off the byte stream one after the other, feeds their
 * bodies to whoever handles them, and goes on only when the response is complete, so that pipelined
 * responses keep their order. Source: RFC 9112 sections 2.2, 9; RFC 9113 section 3.4 (preface).
 */
import type { Socket } from 'node:net';
import type { Clock } from '../std/clock.ts';
import type { Answer } from './answer.ts';
import { answerText } from './answer.ts';
import { GatewayError } from './gateway-error.ts';
import { BodyScanner } from './http/body-scanner.ts';
import type { BodyFraming } from './http/body-scanner.ts';
import { findHeadEnd, HEAD_BYTES_MAX, parseRequestHead } from './http/head.ts';
import type { FieldBlock, RequestHead, ResponseHead } from './http/head.ts';
import type { HeaderChanges } from './http/rewrite.ts';
import { isUpgrade, noHeaderChanges, responseHeadFor } from './http/rewrite.ts';
import { Http1ResponseRelay } from './http1-response-relay.ts';
import type { RequestClient, RequestSink, ResponseOptions, ResponseRelay } from './request-sink.ts';

/** From the first byte of a head to its last. */
export const HEAD_TIMEOUT_MS = 30_000;
/** A connection without a request; longer than common load balancers keep theirs. */
export const CLIENT_IDLE_MS = 75_000;
/** Longest silence within a request body that we are ready to read. */
export const BODY_STALL_MS = 60_000;
/** After the last response, time for the client to read it while we throw away what it still sends. */
const LINGER_MS = 1_000;
/** Bytes of further requests that are read while one is being answered. */
const PIPELINE_BYTES_MAX = 64 * 1024;

const CR = 0x0d;
const LF = 0x0a;
const noBytes: Buffer = Buffer.alloc(0);

/** First bytes of a client that speaks HTTP/2 without asking. Source: RFC 9113 section 3.4. */
const http2Preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** What a connection's listener says of it. */
export interface ListenerTraits {
  readonly scheme: 'http' | 'https';
  readonly isExternal: boolean;
}

export interface ClientConnectionOptions {
  readonly socket: Socket;
  readonly traits: ListenerTraits;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  /** Chooses what handles a request. @throws {GatewayError} for what the gateway answers itself. */
  readonly handle: (head: RequestHead, client: RequestClient) => RequestSink;
  /** What to say to a request that failed; `head` is absent when none could be read. */
  readonly answerTo: (
    error: GatewayError,
    head: RequestHead | undefined,
    sink: RequestSink | undefined,
  ) => Answer;
  /** The client speaks HTTP/2: takes the socket over, with the bytes that were read. */
  readonly onHttp2: (socket: Socket, received: Buffer) => void;
  readonly onClosed: (connection: ClientConnection) => void;
}

export class ClientConnection implements RequestClient {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  readonly isExternal: boolean;
  private readonly options: ClientConnectionOptions;
  private readonly socket: Socket;
  private bytes: Buffer = noBytes;
  private scanned = 0;
  private head: RequestHead | undefined;
  /** Field lines of the request before. */
  private block: FieldBlock | undefined;
  private sink: RequestSink | undefined;
  private body: BodyScanner | undefined;
  private isTunnel = false;
  /** No further request is read. */
  private isEnding = false;
  private isClosed = false;
  private isStepping = false;
  private isPausedForBody = false;
  private isPausedForPipeline = false;
  /** Since when the connection waits for (the rest of) a head, or lingers. */
  private waitingSinceMs: number;
  private lastReadMs: number;
  private isFirstRequest = true;
  private readonly onSocketData = (bytes: Buffer): void => this.onData(bytes);
  private readonly onSocketDrain = (): void => this.sink?.onClientDrain();
  private readonly onSocketGone = (): void => this.onGone();
  // Bound once: every response is written through it.
  private readonly writeOut = (data: string | Buffer): boolean => this.write(data);

  constructor(options: ClientConnectionOptions) {
    this.options = options;
    const { socket, traits, clock } = options;
    this.socket = socket;
    this.scheme = traits.scheme;
    this.isExternal = traits.isExternal;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.waitingSinceMs = clock.now();
    this.lastReadMs = this.waitingSinceMs;
    socket.on('data', this.onSocketData);
    socket.on('drain', this.onSocketDrain);
    // Half-closed clients count as gone, as in net/http and nginx: nobody can tell them apart.
    socket.on('end', this.onSocketGone);
    // The reason of a client's leaving changes nothing here; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', this.onSocketGone);
  }

  get isIdle(): boolean {
    return this.sink === undefined;
  }

  pauseBody(): void {
    this.isPausedForBody = true;
    this.socket.pause();
  }

  resumeBody(): void {
    if (!this.isPausedForBody) return;
    this.isPausedForBody = false;
    this.lastReadMs = this.options.clock.now();
    this.resumeSocket();
    this.step();
  }

  sendContinue(): void {
    this.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  sendInterim(head: ResponseHead): void {
    this.write(responseHeadFor(head, { changes: noHeaderChanges, close: false, framing: 'none' }));
  }

  beginResponse(head: ResponseHead, options: ResponseOptions): ResponseRelay {
    return new Http1ResponseRelay(head, options, this.writeOut);
  }

  respondWhole(head: ResponseHead, options: ResponseOptions, bytes: Buffer, from: number): void {
    const { changes, mustClose } = options;
    const text = responseHeadFor(head, { changes, close: mustClose, framing: 'length' });
    this.write(text + bytes.toString('latin1', from));
  }

  respondError(error: GatewayError): void {
    const isBodyDone = this.body === undefined || this.body.isDone;
    const close = this.isEnding || !isBodyDone || (this.sink?.mustClose ?? true);
    this.writeAnswer(this.options.answerTo(error, this.head, this.sink), close);
    this.onExchangeDone(close);
  }

  respond(answer: Answer): void {
    const close = this.isEnding || this.sink?.mustClose !== false;
    this.writeAnswer(answer, close);
    this.onExchangeDone(close);
  }

  onExchangeDone(mustClose: boolean): void {
    this.sink = undefined;
    this.head = undefined;
    this.waitingSinceMs = this.options.clock.now();
    if (mustClose || this.isEnding) {
      this.linger();
      return;
    }
    this.body = undefined;
    this.isPausedForBody = false;
    this.isPausedForPipeline = false;
    this.resumeSocket();
    this.step();
  }

  startTunnel(head: ResponseHead, changes: HeaderChanges): void {
    this.write(responseHeadFor(head, { changes, close: false, framing: 'none' }));
    this.isTunnel = true;
    this.isPausedForPipeline = false;
    this.resumeSocket();
    const rest = this.bytes;
    this.bytes = noBytes;
    if (rest.length > 0) this.sink?.onBody(rest);
  }

  writeTunnel(bytes: Buffer): boolean {
    // What the kernel does not take at once is kept, and the bytes are not ours to keep.
    return this.write(Buffer.from(bytes));
  }

  abort(): void {
    this.sink = undefined;
    this.socket.destroy();
  }

  end(): void {
    this.sink = undefined;
    this.linger();
  }

  /** Answers what is under way and reads no further request. */
  drain(): void {
    this.isEnding = true;
    if (this.sink) this.sink.mustClose = true;
    else this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  checkDeadlines(nowMs: number): void {
    if (this.isClosed) return;
    if (this.sink) {
      const isStalled = nowMs - this.lastReadMs >= BODY_STALL_MS;
      if (isStalled && this.body && !this.body.isDone && !this.isPausedForBody)
        this.sink.fail(new GatewayError('body-timeout', 'the request body did not arrive in time'));
      return;
    }
    const waitedMs = nowMs - this.waitingSinceMs;
    if (this.isEnding) {
      if (waitedMs >= LINGER_MS) this.socket.destroy();
    } else if (this.bytes.length === 0) {
      if (waitedMs >= CLIENT_IDLE_MS) this.socket.destroy();
    } else if (waitedMs >= HEAD_TIMEOUT_MS)
      this.respondError(
        new GatewayError('head-timeout', 'the request head did not arrive in time'),
      );
  }

  private write(data: string | Buffer): boolean {
    if (this.isClosed) return true;
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
  }

  private writeAnswer(answer: Answer, close: boolean): void {
    this.write(answerText(answer, { isHead: this.head?.method === 'HEAD', close }));
  }

  private onData(bytes: Buffer): void {
    this.lastReadMs = this.options.clock.now();
    if (this.isTunnel) {
      this.sink?.onBody(bytes);
      return;
    }
    if (this.isEnding && !this.sink) return;
    if (this.bytes.length === 0) {
      if (!this.sink) this.waitingSinceMs = this.lastReadMs;
      this.bytes = bytes;
    } else this.bytes = Buffer.concat([this.bytes, bytes]);
    this.step();
  }

  private onGone(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { sink } = this;
    this.sink = undefined;
    sink?.onClientGone();
    this.socket.destroy();
    this.options.onClosed(this);
  }

  /** Works through the bytes at hand. Answers may come synchronously, so this is a loop, not a recursion. */
  private step(): void {
    if (this.isStepping) return;
    this.isStepping = true;
    try {
      while (this.bytes.length > 0 && !this.isClosed && this.stepOnce());
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.isEnding = true;
      if (this.sink) this.sink.fail(error);
      else this.respondError(error);
    } finally {
      this.isStepping = false;
    }
  }

  /** False when there is nothing to be done before more bytes or the end of the response. */
  private stepOnce(): boolean {
    if (this.isTunnel) return false;
    if (this.body && !this.body.isDone) return !this.isPausedForBody && this.readBody();
    if (this.sink) {
      if (this.bytes.length > PIPELINE_BYTES_MAX) {
        this.isPausedForPipeline = true;
        this.socket.pause();
      }
      return false;
    }
    return !this.isEnding && this.readHead();
  }

  private readHead(): boolean {
    this.skipEmptyLines();
    if (this.bytes.length === 0) return false;
    if (this.isFirstRequest && this.isHttp2()) return false;
    const end = findHeadEnd(this.bytes, this.scanned);
    this.scanned = end < 0 ? this.bytes.length : 0;
    if (end > HEAD_BYTES_MAX || (end < 0 && this.bytes.length > HEAD_BYTES_MAX))
      throw new GatewayError('head-too-large', `request head exceeds ${HEAD_BYTES_MAX} bytes`);
    if (end < 0) return false;
    const head = parseRequestHead(this.bytes, 0, end, this.block);
    this.block = head.block;
    this.bytes = end === this.bytes.length ? noBytes : this.bytes.subarray(end);
    this.isFirstRequest = false;
    this.begin(head);
    return true;
  }

  private begin(head: RequestHead): void {
    const { handle, bodyBytesMax } = this.options;
    this.head = head;
    const hasBody = head.isChunked || head.contentLength > 0;
    if (head.contentLength > bodyBytesMax)
      throw new GatewayError('body-too-large', `request body exceeds ${bodyBytesMax} bytes`);
    if (isUpgrade(head) && hasBody)
      throw new GatewayError('bad-request', 'an upgrade request must not have a body');
    let sink: RequestSink;
    try {
      sink = handle(head, this);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // Scanned even when refused, so that the next request is found behind it.
      this.body = hasBody ? new BodyScanner(framingOf(head)) : undefined;
      this.refuse(error, head);
      return;
    }
    this.body = hasBody
      ? new BodyScanner(framingOf(head), { decode: sink.wantsPayload })
      : undefined;
    this.sink = sink;
    if (this.isEnding) sink.mustClose = true;
    if (!hasBody) sink.onBodyEnd();
    else if (this.bytes.length > 0) this.readBody();
    if (this.sink === sink) sink.start();
  }

  /** Answers without a sink; the connection lives on when the body is here already. */
  private refuse(error: GatewayError, head: RequestHead): void {
    if (this.body && this.bytes.length > 0) this.skipBody(this.body);
    const close =
      this.isEnding ||
      !head.keepAlive ||
      head.minor === 0 ||
      (this.body && !this.body.isDone) === true;
    this.writeAnswer(this.options.answerTo(error, head, undefined), close);
    this.onExchangeDone(close);
  }

  private skipBody(body: BodyScanner): void {
    const used = body.scan(this.bytes, 0, () => undefined);
    this.bytes = this.bytes.subarray(used);
  }

  private readBody(): boolean {
    const body = this.body!;
    const sink = this.sink!;
    const { bytes } = this;
    this.bytes = noBytes;
    const used = body.scan(bytes, 0, (part) => sink.onBody(part));
    if (used < bytes.length) this.bytes = bytes.subarray(used);
    if (body.payloadBytes > this.options.bodyBytesMax)
      throw new GatewayError(
        'body-too-large',
        `request body exceeds ${this.options.bodyBytesMax} bytes`,
      );
    if (body.isDone) sink.onBodyEnd();
    return true;
  }

  /** Source: RFC 9112 section 2.2: empty lines before a request line are to be ignored. */
  private skipEmptyLines(): void {
    let at = 0;
    while (this.bytes[at] === CR && this.bytes[at + 1] === LF) at += 2;
    if (at === 0) return;
    this.bytes = this.bytes.subarray(at);
    this.scanned = 0;
  }

  /** The preface of HTTP/2, or a beginning of it that needs more bytes. */
  private isHttp2(): boolean {
    const length = Math.min(this.bytes.length, http2Preface.length);
    if (this.bytes[0] !== http2Preface[0] || length < 3) return false;
    if (this.bytes.compare(http2Preface, 0, length, 0, length) !== 0) return false;
    if (length === http2Preface.length) this.handOver();
    return true;
  }

  private handOver(): void {
    const { socket, bytes } = this;
    this.isClosed = true;
    this.bytes = noBytes;
    socket.off('data', this.onSocketData);
    socket.off('drain', this.onSocketDrain);
    socket.off('end', this.onSocketGone);
    socket.off('close', this.onSocketGone);
    socket.pause();
    this.options.onClosed(this);
    this.options.onHttp2(socket, bytes);
  }

  /**
   * Ends our side and reads on for a moment: closing with unread bytes makes the kernel send a
   * reset, which can destroy the response on its way. Source: RFC 9112 section 9.6.
   */
  private linger(): void {
    this.isEnding = true;
    this.isTunnel = false;
    this.bytes = noBytes;
    this.waitingSinceMs = this.options.clock.now();
    this.isPausedForBody = false;
    this.isPausedForPipeline = false;
    this.socket.end();
    this.resumeSocket();
  }

  private resumeSocket(): void {
    if (!this.isPausedForBody && !this.isPausedForPipeline && this.socket.isPaused())
      this.socket.resume();
  }
}

const framingOf = (head: RequestHead): BodyFraming =>
  head.isChunked ? chunked : { type: 'length', length: head.contentLength };

const chunked: BodyFraming = { type: 'chunked' };

/** IPv4 clients of a dual-stack listener appear as `::ffff:a.b.c.d`. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') ? address.slice(7) : address;
