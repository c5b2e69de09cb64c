/**
 * Delivers a broker's events to one trigger's subscriber: reads on from the cursor, filters, sends
 * with bounded parallelism, retries by the delivery policy, ends at the dead letter sink. Order is
 * not kept: a failing event waits while later ones go on. An event is settled only when it was
 * delivered, dead-lettered, or given up with a log line; until then a crash delivers it again.
 */
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventPredicate } from '../cloudevents/attribute-filter.ts';
import type { CloudEvent } from '../cloudevents/cloud-event.ts';
import { InvalidCloudEvent, withAttributes } from '../cloudevents/cloud-event.ts';
import { contentModeOf, decodeHttpEvent } from '../cloudevents/http-binding.ts';
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { DeliveryFailure, DeliveryPolicy } from './delivery-policy.ts';
import { deadLetterExtensions, parseRetryAfterMs, retryDelayMs } from './delivery-policy.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import type { EventSender, SendResult } from './event-sender.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import type { StoredEvent } from './stored-event.ts';
import { decodeStoredEvent } from './stored-event.ts';
import type { TriggerCursor } from './trigger-cursor.ts';
import { ttlExtension } from './time-to-live.ts';

/** Requests in flight to one subscriber: enough to fill a function that scales, not to drown one that does not. */
const PARALLELISM_MAX = 64;
/** Events that wait for a retry at once; then reading stops until some are settled. */
const WAITING_MAX = 4096;
const READ_RECORDS_MAX = 256;

/** What the Trigger and its Broker say at the moment. */
export interface DeliveryTarget {
  readonly subscriberUri: string;
  readonly deadLetterSinkUri: string | undefined;
  readonly brokerUri: string;
  readonly namespace: string;
  readonly policy: DeliveryPolicy;
  readonly wants: EventPredicate;
}

export interface TriggerDispatcherOptions {
  readonly log: EventLog;
  readonly cursor: TriggerCursor;
  readonly sender: EventSender;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Puts a subscriber's reply into the log. @throws when it cannot be stored. */
  readonly publishReply: (reply: StoredEvent) => Promise<void>;
}

export class TriggerDispatcher {
  private readonly options: TriggerDispatcherOptions;
  private readonly stopping = new AbortController();
  private readonly unsubscribe: () => void;
  private target: DeliveryTarget | undefined;
  private readPosition: number;
  /** Sequence to the epoch in which it was sent. */
  private readonly inFlight = new Map<number, number>();
  /** Sequences that wait for their time. */
  private readonly timers = new Map<number, CancelTimer>();
  /** Sequences whose time has come. */
  private readonly due = new Set<number>();
  private pumping: Promise<void> | undefined;
  private isWoken = false;
  /** Rises with each rewind, so that what was in flight before it settles nothing after it. */
  private epoch = 0;

  constructor(options: TriggerDispatcherOptions) {
    this.options = options;
    setMaxListeners(0, this.stopping.signal); // One for each request in flight.
    this.readPosition = options.cursor.floor;
    this.unsubscribe = options.log.onAppend(() => this.wake());
    for (const [sequence, { dueMs }] of options.cursor.openStates) this.wait(sequence, dueMs);
  }

  /** Sequences from here on are needed; undefined target or not. */
  get floor(): number {
    return this.options.cursor.floor;
  }

  /** Without a target (subscriber not resolved yet) events wait in the log. */
  get hasTarget(): boolean {
    return this.target !== undefined;
  }

  setTarget(target: DeliveryTarget | undefined): void {
    this.target = target;
    this.wake();
  }

  /** Delivers again from a sequence on. */
  async rewind(sequence: number): Promise<void> {
    this.epoch += 1;
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    this.due.clear();
    this.inFlight.clear();
    await this.options.cursor.rewind(sequence);
    this.readPosition = sequence;
    this.wake();
  }

  /** Stops sending; what is in flight is given up and delivered again after the next start. */
  async close(): Promise<void> {
    this.unsubscribe();
    this.stopping.abort(new Error('the broker is stopping'));
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    await this.pumping;
    await this.options.cursor.close();
  }

