/**
 * The two sides of one request: the client, which speaks HTTP/1.1 or HTTP/2, and the sink, which
 * handles the request. They call each other and know nothing of each other's protocol.
 */
import type { Answer } from './answer.ts';
import type { GatewayError } from './gateway-error.ts';
import type { RequestHead, ResponseHead } from './http/head.ts';
import type { HeaderChanges } from './http/rewrite.ts';

/** Handles one request; an exchange with a pod is one, and the collector of asynchronous invocations. */
export interface RequestSink {
  readonly hasResponseStarted: boolean;
  /** The body comes as payload; otherwise in the framing of HTTP/1.1 that its head announces. */
  readonly wantsPayload: boolean;
  /** A call of the Invoke API, whose errors have a form of their own. */
  readonly isInvocation: boolean;
  /** Name of the revision that the request is for, for the answer when it fails. */
  readonly revision: string | undefined;
  /** The client's connection cannot carry another request. */
  mustClose: boolean;
  /** Called once, after the part of the body that came with the head. */
  start(): void;
  /** The bytes are the sink's to keep. */
  onBody(part: Buffer): void;
  onBodyEnd(): void;
  /** The client takes bytes again. */
  onClientDrain(): void;
  /** The client has gone: nobody waits for the answer. */
  onClientGone(): void;
  /** Ends the request with an answer of the gateway's, or with a cut when the response has begun. */
  fail(error: GatewayError): void;
}

/** How the body of one response gets from a pod to a client. */
export interface ResponseRelay {
  /** The body lasts until the pod says that it is over. */
  readonly isUntilClose: boolean;
  readonly isDone: boolean;
  /** The pod's connection can carry another request after this response. */
  readonly isReusable: boolean;
  /** Payload bytes so far. */
  readonly payloadBytes: number;
  /**
   * Sends the bytes from `from` on; keeps no reference to them. False when the client should be
   * given time.
   * @throws {GatewayError} bad-request at invalid framing; nothing of `bytes` is sent then.
   */
  forward(bytes: Buffer, from: number): boolean;
  /**
   * Ends the body before its time, with `text` after what was sent. False when it cannot: a body of
   * announced length can only be cut.
   */
  endEarly(text: string): boolean;
  /** The pod has ended the body; `trailers` are dropped where the client cannot take them. */
  end(trailers?: readonly (readonly [name: string, value: string])[]): void;
}

export interface ResponseOptions {
  readonly request: RequestHead;
  readonly changes: HeaderChanges;
  /** The client's connection ends after this response. */
  readonly mustClose: boolean;
  /** The head is all: neither body nor trailers follow. */
  readonly isHeadOnly: boolean;
}

export interface RequestClient {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  /** Clients that are not ours: some hosts, paths and fields are not for them. */
  readonly isExternal: boolean;
  pauseBody(): void;
  resumeBody(): void;
  /** `100 Continue`. */
  sendContinue(): void;
  /** An informational response of the pod's. */
  sendInterim(head: ResponseHead): void;
  beginResponse(head: ResponseHead, options: ResponseOptions): ResponseRelay;
  /**
   * A response that is there as a whole, its body of announced length in `bytes` from `from` on. Does
   * not end the request. Absent where it would save nothing.
   */
  respondWhole?(head: ResponseHead, options: ResponseOptions, bytes: Buffer, from: number): void;
  /** A complete answer made here; ends the request. */
  respond(answer: Answer): void;
  /** A complete answer to a request that failed; ends it. */
  respondError(error: GatewayError): void;
  /** The response is complete. `mustClose`: the connection cannot carry another. */
  onExchangeDone(mustClose: boolean): void;
  /** From now on bytes are passed on unread: `onBody` gets all that comes. */
  startTunnel(head: ResponseHead, changes: HeaderChanges): void;
  /** False when the client should be given time. Keeps no reference to the bytes. */
  writeTunnel(bytes: Buffer): boolean;
  /** Cuts the response: the only way to tell a client that a body is not complete. */
  abort(): void;
  /** Closes in order after what was written. */
  end(): void;
}
