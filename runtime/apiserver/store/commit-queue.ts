/**
 * Turns single writes into atomic batches of the journal: one commit at a time, everything written
 * meanwhile goes into the next. It decides when to commit and what a failed commit means, and
 * holds no objects but the ones that are not on disk yet.
 *
 * A failed commit: `sync` writes are given back to the store (`onRefused`) with the last state that
 * the disk has, and their writers are told; `behind` writes stay queued and are tried again.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { backoffMs } from '../../std/backoff.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { Journal } from './journal.ts';
import type { Durability } from './store.ts';

/** How long a `behind` write may wait for company: one flush per this time under steady scaling. */
const BEHIND_DELAY_MS = 20;
const RETRY = { initialMs: 250, maxMs: 10_000 };

export interface QueuedWrite {
  readonly key: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
  readonly durability: Durability;
}

export interface CommitQueueOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A record that goes with every batch: how far resourceVersions may have been used. */
  readonly stamp: () => readonly [key: string, value: string];
  /** The stamp of the last batch is on disk. */
  readonly onStamped: (value: string) => void;
  /** What a write's record says. */
  readonly encode: (key: string, object: KubeObject) => string;
  /** Sync writes that will never be on disk. `durable` is the state to return to. */
  readonly onRefused: (writes: readonly { key: string; durable: KubeObject | undefined }[]) => void;
}

interface Pending {
  /** What the disk has (or gets from the commit in flight). */
  readonly durable: KubeObject | undefined;
  readonly after: KubeObject | undefined;
  readonly isSync: boolean;
}

class Batch {
  readonly writes = new Map<string, Pending>();
  readonly settled: Promise<void>;
  resolve!: () => void;
  reject!: (reason: Error) => void;

  constructor() {
    this.settled = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Writers that wait see the rejection; that nobody may be waiting is no crash.
    this.settled.catch(() => {});
  }
}

export class CommitQueue {
  private readonly options: CommitQueueOptions;
  private next = new Batch();
  private inFlight: Batch | undefined;
  private cancelTimer: CancelTimer | undefined;
  private isStartScheduled = false;
  private mustStamp = false;
  private failures = 0;
  private lastFailure: string | undefined;

  constructor(options: CommitQueueOptions) {
    this.options = options;
  }

  /** Writes that the disk does not have yet. */
  get size(): number {
    return this.next.writes.size + (this.inFlight?.writes.size ?? 0);
  }

  /** Why the last commit failed; undefined after one that did not. */
  get problem(): string | undefined {
    return this.lastFailure;
  }

  /** @returns for `sync` a promise that settles with the commit; undefined for `behind`. */
  add(write: QueuedWrite): Promise<void> | undefined {
    const earlier = this.next.writes.get(write.key);
    const isSync = write.durability === 'sync';
    this.next.writes.set(write.key, {
      durable: earlier ? earlier.durable : write.before,
      after: write.after,
      isSync: isSync || (earlier?.isSync ?? false),
    });
    if (isSync) {
      this.startSoon();
      return this.next.settled;
    }
    this.startLater(BEHIND_DELAY_MS);
    return undefined;
  }

  /** A commit of its own for the stamp and whatever waits. Rejects when the disk refuses. */
  flush(): Promise<void> {
    const { settled } = this.next;
    this.mustStamp = true;
    this.startSoon();
    return settled;
  }

  /** Commits until nothing is left; gives up at the first failure. */
  async drain(): Promise<void> {
    for (;;) {
      if (this.inFlight) await this.inFlight.settled.catch(() => {});
      else if (this.next.writes.size === 0) return;
      else {
        this.start();
        if (this.failures > 0) return;
      }
      if (this.failures > 0 && !this.inFlight) return;
    }
  }

  stop(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  /** In this turn's end, so that writes of one turn share a commit. */
  private startSoon(): void {
    if (this.isStartScheduled || this.inFlight) return;
    this.isStartScheduled = true;
    setImmediate(() => {
      this.isStartScheduled = false;
      this.start();
    });
  }

  private startLater(delayMs: number): void {
    if (this.cancelTimer || this.inFlight || this.isStartScheduled) return;
    this.cancelTimer = this.options.clock.after(delayMs, () => {
      this.cancelTimer = undefined;
      this.start();
    });
  }

  private start(): void {
    if (this.inFlight || (this.next.writes.size === 0 && !this.mustStamp)) return;
    this.mustStamp = false;
    this.stop();
    const batch = this.next;
    this.inFlight = batch;
    this.next = new Batch();
    const { stamp, encode, onStamped } = this.options;
    const [stampKey, stampValue] = stamp();
    const records = new Map<string, string | undefined>([[stampKey, stampValue]]);
    for (const [key, { after }] of batch.writes)
      records.set(key, after === undefined ? undefined : encode(key, after));
    this.commit(records).then(
      () => {
        onStamped(stampValue);
        this.succeed(batch);
      },
      (error: unknown) => this.fail(batch, error as Error),
    );
  }

  /** A journal that throws instead of rejecting is a failed commit too. */
  private async commit(records: ReadonlyMap<string, string | undefined>): Promise<void> {
    await this.options.journal.commit(records);
  }

  private succeed(batch: Batch): void {
    this.inFlight = undefined;
    this.failures = 0;
    this.lastFailure = undefined;
    batch.resolve();
    this.goOn();
  }

  /**
   * What waits in the next batch was written on top of what failed, so its sync writes fail with it.
   * The store is told before the writers: whoever learns of the refusal reads the old state.
   */
  private fail(batch: Batch, error: Error): void {
    const later = this.next;
    this.inFlight = undefined;
    this.next = new Batch();
    this.failures++;
    this.lastFailure = error.message;
    this.options.logger.error('failed to commit to the store', {
      error: error.message,
      writes: batch.writes.size + later.writes.size,
      attempt: this.failures,
    });
    const refused: { key: string; durable: KubeObject | undefined }[] = [];
    for (const [key, write] of mergeWrites(batch.writes, later.writes)) {
      if (write.isSync) refused.push({ key, durable: write.durable });
      else this.next.writes.set(key, write);
    }
    this.options.onRefused(refused);
    batch.reject(error);
    later.reject(error);
    if (this.next.writes.size > 0) this.startLater(backoffMs(this.failures, RETRY));
  }

  private goOn(): void {
    if (this.mustStamp) {
      this.start();
      return;
    }
    for (const { isSync } of this.next.writes.values()) {
      if (!isSync) continue;
      this.start();
      return;
    }
    if (this.next.writes.size > 0) this.startLater(BEHIND_DELAY_MS);
  }
}

function mergeWrites(
  first: ReadonlyMap<string, Pending>,
  second: ReadonlyMap<string, Pending>,
): Map<string, Pending> {
  const merged = new Map(first);
  for (const [key, write] of second) {
    const earlier = merged.get(key);
    merged.set(
      key,
      earlier === undefined
        ? write
        : {
            durable: earlier.durable,
            after: write.after,
            isSync: earlier.isSync || write.isSync,
          },
    );
  }
  return merged;
}
