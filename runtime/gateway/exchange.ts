/**
 * One request and its response: waits for a slot in a pod, keeps the deadlines, and ends in exactly
 * one way (done, failed before the response, cut within it, abandoned by the client). How the pod is
 * spoken to is the subclasses' matter: http1-exchange.ts and http2-exchange.ts.
 *
 *   new -> queued -> connecting -> sent -> responding | tunnel -> done
 *             ^          |           |
 *             +----------+-----------+  never delivered: tried again
 *
 * Source: timeouts as in knative/serving pkg/http/handler/timeout.go.
 */
import type { Clock } from '../std/clock.ts';
import { GatewayError } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import type { HeaderChanges } from './http/rewrite.ts';
import type { PodTarget } from './pod-target.ts';
import type { RequestClient, RequestSink, ResponseRelay } from './request-sink.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import type { Waiter } from './throttler.ts';

/** A pod is on this machine or in this cluster: what does not connect in this time is gone. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** Connections tried for one request that was never delivered. */
export const ATTEMPTS_MAX = 6;
/** Request body kept while there is no pod; more is left in the client's socket. */
const PENDING_BODY_BYTES_MAX = 64 * 1024;

/** Knative's. */
const TIMEOUT_TEXT = 'request timeout';

export interface ExchangeOptions {
  readonly head: RequestHead;
  /** What the pod gets instead of the client's. */
  readonly target: string;
  readonly host: string;
  readonly changes: HeaderChanges;
  readonly traffic: RevisionTraffic;
  readonly responseChanges: HeaderChanges;
  /** 0 = none. */
  readonly timeoutMs: number;
  readonly responseStartTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly isInvocation: boolean;
  readonly client: RequestClient;
  readonly shared: ExchangeShared;
}

/** What all exchanges of a gateway have in common. */
export interface ExchangeShared {
  readonly clock: Clock;
  /** Value for X-Request-Id where the client sent none. */
  readonly requestId: () => string;
  /** Exchanges whose deadlines are looked at. */
  readonly inFlight: Set<Exchange>;
  /** Told of each exchange when it is over. */
  readonly onDone: (exchange: Exchange, nowMs: number) => void;
}

export type ExchangePhase =
  'new' | 'queued' | 'connecting' | 'sent' | 'responding' | 'tunnel' | 'done';

export abstract class Exchange implements Waiter, RequestSink {
  abstract readonly wantsPayload: boolean;
  mustClose: boolean;
  readonly options: ExchangeOptions;
  readonly arrivedMs: number;
  /** When a pod was found; 0 before. */
  dispatchedMs = 0;
  /** There was no ready pod when the request came. */
  isCold = false;
  /** Of the response that was begun or of the gateway's error; 0 when the client left before. */
  status = 0;
  protected phase: ExchangePhase = 'new';
  protected pod: PodTarget | undefined;
  protected attempts = 0;
  protected pending: Buffer[] = [];
  protected pendingBytes = 0;
  protected isBodyEnded = false;
  protected relay: ResponseRelay | undefined;
  /** Payload of a response that needed no relay. */
  protected wholeBytes = 0;
  protected lastByteMs: number;
  /** A pod that has switched protocols has not answered before it says something in the new one. */
  protected hasPodSpoken = false;
  private connectingSinceMs = 0;
  /** For logs: known beyond the exchange's end. */
  private lastPod: PodTarget | undefined;

  constructor(options: ExchangeOptions) {
    this.options = options;
    this.arrivedMs = options.shared.clock.now();
    this.lastByteMs = this.arrivedMs;
    this.mustClose = !options.head.keepAlive || options.head.minor === 0;
  }

  get hasResponseStarted(): boolean {
    return this.phase === 'responding' || this.phase === 'tunnel';
  }

  get isInvocation(): boolean {
    return this.options.isInvocation;
  }

  get revision(): string {
    return this.options.traffic.name;
  }

  /** All of the request's body has come. */
  get isRequestComplete(): boolean {
    return this.isBodyEnded;
  }

  /** Of the pod that has or had the request; '' before one was found. */
  get podName(): string {
    return this.lastPod?.name.replace(/\/.*$/, '') ?? '';
  }

  get podHost(): string {
    return this.lastPod?.address.host ?? '';
  }

  get responseBytes(): number {
    return this.relay?.payloadBytes ?? this.wholeBytes;
  }

  start(): void {
    const { traffic, shared } = this.options;
    traffic.meter?.enter(this.arrivedMs);
    shared.inFlight.add(this);
    this.isCold = traffic.throttler.readyPods === 0;
    // Nobody would start a pod of a Service that does not scale.
    if (this.isCold && traffic.meter === undefined)
      this.fail(new GatewayError('no-endpoints', `no endpoint of ${traffic.key} is ready`));
    else this.acquire();
  }

