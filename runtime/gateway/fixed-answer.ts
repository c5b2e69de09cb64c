/** Answers a request with what was known before its body came: lets the body go by first. */
import type { Answer } from './answer.ts';
import type { GatewayError } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import type { RequestClient, RequestSink } from './request-sink.ts';

export class FixedAnswer implements RequestSink {
  readonly hasResponseStarted = false;
  readonly wantsPayload = true;
  readonly isInvocation: boolean;
  readonly revision = undefined;
  mustClose: boolean;
  private readonly client: RequestClient;
  private readonly answer: Answer;
  private isStarted = false;
  private isComplete = false;

  constructor(head: RequestHead, client: RequestClient, answer: Answer, isInvocation = false) {
    this.client = client;
    this.answer = answer;
    this.isInvocation = isInvocation;
    this.mustClose = !head.keepAlive || head.minor === 0;
  }

  start(): void {
    this.isStarted = true;
    this.settle();
  }

  onBody(): void {
    // The payload is not looked at.
  }

  onBodyEnd(): void {
    this.isComplete = true;
    this.settle();
  }

  onClientDrain(): void {
    // Nothing is streamed to the client.
  }

  onClientGone(): void {
    this.isStarted = false;
  }

  fail(error: GatewayError): void {
    this.client.respondError(error);
  }

  private settle(): void {
    if (this.isStarted && this.isComplete) this.client.respond(this.answer);
  }
}
