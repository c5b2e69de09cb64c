/** Takes in one asynchronous invocation: collects its payload, answers 202, hands it to the queue. */
import type { AsyncInvocation, AsyncInvocations } from './async-invocations.ts';
import { EVENT_BYTES_MAX } from './async-invocations.ts';
import { GatewayError } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import type { RequestClient, RequestSink } from './request-sink.ts';

/** Fields that belong to the connection or are written anew for the delivery. */
const notKept = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-amz-invocation-type',
]);

export interface EventCollectorOptions {
  readonly head: RequestHead;
  readonly client: RequestClient;
  readonly queue: AsyncInvocations;
  readonly requestId: string;
}

export class EventCollector implements RequestSink {
  readonly hasResponseStarted = false;
  readonly wantsPayload = true;
  readonly isInvocation = true;
  readonly revision = undefined;
  mustClose: boolean;
  private readonly options: EventCollectorOptions;
  private readonly parts: Buffer[] = [];
  private bytes = 0;
  private isStarted = false;
  private isComplete = false;
  private isSettled = false;

  constructor(options: EventCollectorOptions) {
    this.options = options;
    this.mustClose = !options.head.keepAlive || options.head.minor === 0;
  }

  start(): void {
    this.isStarted = true;
    const { head, client } = this.options;
    // Collecting is all that happens to the body: the client may send it.
    if (head.expectsContinue && !this.isComplete) client.sendContinue();
    this.settle();
  }

  onBody(part: Buffer): void {
    this.bytes += part.length;
    if (this.bytes > EVENT_BYTES_MAX)
      throw new GatewayError(
        'body-too-large',
        `payload of an asynchronous invocation exceeds ${EVENT_BYTES_MAX} bytes`,
      );
    this.parts.push(part);
  }

  onBodyEnd(): void {
    this.isComplete = true;
    this.settle();
  }

  onClientDrain(): void {
    // Nothing is streamed to the client.
  }

  onClientGone(): void {
    this.isSettled = true;
  }

  fail(error: GatewayError): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.options.client.respondError(error);
  }

  private settle(): void {
    if (!this.isStarted || !this.isComplete || this.isSettled) return;
    const { client, queue, requestId } = this.options;
    try {
      queue.enqueue(this.invocation());
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(error);
      return;
    }
    this.isSettled = true;
    client.respond({ status: 202, headers: [['X-Amzn-RequestId', requestId]], body: '' });
  }

  private invocation(): AsyncInvocation {
    const { head, requestId } = this.options;
    const headers: [string, string][] = [];
    for (let index = 0; index < head.names.length; index++) {
      const name = head.names[index]!;
      if (!notKept.has(name) && !head.connectionOptions.includes(name))
        headers.push([head.rawNames[index]!, head.values[index]!]);
    }
    if (!head.names.includes('x-request-id')) headers.push(['X-Request-Id', requestId]);
    return {
      target: head.target,
      host: head.authority,
      headers,
      payload: Buffer.concat(this.parts),
    };
  }
}
