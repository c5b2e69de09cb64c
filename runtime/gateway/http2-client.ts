/**
 * One HTTP/2 client's connection: node:http2 frames it, and each stream is one request that goes the
 * same way as one of HTTP/1.1. WebSockets come as extended CONNECT.
 * Source: RFC 9113 sections 3.3, 5.1.2, 6.8; RFC 8441.
 */
import { randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../std/clock.ts';
import type { Answer } from './answer.ts';
import type { ListenerTraits } from './client-connection.ts';
import { CLIENT_IDLE_MS, plainAddress } from './client-connection.ts';
import { GatewayError } from './gateway-error.ts';
import type { RequestHead, ResponseHead } from './http/head.ts';
import { HEAD_BYTES_MAX } from './http/head.ts';
import { headersObject, requestHeadOf, responseFields } from './http/http2-fields.ts';
import type { HeaderChanges } from './http/rewrite.ts';
import { Http2ResponseRelay } from './http2-response-relay.ts';
import type { RequestClient, RequestSink, ResponseOptions, ResponseRelay } from './request-sink.ts';

/** Streams that one client may have open; what browsers and gRPC clients are used to. */
const STREAMS_MAX = 250;
/** Flow-control window of one stream: an upload fills it in well under a round trip's time. */
const STREAM_WINDOW_BYTES = 256 * 1024;
/** Window of the connection: what a client can make us keep. */
const SESSION_WINDOW_BYTES = 1024 * 1024;
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } =
  http2.constants;

export interface Http2ClientOptions {
  readonly socket: Socket;
  /** Bytes that were read off the socket already: the preface, and maybe more. */
  readonly received: Buffer;
  readonly traits: ListenerTraits;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  /** Chooses what handles a request. @throws {GatewayError} for what the gateway answers itself. */
  readonly handle: (head: RequestHead, client: RequestClient) => RequestSink;
  readonly answerTo: (
    error: GatewayError,
    head: RequestHead | undefined,
    sink: RequestSink | undefined,
  ) => Answer;
  readonly onClosed: (client: Http2Client) => void;
}

export class Http2Client {
  private readonly options: Http2ClientOptions;
  private readonly session: http2.ServerHttp2Session;
  private readonly streams = new Set<Http2StreamClient>();
  private idleSinceMs: number;
  private isDraining = false;

  constructor(options: Http2ClientOptions) {
    this.options = options;
    const { socket, received, clock } = options;
    this.idleSinceMs = clock.now();
    if (received.length > 0) socket.unshift(received);
    const session = http2.performServerHandshake(socket, {
      maxSendHeaderBlockLength: HEAD_BYTES_MAX * 2,
      settings: {
        maxConcurrentStreams: STREAMS_MAX,
        maxHeaderListSize: HEAD_BYTES_MAX,
        initialWindowSize: STREAM_WINDOW_BYTES,
        enableConnectProtocol: true,
      },
    });
    this.session = session;
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    // What went wrong concerns the client alone, and 'close' follows.
    session.on('error', () => undefined);
    session.on('stream', (stream, _headers, flags, raw?: string[]) =>
      this.begin(stream, flags, raw ?? []),
    );
    session.once('close', () => options.onClosed(this));
  }

  checkDeadlines(nowMs: number): void {
    if (this.streams.size > 0) this.idleSinceMs = nowMs;
    else if (nowMs - this.idleSinceMs >= CLIENT_IDLE_MS) this.session.close();
  }

  /** GOAWAY: what is under way is answered, what comes now is refused. */
  drain(): void {
    this.isDraining = true;
    this.session.close();
  }

  destroy(): void {
    this.session.destroy();
  }

  private begin(stream: http2.ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    if (this.isDraining) {
      // Not processed, so that the client may send it elsewhere.
      stream.on('error', () => undefined);
      stream.close(NGHTTP2_REFUSED_STREAM);
      return;
    }
    const client = new Http2StreamClient(stream, this.options);
    this.streams.add(client);
    stream.once('close', () => this.streams.delete(client));
    client.begin(raw, (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) === 0);
  }
}

class Http2StreamClient implements RequestClient {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  readonly isExternal: boolean;
  private readonly stream: http2.ServerHttp2Stream;
  private readonly options: Http2ClientOptions;
  private head: RequestHead | undefined;
  private sink: RequestSink | undefined;
  private isTunnel = false;
  private isChunked = false;
  private payloadBytes = 0;

