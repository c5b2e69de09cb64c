/**
 * An exchange with a pod that speaks HTTP/1.1: the request's head rewritten, both bodies streamed
 * with backpressure, protocol switches passed through. A request that the pod cannot have seen is
 * sent again. Source: RFC 9110 section 9.2.2 (what may be sent again), RFC 9112 section 9.
 */
import type { ExchangeOptions } from './exchange.ts';
import { ATTEMPTS_MAX, Exchange, upstreamFailed } from './exchange.ts';
import { GatewayError } from './gateway-error.ts';
import { findHeadEnd, HEAD_BYTES_MAX, parseResponseHead } from './http/head.ts';
import type { ResponseHead } from './http/head.ts';
import { isUpgrade, requestHeadFor } from './http/rewrite.ts';
import { COALESCE_BYTES_MAX, hasBody } from './http1-response-relay.ts';
import type { PodTarget } from './pod-target.ts';
import type { ResponseRelay } from './request-sink.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts';

const isReset = (error: Error | undefined): boolean =>
  error !== undefined && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');

/** Methods whose repetition changes nothing. Source: RFC 9110 section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);
const noBytes: Buffer = Buffer.alloc(0);

export class Http1Exchange extends Exchange implements UpstreamUser {
  readonly wantsPayload = false;
  private readonly upstreamHead: string;
  private connection: UpstreamConnection | undefined;
  private isBodySent = false;
  /** A new connection was reset before. */
  private wasReset = false;
  private received: Buffer = noBytes;
  private scanned = 0;

  constructor(options: ExchangeOptions) {
    super(options);
    this.upstreamHead = requestHeadFor(options.head, {
      target: options.target,
      host: options.host,
      clientAddress: options.client.remoteAddress,
      scheme: options.client.scheme,
      isExternal: options.client.isExternal,
      changes: options.changes,
      requestId: options.shared.requestId,
    });
  }

  onBodyEnd(): void {
    this.isBodyEnded = true;
  }

  onClientDrain(): void {
    this.connection?.socket.resume();
  }

  override onClientGone(): void {
    // What a tunnel's client said last, such as a closing frame, still has to reach the pod.
    if (this.phase === 'tunnel') this.connection?.socket.destroySoon();
    super.onClientGone();
  }

  onUpstreamConnect(): void {
    this.pod!.failures = 0;
    this.send();
  }

  onUpstreamData(bytes: Buffer): void {
    this.lastByteMs = this.options.shared.clock.now();
    if (this.phase === 'responding') this.forward(this.relay!, bytes, 0);
    else if (this.phase === 'tunnel') this.passToClient(bytes);
    else this.readHead(bytes);
  }

  onUpstreamDrain(): void {
    this.options.client.resumeBody();
  }

  onUpstreamEnd(): void {
    if (this.phase === 'sent') this.onLost(undefined);
    else if (this.phase === 'tunnel') this.endTunnel();
    else if (this.phase === 'responding') this.endOfResponse();
  }

  onUpstreamClose(error: Error | undefined): void {
    if (this.phase === 'connecting') this.onUnreachable(error?.message ?? 'connection refused');
    else if (this.phase === 'sent') this.onLost(error);
    else if (this.phase === 'tunnel') this.endTunnel();
    else if (this.phase === 'responding') {
      if (error) this.fail(upstreamFailed(error.message));
      else this.endOfResponse();
    }
  }

  protected use(pod: PodTarget): void {
    // After a failure only a new connection tells whether the pod is there.
    const idle = this.attempts === 0 ? pod.takeIdle(this.dispatchedMs) : undefined;
    if (idle) {
      this.attempts += 1;
      this.connection = idle;
      idle.attach(this);
      this.send();
    } else this.dial(pod);
  }

  protected sendBody(part: Buffer): void {
    this.isBodySent = true;
    if (!this.connection!.socket.write(part)) this.options.client.pauseBody();
  }

  protected dropUpstream(keep: boolean, nowMs: number): void {
    const { connection, pod } = this;
    if (!connection) return;
    this.connection = undefined;
    if (keep && pod) {
      connection.detach();
      // It may have been paused for a slow client.
      if (connection.socket.isPaused()) connection.socket.resume();
      pod.putIdle(connection, nowMs);
    } else if (connection.socket.writableEnded) connection.detach();
    else connection.destroy();
  }

  private dial(pod: PodTarget): void {
    this.startConnecting();
    this.connection = pod.connect();
    this.connection.attach(this);
  }

  private send(): void {
    this.phase = 'sent';
    const { socket } = this.connection!;
    const { client } = this.options;
    const { pending, upstreamHead } = this;
    if (pending.length === 0) {
      socket.write(upstreamHead, 'latin1');
      return;
    }
    this.isBodySent = true;
    this.pending = [];
    if (this.pendingBytes <= COALESCE_BYTES_MAX) {
      let text = upstreamHead;
      for (const part of pending) text += part.toString('latin1');
      socket.write(text, 'latin1');
    } else {
      socket.cork();
      socket.write(upstreamHead, 'latin1');
      for (const part of pending) socket.write(part);
      socket.uncork();
    }
    this.pendingBytes = 0;
    if (!socket.writableNeedDrain) client.resumeBody();
  }

  /** The connection ended between request and response. */
  private onLost(error: Error | undefined): void {
    const connection = this.connection!;
    const pod = this.pod!;
    // A kept connection that the pod closed while it was idle: the pod has not seen the request, or
    // seeing it twice does no harm. A new connection that is reset may have died in the backlog of a
    // pod that stops listening, so that counts once; one that ends in order is an answer of its own.
    const isFresh = connection.uses === 0;
    const mayRepeat =
      (!isFresh || (!this.wasReset && isReset(error))) &&
      this.received.length === 0 &&
      !this.isBodySent &&
      idempotent.has(this.options.head.method) &&
      this.attempts < ATTEMPTS_MAX;
    if (!mayRepeat) {
      this.fail(upstreamFailed(error?.message ?? 'connection closed before the response'));
      return;
    }
    this.wasReset ||= isFresh;
    if (pod.isGone || isFresh) {
      this.startAnew();
      return;
    }
    connection.destroy();
    this.dial(pod);
  }

  private readHead(bytes: Buffer): void {
    // What is kept is copied: the bytes are the read buffer of all upstream connections.
    let received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    try {
      for (;;) {
        const end = findHeadEnd(received, this.scanned);
        this.scanned = end < 0 ? received.length : 0;
        if (end > HEAD_BYTES_MAX || (end < 0 && received.length > HEAD_BYTES_MAX))
          throw new GatewayError('head-too-large', 'response head is too large');
        if (end < 0) {
          this.received = received === bytes ? Buffer.from(received) : received;
          return;
        }
        const { connection } = this;
        const head = parseResponseHead(received, 0, end, connection?.lastHead);
        if (connection) connection.lastHead = head;
        if (head.status === 101) {
          this.startTunnel(head, received.subarray(end));
          return;
        }
        if (head.status >= 200) {
          this.startResponse(head, received, end);
          return;
        }
        this.passInterim(head);
        received = Buffer.from(received.subarray(end));
      }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(upstreamFailed(`invalid response: ${error.message}`));
    }
  }

  private passInterim(head: ResponseHead): void {
    const { head: request, client } = this.options;
    if (request.minor === 0 || (head.status === 100 && !request.expectsContinue)) return;
    client.sendInterim(head);
  }

  private startResponse(head: ResponseHead, bytes: Buffer, from: number): void {
    const { head: request, responseChanges, client } = this.options;
    this.phase = 'responding';
    this.hasPodSpoken = true;
    this.status = head.status;
    this.received = noBytes;
    const { mustClose } = this;
    const isHeadOnly = head.contentLength === 0;
    const options = { request, changes: responseChanges, mustClose, isHeadOnly };
    if (
      client.respondWhole !== undefined &&
      head.contentLength === bytes.length - from &&
      head.contentLength <= COALESCE_BYTES_MAX &&
      hasBody(request.method, head.status)
    ) {
      client.respondWhole(head, options, bytes, from);
      this.wholeBytes = head.contentLength;
      this.finish(head.keepAlive);
      return;
    }
    const relay = client.beginResponse(head, options);
    this.relay = relay;
    this.forward(relay, bytes, from);
  }

  /** Sends body bytes from `from` on. */
  private forward(relay: ResponseRelay, bytes: Buffer, from: number): void {
    let isFree: boolean;
    try {
      isFree = relay.forward(bytes, from);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(upstreamFailed(`invalid response body: ${error.message}`));
      return;
    }
    if (!isFree) this.connection?.socket.pause();
    if (!relay.isDone) return;
    relay.end();
    this.finish(relay.isReusable);
  }

  /** The pod sends no more: right for a body that lasts until then, a cut for any other. */
  private endOfResponse(): void {
    const relay = this.relay!;
    if (!relay.isUntilClose) {
      this.fail(upstreamFailed('connection closed within the response'));
      return;
    }
    relay.end();
    this.finish(false);
  }

  private startTunnel(head: ResponseHead, rest: Buffer): void {
    const { client, head: request, responseChanges } = this.options;
    if (!isUpgrade(request)) {
      this.fail(upstreamFailed('protocol switch that nobody asked for'));
      return;
    }
    this.phase = 'tunnel';
    this.status = 101;
    client.startTunnel(head, responseChanges);
    if (rest.length > 0) this.passToClient(rest);
  }

  private passToClient(bytes: Buffer): void {
    this.hasPodSpoken = true;
    if (!this.options.client.writeTunnel(bytes)) this.connection?.socket.pause();
  }

  private endTunnel(): void {
    this.cleanUp();
    this.options.client.end();
  }
}
