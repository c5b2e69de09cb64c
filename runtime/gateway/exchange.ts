/**
 * One request and its response: waits for a slot, sends the request to a pod, streams both bodies
 * with backpressure, and ends in exactly one way (done, failed before the response, cut within it,
 * abandoned by the client). It reads nothing from the client itself: client-connection.ts feeds it.
 *
 *   new -> queued -> connecting -> sent -> responding | tunnel -> done
 *             ^          |           |
 *             +----------+-----------+  never delivered: tried again
 *
 * Source: RFC 9110 section 9.2.2 (what may be sent again), RFC 9112 section 9; timeouts as in
 * knative/serving pkg/http/handler/timeout.go.
 */
import type { Clock } from '../std/clock.ts';
import { GatewayError } from './gateway-error.ts';
import { findHeadEnd, HEAD_BYTES_MAX, parseResponseHead } from './http/head.ts';
import type { RequestHead, ResponseHead } from './http/head.ts';
import type { HeaderChanges } from './http/rewrite.ts';
import { isUpgrade, noHeaderChanges, responseHeadFor } from './http/rewrite.ts';
import type { PodTarget } from './pod-target.ts';
import { COALESCE_BYTES_MAX, ResponseRelay } from './response-relay.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import type { Waiter } from './throttler.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts';

/** A pod is on this machine or in this cluster: what does not connect in this time is gone. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** Connections tried for one request that was never delivered. */
const ATTEMPTS_MAX = 6;
/** Request body kept while there is no pod; more is left in the client's socket. */
const PENDING_BODY_BYTES_MAX = 64 * 1024;

/** What an exchange may do to its client. */
export interface ExchangeClient {
  /** Strings are latin1. False when the client should be given time. */
  write(data: string | Buffer): boolean;
  pauseBody(): void;
  resumeBody(): void;
  /** A complete answer of the gateway's own; ends the exchange. */
  respondError(error: GatewayError): void;
  /** The response is complete. `mustClose`: the connection cannot carry another. */
  onExchangeDone(mustClose: boolean): void;
  /** From now on bytes are passed on unread: `onBody` gets all that comes. */
  startTunnel(): void;
  /** Drops the connection: the only way to tell a client that a body was cut. */
  abort(): void;
  /** Closes in order after what was written. */
  end(): void;
}

export interface ExchangeOptions {
  readonly head: RequestHead;
  /** The request head as the pod gets it. */
  readonly upstreamHead: string;
  readonly traffic: RevisionTraffic;
  readonly responseChanges: HeaderChanges;
  /** 0 = none. */
  readonly timeoutMs: number;
  readonly responseStartTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  /** Exchanges whose deadlines are looked at. */
  readonly inFlight: Set<Exchange>;
  readonly client: ExchangeClient;
}

type Phase = 'new' | 'queued' | 'connecting' | 'sent' | 'responding' | 'tunnel' | 'done';

