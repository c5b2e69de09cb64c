/**
 * A request of which another pod gets a copy: the copy's answer is read and thrown away, and it is
 * dropped when it cannot keep up, since it must never slow the original. Source: Gateway API v1,
 * HTTPRequestMirrorFilter.
 */
import type { Exchange } from './exchange.ts';
import type { GatewayError } from './gateway-error.ts';
import { Http1ResponseRelay } from './http1-response-relay.ts';
import type { RequestClient, RequestSink, ResponseRelay } from './request-sink.ts';

export class MirroredRequest implements RequestSink {
  private readonly original: Exchange;
  private copy: Exchange | undefined;

  /** Both want the body in the same form. `makeCopy` gets the client that the copy's answer goes to. */
  constructor(
    original: Exchange,
    makeCopy: (client: RequestClient) => Exchange,
    of: RequestClient,
  ) {
    this.original = original;
    this.copy = makeCopy(new DeafClient(of, () => this.dropCopy()));
    if (this.copy.wantsPayload !== original.wantsPayload) this.copy = undefined;
  }

  get hasResponseStarted(): boolean {
    return this.original.hasResponseStarted;
  }

  get wantsPayload(): boolean {
    return this.original.wantsPayload;
  }

  get isInvocation(): boolean {
    return this.original.isInvocation;
  }

  get revision(): string {
    return this.original.revision;
  }

  get mustClose(): boolean {
    return this.original.mustClose;
  }

  set mustClose(value: boolean) {
    this.original.mustClose = value;
  }

  start(): void {
    this.copy?.start();
    this.original.start();
  }

  onBody(part: Buffer): void {
    this.copy?.onBody(part);
    this.original.onBody(part);
  }

  onBodyEnd(): void {
    this.copy?.onBodyEnd();
    this.original.onBodyEnd();
  }

  onClientDrain(): void {
    this.original.onClientDrain();
  }

  /** The copy goes on: it has nobody to leave. */
  onClientGone(): void {
    if (!this.original.isRequestComplete) this.dropCopy();
    this.original.onClientGone();
  }

  fail(error: GatewayError): void {
    this.original.fail(error);
  }

  private dropCopy(): void {
    const { copy } = this;
    this.copy = undefined;
    copy?.onClientGone();
  }
}

/** Takes all of a response and keeps nothing. */
class DeafClient implements RequestClient {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  readonly isExternal: boolean;
  /** The pod reads too slowly. */
  readonly pauseBody: () => void;

  constructor(of: RequestClient, onTooSlow: () => void) {
    this.remoteAddress = of.remoteAddress;
    this.scheme = of.scheme;
    this.isExternal = of.isExternal;
    this.pauseBody = onTooSlow;
  }

  resumeBody(): void {}
  sendContinue(): void {}
  sendInterim(): void {}
  respond(): void {}
  respondError(): void {}
  onExchangeDone(): void {}
  startTunnel(): void {}
  abort(): void {}
  end(): void {}

  writeTunnel(): boolean {
    return true;
  }

  beginResponse(...[head, options]: Parameters<RequestClient['beginResponse']>): ResponseRelay {
    return new Http1ResponseRelay(head, options, () => true);
  }
}