  private wake(): void {
    this.isWoken = true;
    this.pumping ??= this.pump().finally(() => {
      this.pumping = undefined;
      if (this.isWoken && !this.stopping.signal.aborted) this.wake();
    });
  }

  private async pump(): Promise<void> {
    while (this.isWoken && !this.stopping.signal.aborted) {
      this.isWoken = false;
      try {
        await this.startDue();
        await this.readOn();
      } catch (error) {
        this.options.logger.error('failed to read the event log', { error: String(error) });
        this.options.clock.after(1000, () => this.wake());
        return;
      }
    }
  }

  private hasRoom(): boolean {
    return (
      this.target !== undefined &&
      !this.stopping.signal.aborted &&
      this.inFlight.size < PARALLELISM_MAX &&
      this.timers.size + this.due.size < WAITING_MAX
    );
  }

  private async startDue(): Promise<void> {
    for (const sequence of this.due) {
      if (!this.target || this.inFlight.size >= PARALLELISM_MAX) return;
      this.due.delete(sequence);
      const { records } = await this.options.log.read(sequence, 1);
      const record = records[0];
      if (record?.sequence === sequence) this.start(record);
      else this.options.cursor.settle(sequence); // Gone by retention or damage, which the log reports.
    }
  }

  private async readOn(): Promise<void> {
    const { log } = this.options;
    while (this.hasRoom()) {
      const from = this.readPosition;
      const epoch = this.epoch;
      const { records, next } = await log.read(from, READ_RECORDS_MAX);
      if (epoch !== this.epoch) continue;
      if (next === from && records.length === 0) return;
      for (const record of records) {
        this.skip(record.sequence);
        if (!this.hasRoom()) return;
        this.readPosition = record.sequence + 1;
        this.consider(record);
      }
      this.skip(next);
      await nextTurn();
    }
  }

  /** Sequences that are in no file any more (retention, damage) are settled by definition. */
  private skip(to: number): void {
    const { cursor } = this.options;
    if (this.readPosition >= to) return;
    if (cursor.floor >= this.readPosition) cursor.skipTo(to);
    else for (let gap = this.readPosition; gap < to; gap++) cursor.settle(gap);
    this.readPosition = to;
  }

  private consider(record: LogRecord): void {
    const { cursor } = this.options;
    const { sequence } = record;
    if (cursor.isSettled(sequence) || this.inFlight.has(sequence)) return;
    if (this.timers.has(sequence) || this.due.has(sequence)) return;
    this.start(record);
  }

  private start(record: LogRecord): void {
    const { cursor, logger } = this.options;
    const { target, epoch } = this;
    if (!target) return;
    let stored: StoredEvent;
    try {
      stored = decodeStoredEvent(record.body);
    } catch (error) {
      logger.error('stored event cannot be read', {
        sequence: record.sequence,
        error: String(error),
      });
      cursor.settle(record.sequence);
      return;
    }
    // The TTL is the broker's own business: neither filters nor subscribers see it.
    const event = withAttributes(stored.event, { [ttlExtension]: undefined });
    if (!cursor.stateOf(record.sequence) && !target.wants(event)) {
      cursor.settle(record.sequence);
      return;
    }
    this.inFlight.set(record.sequence, epoch);
    const delivery = { sequence: record.sequence, event, stored, target, epoch };
    void this.deliver(delivery)
      .catch((error: unknown) => {
        logger.error('delivery failed unexpectedly', { error: String(error) });
        if (epoch === this.epoch) this.wait(record.sequence, this.options.clock.now() + 1000);
      })
      .finally(() => {
        if (this.inFlight.get(record.sequence) === epoch) this.inFlight.delete(record.sequence);
        this.wake();
      });
  }