/** Methods whose repetition changes nothing. Source: RFC 9110 section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);
const noBytes: Buffer = Buffer.alloc(0);

export class Exchange implements Waiter, UpstreamUser {
  /** The client wants no further response on this connection. */
  mustClose: boolean;
  private readonly options: ExchangeOptions;
  private readonly arrivedMs: number;
  private phase: Phase = 'new';
  private pod: PodTarget | undefined;
  private connection: UpstreamConnection | undefined;
  private attempts = 0;
  private connectingSinceMs = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private isBodyEnded = false;
  private isBodySent = false;
  private received: Buffer = noBytes;
  private scanned = 0;
  private relay: ResponseRelay | undefined;
  private lastByteMs: number;

  constructor(options: ExchangeOptions) {
    this.options = options;
    this.arrivedMs = options.clock.now();
    this.lastByteMs = this.arrivedMs;
    this.mustClose = !options.head.keepAlive || options.head.minor === 0;
  }

  get hasResponseStarted(): boolean {
    return this.phase === 'responding' || this.phase === 'tunnel';
  }

  start(): void {
    const { traffic, inFlight } = this.options;
    traffic.meter?.enter(this.arrivedMs);
    inFlight.add(this);
    this.acquire();
  }

  /** Part of the request's body, framed as it is sent on. */
  onBody(part: Buffer): void {
    if (this.phase === 'done') return;
    if (this.phase === 'sent' || this.phase === 'responding' || this.phase === 'tunnel') {
      this.isBodySent = true;
      if (!this.connection!.socket.write(part)) this.options.client.pauseBody();
      return;
    }
    this.pending.push(part);
    this.pendingBytes += part.length;
    if (this.pendingBytes > PENDING_BODY_BYTES_MAX) this.options.client.pauseBody();
  }

  onBodyEnd(): void {
    this.isBodyEnded = true;
  }

  /** The client takes bytes again. */
  onClientDrain(): void {
    this.connection?.socket.resume();
  }

  /** The client has gone: nobody waits for the answer. */
  onClientGone(): void {
    // What a tunnel's client said last, such as a closing frame, still has to reach the pod.
    if (this.phase === 'tunnel') this.connection?.socket.destroySoon();
    this.cleanUp();
  }

  /** Ends the exchange with an answer of the gateway's, or with a cut when the response has begun. */
  fail(error: GatewayError): void {
    if (this.phase === 'done') return;
    const isCut = this.hasResponseStarted;
    this.cleanUp();
    if (isCut) this.options.client.abort();
    else this.options.client.respondError(error);
  }

  checkDeadlines(nowMs: number): void {
    const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs } = this.options;
    const ageMs = nowMs - this.arrivedMs;
    const isSilent = idleTimeoutMs > 0 && nowMs - this.lastByteMs >= idleTimeoutMs;
    const isLate =
      responseStartTimeoutMs > 0 && ageMs >= responseStartTimeoutMs && !this.hasResponseStarted;
    if ((timeoutMs > 0 && ageMs >= timeoutMs) || isLate || isSilent)
      this.fail(new GatewayError('request-timeout', 'request timeout'));
    else if (this.phase === 'connecting' && nowMs - this.connectingSinceMs >= CONNECT_TIMEOUT_MS)
      this.onUnreachable('no answer to the connection attempt');
  }

  onPod(pod: PodTarget): void {
    this.use(pod);
  }

  onUpstreamConnect(): void {
    this.pod!.failures = 0;
    this.send();
  }

  onUpstreamData(bytes: Buffer): void {
    this.lastByteMs = this.options.clock.now();
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

  private acquire(): void {
    this.phase = 'queued';
    try {
      const pod = this.options.traffic.throttler.acquire(this);
      if (pod) this.use(pod);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(error);
    }
  }

  private use(pod: PodTarget): void {
    this.pod = pod;
    // After a failure only a new connection tells whether the pod is there.
    const idle = this.attempts === 0 ? pod.takeIdle(this.options.clock.now()) : undefined;
    if (idle) {
      this.attempts += 1;
      this.connection = idle;
      idle.attach(this);
      this.send();
    } else this.dial(pod);
  }

  private dial(pod: PodTarget): void {
    this.attempts += 1;
    this.phase = 'connecting';
    this.connectingSinceMs = this.options.clock.now();
    this.connection = pod.connect();
    this.connection.attach(this);
  }

  private send(): void {
    this.phase = 'sent';
    const { socket } = this.connection!;
    const { upstreamHead, client } = this.options;
    const { pending } = this;
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

  /** The connection could not be made, so nothing was delivered. */
  private onUnreachable(reason: string): void {
    this.connection?.destroy();
    this.connection = undefined;
    const pod = this.pod!;
    this.pod = undefined;
    this.phase = 'queued';
    this.options.traffic.throttler.releaseUnreachable(pod);
    if (this.attempts >= ATTEMPTS_MAX) this.fail(upstreamFailed(reason));
    else this.acquire();
  }

  /** The connection ended between request and response. */
  private onLost(error: Error | undefined): void {
    const connection = this.connection!;
    const pod = this.pod!;
    // A kept connection that the pod closed while it was idle: the pod has not seen the request, or
    // seeing it twice does no harm. A new connection that breaks is an answer of its own.
    const mayRepeat =
      connection.uses > 0 &&
      this.received.length === 0 &&
      !this.isBodySent &&
      idempotent.has(this.options.head.method) &&
      this.attempts < ATTEMPTS_MAX;
    if (!mayRepeat) {
      this.fail(upstreamFailed(error?.message ?? 'connection closed before the response'));
      return;
    }
    connection.destroy();
    if (!pod.isGone) {
      this.dial(pod);
      return;
    }
    this.connection = undefined;
    this.pod = undefined;
    this.options.traffic.throttler.release(pod);
    this.acquire();
  }

  private readHead(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    try {
      for (;;) {
        const end = findHeadEnd(this.received, this.scanned);
        this.scanned = end < 0 ? this.received.length : 0;
        if (end > HEAD_BYTES_MAX || (end < 0 && this.received.length > HEAD_BYTES_MAX))
          throw new GatewayError('head-too-large', 'response head is too large');
        if (end < 0) return;
        const head = parseResponseHead(this.received, 0, end);
        if (head.status === 101) {
          this.startTunnel(head, this.received.subarray(end));
          return;
        }
        if (head.status >= 200) {
          this.startResponse(head, this.received, end);
          return;
        }
        this.passInterim(head);
        this.received = this.received.subarray(end);
      }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(upstreamFailed(`invalid response: ${error.message}`));
    }
  }

  private passInterim(head: ResponseHead): void {
    const { head: request, client } = this.options;
    if (request.minor === 0 || (head.status === 100 && !request.expectsContinue)) return;
    client.write(
      responseHeadFor(head, { changes: noHeaderChanges, close: false, framing: 'none' }),
    );
  }

  private startResponse(head: ResponseHead, bytes: Buffer, from: number): void {
    const { head: request, responseChanges, client } = this.options;
    this.phase = 'responding';
    this.received = noBytes;
    this.relay = new ResponseRelay({
      head,
      request,
      changes: responseChanges,
      mustClose: this.mustClose,
      write: (data) => client.write(data),
    });
    this.forward(this.relay, bytes, from);
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
    if (relay.isDone) this.finish(relay);
  }

  /** The pod sends no more: right for a body that lasts until then, a cut for any other. */
  private endOfResponse(): void {
    const relay = this.relay!;
    if (!relay.isUntilClose) {
      this.fail(upstreamFailed('connection closed within the response'));
      return;
    }
    relay.end();
    this.finish(relay);
  }

  private startTunnel(head: ResponseHead, rest: Buffer): void {
    const { client, head: request, responseChanges } = this.options;
    if (!isUpgrade(request)) {
      this.fail(upstreamFailed('protocol switch that nobody asked for'));
      return;
    }
    this.phase = 'tunnel';
    client.write(
      responseHeadFor(head, { changes: responseChanges, close: false, framing: 'none' }),
    );
    if (rest.length > 0) client.write(rest);
    client.startTunnel();
  }

  private passToClient(bytes: Buffer): void {
    if (!this.options.client.write(bytes)) this.connection?.socket.pause();
  }

  private endTunnel(): void {
    this.cleanUp();
    this.options.client.end();
  }

  private finish(relay: ResponseRelay): void {
    const mustClose = this.mustClose || !this.isBodyEnded;
    this.cleanUp(relay.isReusable && this.isBodyEnded);
    this.options.client.onExchangeDone(mustClose);
  }

  /** Gives back everything that the exchange holds; after it, nothing more happens here. */
  private cleanUp(keepConnection = false): void {
    if (this.phase === 'done') return;
    const wasStarted = this.phase !== 'new';
    this.phase = 'done';
    const { traffic, inFlight, clock } = this.options;
    const { connection, pod } = this;
    this.connection = undefined;
    this.pod = undefined;
    this.pending = [];
    const nowMs = clock.now();
    if (connection && keepConnection && pod) {
      connection.detach();
      // It may have been paused for a slow client.
      connection.socket.resume();
      pod.putIdle(connection, nowMs);
    } else if (connection?.socket.writableEnded) connection.detach();
    else connection?.destroy();
    if (!wasStarted) return;
    traffic.meter?.exit(nowMs);
    inFlight.delete(this);
    if (pod) traffic.throttler.release(pod);
    else traffic.throttler.cancel(this);
  }
}

const upstreamFailed = (reason: string): GatewayError =>
  new GatewayError('upstream-failed', `upstream failed: ${reason}`);
