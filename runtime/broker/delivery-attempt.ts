/**
 * One attempt to deliver an event of a trigger: to its subscriber, whose reply goes back into the log,
 * and when the delivery policy has no retry left to the dead letter sink. Says what is next, and
 * leaves the waiting to the dispatcher.
 */
import type { EventPredicate } from '../cloudevents/attribute-filter.ts';
import type { CloudEvent } from '../cloudevents/cloud-event.ts';
import { InvalidCloudEvent, withAttributes } from '../cloudevents/cloud-event.ts';
import { contentModeOf, decodeHttpEvent } from '../cloudevents/http-binding.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { DeliveryFailure, DeliveryPolicy } from './delivery-policy.ts';
import { deadLetterExtensions, parseRetryAfterMs, retryDelayMs } from './delivery-policy.ts';
import type { EventSender, SendResult } from './event-sender.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import type { StoredEvent } from './stored-event.ts';
import { ttlExtension } from './time-to-live.ts';
import type { TriggerCursor } from './trigger-cursor.ts';

/** What the Trigger and its Broker say at the moment. */
export interface DeliveryTarget {
  readonly subscriberUri: string;
  readonly deadLetterSinkUri: string | undefined;
  readonly brokerUri: string;
  readonly namespace: string;
  readonly policy: DeliveryPolicy;
  readonly wants: EventPredicate;
}

export interface DeliveryAttemptOptions {
  readonly cursor: TriggerCursor;
  readonly sender: EventSender;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives attempts up. */
  readonly signal: AbortSignal;
  /** Puts a subscriber's reply into the log. @throws when it cannot be stored. */
  readonly publishReply: (reply: StoredEvent) => Promise<void>;
}

export interface Delivery {
  readonly sequence: number;
  /** Without the TTL. */
  readonly event: CloudEvent;
  readonly stored: StoredEvent;
  readonly target: DeliveryTarget;
  /** Nothing that this delivery finds out counts any more. */
  readonly isStale: () => boolean;
}

export interface Retry {
  readonly type: 'retry';
  readonly state: Omit<Parameters<TriggerCursor['setState']>[1], 'dueMs'>;
  readonly delayMs: number;
}

export type DeliveryOutcome = { readonly type: 'settled' } | Retry;

const settled: DeliveryOutcome = { type: 'settled' };

export class DeliveryAttempt {
  private readonly options: DeliveryAttemptOptions;

  constructor(options: DeliveryAttemptOptions) {
    this.options = options;
  }

  async deliver(delivery: Delivery): Promise<DeliveryOutcome> {
    const state = this.options.cursor.stateOf(delivery.sequence);
    if (state?.stage === 'deadLetter') {
      return this.sendDeadLetter(delivery, state.extensions ?? {}, state.attempts);
    }
    const failure = await this.sendToSubscriber(delivery);
    if (!failure || delivery.isStale()) return settled;
    const attempts = (state?.attempts ?? 0) + 1;
    const delayMs = retryDelayMs(failure, attempts, delivery.target.policy);
    if (delayMs === undefined) return this.giveUp(delivery, failure, attempts);
    return { type: 'retry', state: { stage: 'subscriber', attempts }, delayMs };
  }

  /** undefined = delivered, and its reply stored. */
  private async sendToSubscriber(delivery: Delivery): Promise<DeliveryFailure | undefined> {
    const { event, stored, target } = delivery;
    const result = await this.options.sender.send(target.subscriberUri, event, {
      timeoutMs: target.policy.timeoutMs,
      format: target.policy.format,
      signal: this.options.signal,
      headers: { ...stored.headers, prefer: 'reply', 'kn-namespace': target.namespace },
    });
    if (!isSuccess(result)) return this.failureOf(target.subscriberUri, result);
    if (result.status === 202 || result.body.length === 0) {
      // A reply in binary mode may be all headers.
      if (result.status === 202 || contentModeOf(result.headers) !== 'binary') return undefined;
    }
    return this.storeReply(delivery, result);
  }

  private async storeReply(
    { stored, target }: Delivery,
    result: SendResult,
  ): Promise<DeliveryFailure | undefined> {
    let reply: CloudEvent;
    try {
      reply = decodeHttpEvent(result.headers, result.body);
    } catch (error) {
      if (!(error instanceof InvalidCloudEvent)) throw error;
      const detail = Buffer.from(`the answer is not a CloudEvent: ${error.message}`);
      return { status: 502, destination: target.subscriberUri, detail, retryAfterMs: undefined };
    }
    const ttl = stored.event.attributes.get(ttlExtension);
    try {
      const event = withAttributes(reply, { [ttlExtension]: ttl });
      await this.options.publishReply({ event, headers: forwardedHeaders(result.headers) });
      return undefined;
    } catch (error) {
      const status = error instanceof InvalidCloudEvent ? 400 : 503;
      const detail = Buffer.from(error instanceof Error ? error.message : String(error));
      return { status, destination: target.brokerUri, detail, retryAfterMs: undefined };
    }
  }

  private async giveUp(
    delivery: Delivery,
    failure: DeliveryFailure,
    attempts: number,
  ): Promise<DeliveryOutcome> {
    const { cursor, logger } = this.options;
    const { sequence, target, event } = delivery;
    const fields = {
      id: String(event.attributes.get('id')),
      destination: failure.destination,
      status: failure.status,
      attempts,
      detail: Buffer.from(failure.detail.subarray(0, 200)).toString('utf8'),
    };
    if (target.deadLetterSinkUri === undefined) {
      logger.warn('event dropped: delivery failed and there is no dead letter sink', fields);
      return settled;
    }
    logger.info('event goes to the dead letter sink', fields);
    const extensions = deadLetterExtensions(failure);
    // Remembered before the first attempt: a crash in between must not start over at the subscriber.
    cursor.setState(sequence, { stage: 'deadLetter', attempts: 0, dueMs: 0, extensions });
    return this.sendDeadLetter(delivery, extensions, 0);
  }

  private async sendDeadLetter(
    delivery: Delivery,
    extensions: Readonly<Record<string, string | number>>,
    attemptsBefore: number,
  ): Promise<DeliveryOutcome> {
    const { logger, sender } = this.options;
    const { sequence, target, event, stored } = delivery;
    const uri = target.deadLetterSinkUri;
    if (uri === undefined) {
      logger.warn('event dropped: its dead letter sink is gone', { sequence });
      return settled;
    }
    const result = await sender.send(uri, withAttributes(event, extensions), {
      timeoutMs: target.policy.timeoutMs,
      signal: this.options.signal,
      headers: { ...stored.headers, 'kn-namespace': target.namespace },
    });
    if (delivery.isStale() || isSuccess(result)) return settled;
    const failure = this.failureOf(uri, result);
    const attempts = attemptsBefore + 1;
    const delayMs = retryDelayMs(failure, attempts, target.policy);
    if (delayMs !== undefined)
      return { type: 'retry', state: { stage: 'deadLetter', attempts, extensions }, delayMs };
    logger.error('event lost: the dead letter sink failed too; it can be replayed', {
      sequence,
      id: String(event.attributes.get('id')),
      destination: uri,
      status: failure.status,
    });
    return settled;
  }

  private failureOf(destination: string, result: SendResult): DeliveryFailure {
    const header = result.headers['retry-after'];
    return {
      status: result.status,
      destination,
      detail: result.body,
      retryAfterMs: parseRetryAfterMs(
        typeof header === 'string' ? header : undefined,
        this.options.clock.now(),
      ),
    };
  }
}

const isSuccess = ({ status }: SendResult): boolean =>
  status !== undefined && status >= 200 && status < 300;