  onBody(part: Buffer): void {
    if (this.phase === 'done') return;
    if (this.phase === 'sent' || this.hasResponseStarted) {
      this.sendBody(part);
      return;
    }
    this.pending.push(part);
    this.pendingBytes += part.length;
    if (this.pendingBytes > PENDING_BODY_BYTES_MAX) this.options.client.pauseBody();
  }

  abstract onBodyEnd(): void;
  abstract onClientDrain(): void;

  onClientGone(): void {
    this.cleanUp();
  }

  fail(error: GatewayError): void {
    if (this.phase === 'done') return;
    const isCut = this.hasResponseStarted;
    if (!isCut) this.status = error.status;
    this.cleanUp();
    if (isCut) this.options.client.abort();
    else this.options.client.respondError(error);
  }

  checkDeadlines(nowMs: number): void {
    const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs } = this.options;
    const ageMs = nowMs - this.arrivedMs;
    const isSilent = idleTimeoutMs > 0 && nowMs - this.lastByteMs >= idleTimeoutMs;
    const isLate =
      responseStartTimeoutMs > 0 && ageMs >= responseStartTimeoutMs && !this.hasPodSpoken;
    if ((timeoutMs > 0 && ageMs >= timeoutMs) || isLate || isSilent) this.timeOut();
    else if (this.phase === 'connecting' && nowMs - this.connectingSinceMs >= CONNECT_TIMEOUT_MS)
      this.onUnreachable('no answer to the connection attempt');
  }

  onPod(pod: PodTarget): void {
    this.pod = pod;
    this.lastPod = pod;
    this.dispatchedMs = this.options.shared.clock.now();
    this.use(pod);
  }

  /** As in Knative, a response that has begun is ended with the text, where its framing allows. */
  private timeOut(): void {
    if (this.phase === 'responding' && this.relay?.endEarly(TIMEOUT_TEXT) === true) {
      this.cleanUp();
      this.options.client.onExchangeDone(true);
    } else this.fail(new GatewayError('request-timeout', TIMEOUT_TEXT));
  }

  /** Speaks to this pod, whose slot is taken. */
  protected abstract use(pod: PodTarget): void;
  /** Part of the request's body, after its head was sent. */
  protected abstract sendBody(part: Buffer): void;
  /** Lets go of the connection, for another exchange if `keep` and possible. */
  protected abstract dropUpstream(keep: boolean, nowMs: number): void;

  protected acquire(): void {
    this.phase = 'queued';
    try {
      const pod = this.options.traffic.throttler.acquire(this);
      if (!pod) return;
      this.pod = pod;
      this.lastPod = pod;
      this.dispatchedMs = this.arrivedMs;
      this.use(pod);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(error);
    }
  }

  protected startConnecting(): void {
    this.attempts += 1;
    this.phase = 'connecting';
    this.connectingSinceMs = this.options.shared.clock.now();
  }

  /** The connection could not be made, so nothing was delivered. */
  protected onUnreachable(reason: string): void {
    this.dropUpstream(false, this.connectingSinceMs);
    const pod = this.pod!;
    this.pod = undefined;
    this.phase = 'queued';
    this.options.traffic.throttler.releaseUnreachable(pod);
    if (this.attempts >= ATTEMPTS_MAX) this.fail(upstreamFailed(reason));
    else this.acquire();
  }

  /** Gives the slot back and takes another, since the pod never saw the request. */
  protected startAnew(): void {
    this.dropUpstream(false, this.arrivedMs);
    const pod = this.pod!;
    this.pod = undefined;
    this.options.traffic.throttler.release(pod);
    this.acquire();
  }

  protected finish(isReusable: boolean): void {
    const mustClose = this.mustClose || !this.isBodyEnded;
    this.cleanUp(isReusable && this.isBodyEnded);
    this.options.client.onExchangeDone(mustClose);
  }

  /** Gives back everything that the exchange holds; after it, nothing more happens here. */
  protected cleanUp(keepConnection = false): void {
    if (this.phase === 'done') return;
    const wasStarted = this.phase !== 'new';
    this.phase = 'done';
    const { traffic, shared } = this.options;
    const { pod } = this;
    const nowMs = shared.clock.now();
    this.pending = [];
    this.dropUpstream(keepConnection, nowMs);
    this.pod = undefined;
    if (!wasStarted) return;
    traffic.meter?.exit(nowMs);
    shared.inFlight.delete(this);
    if (pod) traffic.throttler.release(pod);
    else traffic.throttler.cancel(this);
    shared.onDone(this, nowMs);
  }
}

export const upstreamFailed = (reason: string): GatewayError =>
  new GatewayError('upstream-failed', `upstream failed: ${reason}`);