  constructor(stream: http2.ServerHttp2Stream, options: Http2ClientOptions) {
    this.stream = stream;
    this.options = options;
    this.scheme = options.traits.scheme;
    this.isExternal = options.traits.isExternal;
    this.remoteAddress = plainAddress(options.socket.remoteAddress ?? '');
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => this.guard(() => this.onData(bytes)));
    stream.on('end', () => this.guard(() => this.onEnd()));
    stream.on('drain', () => this.sink?.onClientDrain());
    stream.once('close', () => this.onClose());
  }

  begin(raw: readonly string[], hasBody: boolean): void {
    this.guard(() => {
      const { head, isWebSocket } = requestHeadOf(raw, {
        hasBody,
        webSocketKey: () => randomBytes(16).toString('base64'),
      });
      this.head = head;
      const { bodyBytesMax } = this.options;
      if (head.contentLength > bodyBytesMax) throw tooLarge(bodyBytesMax);
      const sink = this.options.handle(head, this);
      this.sink = sink;
      this.isChunked = head.isChunked && !sink.wantsPayload;
      if (!hasBody || isWebSocket) sink.onBodyEnd();
      sink.start();
    });
  }

  pauseBody(): void {
    this.stream.pause();
  }

  resumeBody(): void {
    this.stream.resume();
  }

  sendContinue(): void {
    if (!this.stream.headersSent) this.stream.additionalHeaders({ ':status': 100 });
  }

  sendInterim(head: ResponseHead): void {
    if (this.stream.headersSent || this.stream.closed) return;
    this.stream.additionalHeaders(
      headersObject({ ':status': head.status }, responseFields(head, noChanges)),
    );
  }

  beginResponse(head: ResponseHead, options: ResponseOptions): ResponseRelay {
    return new Http2ResponseRelay(this.stream, head, options);
  }

  respond(answer: Answer): void {
    const { stream } = this;
    this.sink = undefined;
    if (stream.closed || stream.headersSent) return;
    const hasBody = answer.body !== '' && this.head?.method !== 'HEAD';
    const fields = answer.headers.map(([name, value]) => [name.toLowerCase(), value] as const);
    const headers = headersObject({ ':status': answer.status }, fields);
    if (answer.contentType !== undefined) headers['content-type'] = answer.contentType;
    stream.respond(headers, { endStream: !hasBody });
    if (hasBody) stream.end(answer.body);
    this.stopReading();
  }

  respondError(error: GatewayError): void {
    this.respond(this.options.answerTo(error, this.head, this.sink));
  }

  onExchangeDone(): void {
    this.sink = undefined;
    this.stopReading();
  }

  startTunnel(head: ResponseHead, changes: HeaderChanges): void {
    this.isTunnel = true;
    const fields = responseFields(head, changes).filter(
      ([name]) => name !== 'sec-websocket-accept' && name !== 'content-length',
    );
    this.stream.respond(headersObject({ ':status': 200 }, fields));
  }

  writeTunnel(bytes: Buffer): boolean {
    return this.stream.closed || this.stream.write(Buffer.from(bytes));
  }

  abort(): void {
    this.sink = undefined;
    this.stream.close(NGHTTP2_INTERNAL_ERROR);
  }

  end(): void {
    this.sink = undefined;
    this.stream.end();
  }

  /** Nobody reads the rest of the request: its sender may stop. Source: RFC 9113 section 8.1. */
  private stopReading(): void {
    const { stream } = this;
    stream.resume();
    if (!stream.readableEnded) stream.once('finish', () => stream.close(NGHTTP2_NO_ERROR));
  }

  private onData(bytes: Buffer): void {
    const { sink } = this;
    if (!sink) return;
    this.payloadBytes += bytes.length;
    const { bodyBytesMax } = this.options;
    if (!this.isTunnel && this.payloadBytes > bodyBytesMax) throw tooLarge(bodyBytesMax);
    if (!this.isChunked || bytes.length === 0) {
      sink.onBody(bytes);
      return;
    }
    const size = Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1');
    sink.onBody(Buffer.concat([size, bytes, lineEnd]));
  }

  private onEnd(): void {
    const { sink } = this;
    if (!sink || this.stream.endAfterHeaders) return;
    if (this.isTunnel) {
      this.sink = undefined;
      sink.onClientGone();
      return;
    }
    if (this.isChunked) sink.onBody(lastChunk);
    sink.onBodyEnd();
  }

  private onClose(): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.onClientGone();
  }

  private guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (this.sink) this.sink.fail(error);
      else if (this.stream.headersSent) this.stream.close(NGHTTP2_CANCEL);
      else this.respondError(error);
    }
  }
}

const lineEnd: Buffer = Buffer.from('\r\n', 'latin1');
const lastChunk: Buffer = Buffer.from('0\r\n\r\n', 'latin1');
const noChanges: HeaderChanges = { set: [], add: [], remove: [] };

const tooLarge = (bytesMax: number): GatewayError =>
  new GatewayError('body-too-large', `request body exceeds ${bytesMax} bytes`);