  private async deliver(delivery: Delivery): Promise<void> {
    const state = this.options.cursor.stateOf(delivery.sequence);
    if (state?.stage === 'deadLetter') {
      await this.sendDeadLetter(delivery, state.extensions ?? {}, state.attempts);
      return;
    }
    const failure = await this.sendToSubscriber(delivery);
    if (this.isStale(delivery)) return;
    if (!failure) {
      this.options.cursor.settle(delivery.sequence);
      return;
    }
    const attempts = (state?.attempts ?? 0) + 1;
    const delayMs = retryDelayMs(failure, attempts, delivery.target.policy);
    if (delayMs !== undefined) this.retry(delivery, { stage: 'subscriber', attempts }, delayMs);
    else await this.giveUp(delivery, failure, attempts);
  }

  /** undefined = delivered, and its reply stored. */
  private async sendToSubscriber(delivery: Delivery): Promise<DeliveryFailure | undefined> {
    const { event, stored, target } = delivery;
    const result = await this.options.sender.send(target.subscriberUri, event, {
      timeoutMs: target.policy.timeoutMs,
      format: target.policy.format,
      signal: this.stopping.signal,
      headers: { ...stored.headers, prefer: 'reply', 'kn-namespace': target.namespace },
    });
    if (result.status === undefined || result.status < 200 || result.status >= 300)
      return this.failureOf(target.subscriberUri, result);
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
  ): Promise<void> {
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
      cursor.settle(sequence);
      return;
    }
    logger.info('event goes to the dead letter sink', fields);
    const extensions = deadLetterExtensions(failure);
    // Remembered before the first attempt: a crash in between must not start over at the subscriber.
    cursor.setState(sequence, { stage: 'deadLetter', attempts: 0, dueMs: 0, extensions });
    await this.sendDeadLetter(delivery, extensions, 0);
  }

  private async sendDeadLetter(
    delivery: Delivery,
    extensions: Readonly<Record<string, string | number>>,
    attemptsBefore: number,
  ): Promise<void> {
    const { cursor, logger, sender } = this.options;
    const { sequence, target, event, stored } = delivery;
    const uri = target.deadLetterSinkUri;
    if (uri === undefined) {
      logger.warn('event dropped: its dead letter sink is gone', { sequence });
      cursor.settle(sequence);
      return;
    }
    const result = await sender.send(uri, withAttributes(event, extensions), {
      timeoutMs: target.policy.timeoutMs,
      signal: this.stopping.signal,
      headers: { ...stored.headers, 'kn-namespace': target.namespace },
    });
    if (this.isStale(delivery)) return;
    if (result.status !== undefined && result.status >= 200 && result.status < 300) {
      cursor.settle(sequence);
      return;
    }
    const failure = this.failureOf(uri, result);
    const attempts = attemptsBefore + 1;
    const delayMs = retryDelayMs(failure, attempts, target.policy);
    if (delayMs !== undefined) {
      this.retry(delivery, { stage: 'deadLetter', attempts, extensions }, delayMs);
      return;
    }
    logger.error('event lost: the dead letter sink failed too; it can be replayed', {
      sequence,
      id: String(event.attributes.get('id')),
      destination: uri,
      status: failure.status,
    });
    cursor.settle(sequence);
  }

  private retry(
    delivery: Delivery,
    state: Omit<Parameters<TriggerCursor['setState']>[1], 'dueMs'>,
    delayMs: number,
  ): void {
    const dueMs = this.options.clock.now() + delayMs;
    this.options.cursor.setState(delivery.sequence, { ...state, dueMs });
    this.wait(delivery.sequence, dueMs);
  }

  private wait(sequence: number, dueMs: number): void {
    const delayMs = Math.max(0, dueMs - this.options.clock.now());
    const cancel = this.options.clock.after(delayMs, () => {
      this.timers.delete(sequence);
      this.due.add(sequence);
      this.wake();
    });
    this.timers.set(sequence, cancel);
  }

  /** Shut down or rewound since: nothing that this delivery found out counts any more. */
  private isStale(delivery: Delivery): boolean {
    return this.stopping.signal.aborted || delivery.epoch !== this.epoch;
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

interface Delivery {
  readonly sequence: number;
  /** Without the TTL. */
  readonly event: CloudEvent;
  readonly stored: StoredEvent;
  readonly target: DeliveryTarget;
  readonly epoch: number;
}
