/**
 * Works one trigger's way through a broker's log: reads on from the cursor, filters, keeps a bounded
 * number of deliveries in flight and of events that wait for a retry. Order is not kept: a failing
 * event waits while later ones go on. An event is settled only when it was delivered, dead-lettered,
 * or given up with a log line; until then a crash delivers it again. What one delivery is, and when
 * it is tried again, is in delivery-attempt.ts.
 */
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { withAttributes } from '../cloudevents/cloud-event.ts';
import type { CancelTimer } from '../std/clock.ts';
import type {
  Delivery,
  DeliveryAttemptOptions,
  DeliveryOutcome,
  DeliveryTarget,
  Retry,
} from './delivery-attempt.ts';
import { DeliveryAttempt } from './delivery-attempt.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import type { StoredEvent } from './stored-event.ts';
import { decodeStoredEvent } from './stored-event.ts';
import { ttlExtension } from './time-to-live.ts';

/** Requests in flight to one subscriber: enough to fill a function that scales, not to drown one that does not. */
const PARALLELISM_MAX = 64;
/** Events that wait for a retry at once; then reading stops until some are settled. */
const WAITING_MAX = 4096;
const READ_RECORDS_MAX = 256;

export interface TriggerDispatcherOptions extends Omit<DeliveryAttemptOptions, 'signal'> {
  readonly log: EventLog;
}

export class TriggerDispatcher {
  private readonly options: TriggerDispatcherOptions;
  private readonly stopping = new AbortController();
  private readonly attempt: DeliveryAttempt;
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
    this.attempt = new DeliveryAttempt({ ...options, signal: this.stopping.signal });
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
    const delivery: Delivery = {
      sequence: record.sequence,
      event,
      stored,
      target,
      // Shut down or rewound since.
      isStale: () => this.stopping.signal.aborted || epoch !== this.epoch,
    };
    void this.attempt
      .deliver(delivery)
      .then((outcome) => this.conclude(delivery, outcome))
      .catch((error: unknown) => {
        logger.error('delivery failed unexpectedly', { error: String(error) });
        if (epoch === this.epoch) this.wait(record.sequence, this.options.clock.now() + 1000);
      })
      .finally(() => {
        if (this.inFlight.get(record.sequence) === epoch) this.inFlight.delete(record.sequence);
        this.wake();
      });
  }

  /** What the attempt came to, unless nothing that it found out counts any more. */
  private conclude(delivery: Delivery, outcome: DeliveryOutcome): void {
    if (delivery.isStale()) return;
    if (outcome.type === 'settled') this.options.cursor.settle(delivery.sequence);
    else this.retry(delivery.sequence, outcome);
  }

  private retry(sequence: number, { state, delayMs }: Retry): void {
    const dueMs = this.options.clock.now() + delayMs;
    this.options.cursor.setState(sequence, { ...state, dueMs });
    this.wait(sequence, dueMs);
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
}
