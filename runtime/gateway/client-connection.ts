/**
 * One client's connection: takes requests off the byte stream one after the other, feeds their
 * bodies to whoever handles them, and goes on only when the response is complete, so that pipelined
 * responses keep their order. Source: RFC 9112 sections 2.2, 9; RFC 9113 section 3.4 (preface).
 */
import type { Socket } from 'node:net';
import type { Clock } from '../std/clock.ts';
import type { ExchangeClient } from './exchange.ts';
import { GatewayError } from './gateway-error.ts';
import { BodyScanner } from './http/body-scanner.ts';
import { findHeadEnd, HEAD_BYTES_MAX, parseRequestHead } from './http/head.ts';
import type { RequestHead } from './http/head.ts';
import { http2Preface, http2Refusal } from './http/http2-refusal.ts';
import { isUpgrade } from './http/rewrite.ts';

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

/** Handles one request; `Exchange` is one, and the collector of asynchronous invocations. */
export interface RequestSink {
  readonly hasResponseStarted: boolean;
  mustClose: boolean;
  /** Called once, after the part of the body that came with the head. */
  start(): void;
  onBody(part: Buffer): void;
  onBodyEnd(): void;
  onClientDrain(): void;
  onClientGone(): void;
  fail(error: GatewayError): void;
}

export interface ClientConnectionOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  /** Chooses what handles a request. @throws {GatewayError} for what the gateway answers itself. */
  readonly handle: (head: RequestHead, connection: ClientConnection) => RequestSink;
  /** The bytes of an answer to a request that failed; `head` is absent when none could be read. */
  readonly renderError: (
    error: GatewayError,
    context: { head: RequestHead | undefined; close: boolean },
  ) => string;
  readonly onClosed: (connection: ClientConnection) => void;
}

export class ClientConnection implements ExchangeClient {
  readonly remoteAddress: string;
  private readonly options: ClientConnectionOptions;
  private readonly socket: Socket;
  private bytes: Buffer = noBytes;
  private scanned = 0;
  private head: RequestHead | undefined;
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

  constructor(options: ClientConnectionOptions) {
    this.options = options;
    const { socket } = options;
    this.socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.waitingSinceMs = options.clock.now();
    this.lastReadMs = this.waitingSinceMs;
    socket.on('data', (bytes: Buffer) => this.onData(bytes));
    socket.on('drain', () => this.sink?.onClientDrain());
    // Half-closed clients count as gone, as in net/http and nginx: nobody can tell them apart.
    socket.on('end', () => this.onGone());
    // The reason of a client's leaving changes nothing here; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.onGone());
  }

  get isIdle(): boolean {
    return this.sink === undefined;
  }

  write(data: string | Buffer): boolean {
    if (this.isClosed) return true;
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
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

  respondError(error: GatewayError): void {
    const isBodyDone = this.body === undefined || this.body.isDone;
    const close = this.isEnding || !isBodyDone || (this.sink?.mustClose ?? true);
    this.write(this.options.renderError(error, { head: this.head, close }));
    this.onExchangeDone(close);
  }

  /** A complete answer made elsewhere; ends the exchange. */
  respond(render: (close: boolean) => string): void {
    const close = this.isEnding || this.sink?.mustClose !== false;
    this.write(render(close));
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

  startTunnel(): void {
    this.isTunnel = true;
    this.isPausedForPipeline = false;
    this.resumeSocket();
    const rest = this.bytes;
    this.bytes = noBytes;
    if (rest.length > 0) this.sink?.onBody(rest);
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
    const head = parseRequestHead(this.bytes, 0, end);
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
    // Scanned even when refused, so that the next request is found behind it.
    this.body = hasBody
      ? new BodyScanner(
          head.isChunked ? { type: 'chunked' } : { type: 'length', length: head.contentLength },
        )
      : undefined;
    let sink: RequestSink;
    try {
      sink = handle(head, this);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.refuse(error, head);
      return;
    }
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
    this.write(this.options.renderError(error, { head, close }));
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

  /** HTTP/2 with prior knowledge is refused in its own words, so that clients say why. */
  private isHttp2(): boolean {
    const length = Math.min(this.bytes.length, http2Preface.length);
    if (this.bytes[0] !== http2Preface[0] || length < 3) return false;
    if (this.bytes.compare(http2Preface, 0, length, 0, length) !== 0) return false;
    if (length < http2Preface.length) return true;
    this.isEnding = true;
    this.write(http2Refusal);
    this.bytes = noBytes;
    this.linger();
    return true;
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

/** IPv4 clients of a dual-stack listener appear as `::ffff:a.b.c.d`. */
const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') ? address.slice(7) : address;
