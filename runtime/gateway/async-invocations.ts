/**
 * Lambda's asynchronous invocations: accepted with 202, kept in memory in a bounded queue, delivered
 * through the gateway's own listener as ordinary calls, and tried again as Lambda does. Not durable:
 * what is queued dies with the process (events that must not be lost go to a broker).
 * Source: AWS Lambda developer guide, asynchronous invocation (two retries, after 1 and 2 minutes).
 */
import http from 'node:http';
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { GatewayError } from './gateway-error.ts';

/** Payload of one event; Lambda's limit. */
export const EVENT_BYTES_MAX = 1024 * 1024;
/** Bytes of all that waits, retries included. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** What an invocation takes beside its payload, path and header fields, roughly. */
const ENTRY_BYTES = 512;
/** Deliveries at once; the throttlers of the revisions do the finer work. */
const DELIVERIES_MAX = 256;
const RETRY_DELAYS_MS = [60_000, 120_000];

export interface AsyncInvocation {
  /** Path of the Invoke API with its query. */
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly payload: Buffer;
}

export interface AsyncInvocationsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The listener that deliveries go to. */
  readonly address: () => { readonly host: string; readonly port: number };
}

export class AsyncInvocations {
  private readonly options: AsyncInvocationsOptions;
  private readonly waiting: { invocation: AsyncInvocation; attempt: number }[] = [];
  private readonly timers = new Set<CancelTimer>();
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: DELIVERIES_MAX });
  private queuedBytes = 0;
  private underWay = 0;
  private isClosed = false;

  constructor(options: AsyncInvocationsOptions) {
    this.options = options;
  }

  /** @throws {GatewayError} queue-full. */
  enqueue(invocation: AsyncInvocation): void {
    const bytes = sizeOf(invocation);
    if (this.queuedBytes + bytes > QUEUE_BYTES_MAX)
      throw new GatewayError('queue-full', 'too many asynchronous invocations are waiting');
    this.queuedBytes += bytes;
    this.waiting.push({ invocation, attempt: 1 });
    this.pump();
  }

  close(): void {
    this.isClosed = true;
    const lost = this.waiting.length + this.timers.size + this.underWay;
    if (lost > 0) this.options.logger.warn('asynchronous invocations are lost', { count: lost });
    for (const cancel of this.timers) cancel();
    this.agent.destroy();
  }

  private pump(): void {
    while (this.underWay < DELIVERIES_MAX && !this.isClosed) {
      const next = this.waiting.shift();
      if (!next) return;
      this.underWay += 1;
      void this.deliver(next.invocation).then((failure) => {
        this.underWay -= 1;
        this.settle(next, failure);
        this.pump();
      });
    }
  }

  private settle(
    entry: { invocation: AsyncInvocation; attempt: number },
    failure: string | undefined,
  ): void {
    const { invocation, attempt } = entry;
    const delayMs = failure === undefined ? undefined : RETRY_DELAYS_MS[attempt - 1];
    if (this.isClosed) return;
    if (delayMs === undefined) {
      this.queuedBytes -= sizeOf(invocation);
      if (failure !== undefined)
        this.options.logger.warn('asynchronous invocation failed for good', {
          path: invocation.target,
          attempt,
          error: failure,
        });
      return;
    }
    const cancel = this.options.clock.after(delayMs, () => {
      this.timers.delete(cancel);
      this.waiting.push({ invocation, attempt: attempt + 1 });
      this.pump();
    });
    this.timers.add(cancel);
  }

  /** Why the invocation failed, or undefined. */
  private deliver({
    target,
    host,
    headers,
    payload,
  }: AsyncInvocation): Promise<string | undefined> {
    const { address } = this.options;
    return new Promise((resolve) => {
      const request = http.request({
        ...address(),
        agent: this.agent,
        method: 'POST',
        path: target,
        headers: {
          ...Object.fromEntries(headers),
          Host: host,
          'Content-Length': payload.length,
          'X-Amz-Invocation-Type': 'RequestResponse',
        },
      });
      request.on('error', (error) => resolve(error.message));
      request.on('response', (response) => {
        const { statusCode = 0, headers: fields } = response;
        const functionError = fields['x-amz-function-error'];
        response.resume();
        response.on('close', () =>
          resolve(
            functionError !== undefined
              ? `function error: ${String(functionError)}`
              : statusCode >= 400
                ? `status ${statusCode}`
                : undefined,
          ),
        );
      });
      request.end(payload);
    });
  }
}

/** Without the head an endless number of events without payload would fit. */
function sizeOf({ target, headers, payload }: AsyncInvocation): number {
  let bytes = ENTRY_BYTES + target.length + payload.length;
  for (const [name, value] of headers) bytes += name.length + value.length;
  return bytes;
}
