/**
 * The reconciler shell: a work queue of keys and workers that reconcile them. Level-triggered: a key
 * says only that something about the object may have changed. One worker per key at a time; a key
 * added while it is worked on is worked on again afterwards.
 * Source: client-go util/workqueue and controller-runtime pkg/internal/controller (behaviour).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { keyOf } from '../apis/meta/object.ts';
import { backoffMs } from '../std/backoff.ts';
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { ApiUnreachable, isConflict } from './api-error.ts';
import type { Informer } from './informer.ts';

/** Thrown by a reconciler for what no retry will mend: wait for the next change. */
export class TerminalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TerminalError';
  }
}

export interface ReconcileResult {
  /** Look at the key again after this time, without counting it as a failure. */
  readonly requeueAfterMs?: number | undefined;
}

export interface ControllerOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default 8 keys at once */
  readonly concurrency?: number;
  readonly reconcile: (key: string) => Promise<ReconcileResult | void>;
}

/** First retry after 5 ms, doubling to 30 s: controllers here are local and cheap to run. */
const RETRY = { initialMs: 5, maxMs: 30_000 };

export class Controller {
  readonly name: string;
  private readonly options: ControllerOptions;
  private readonly queue = new Set<string>();
  private readonly working = new Set<string>();
  private readonly dirty = new Set<string>();
  private readonly failures = new Map<string, number>();
  private readonly timers = new Map<string, { dueMs: number; cancel: CancelTimer }>();
  private isRunning = false;
  private stopped: (() => void) | undefined;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.options = options;
  }

  /** Adds a key; one that waits already is not added twice. */
  enqueue(key: string): void {
    if (this.working.has(key)) this.dirty.add(key);
    else this.queue.add(key);
    this.pump();
  }

  /** Adds a key after a while; of several delays the earliest counts. */
  enqueueAfter(key: string, delayMs: number): void {
    const dueMs = this.options.clock.now() + delayMs;
    const pending = this.timers.get(key);
    if (pending && pending.dueMs <= dueMs) return;
    pending?.cancel();
    const cancel = this.options.clock.after(delayMs, () => {
      this.timers.delete(key);
      this.enqueue(key);
    });
    this.timers.set(key, { dueMs, cancel });
  }

  /** Enqueues the keys that a change of the informer's objects concerns; by default the object's own. */
  watch<T extends KubeObject>(
    informer: Informer<T>,
    mapToKeys: (object: T) => readonly string[] = (object) => [keyOf(object.metadata)],
  ): void {
    informer.onChange(({ object, old }) => {
      const keys = new Set(mapToKeys(object));
      if (old) for (const key of mapToKeys(old)) keys.add(key);
      for (const key of keys) this.enqueue(key);
    });
  }

  /** Works until the signal aborts; resolves when the last reconcile has returned. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const done = new Promise<void>((resolve) => {
      this.stopped = resolve;
    });
    this.isRunning = true;
    signal.addEventListener('abort', () => this.stop(), { once: true });
    this.pump();
    await done;
  }

  private stop(): void {
    this.isRunning = false;
    for (const { cancel } of this.timers.values()) cancel();
    this.timers.clear();
    if (this.working.size === 0) this.stopped?.();
  }

  private pump(): void {
    const concurrency = this.options.concurrency ?? 8;
    while (this.isRunning && this.working.size < concurrency) {
      const next = this.queue.values().next();
      if (next.done) return;
      this.queue.delete(next.value);
      this.working.add(next.value);
      void this.work(next.value);
    }
  }

  private async work(key: string): Promise<void> {
    try {
      const result = await this.options.reconcile(key);
      this.failures.delete(key);
      if (result?.requeueAfterMs !== undefined && this.isRunning)
        this.enqueueAfter(key, result.requeueAfterMs);
    } catch (error) {
      this.retry(key, error);
    }
    this.working.delete(key);
    if (this.dirty.delete(key)) this.queue.add(key);
    if (this.isRunning) this.pump();
    else if (this.working.size === 0) this.stopped?.();
  }

  private retry(key: string, error: unknown): void {
    const { logger, name } = this.options;
    const attempt = (this.failures.get(key) ?? 0) + 1;
    const fields = { controller: name, key, attempt, error: describe(error) };
    if (error instanceof TerminalError) {
      this.failures.delete(key);
      logger.warn('reconcile failed for good', fields);
      return;
    }
    this.failures.set(key, attempt);
    // A stale cache is everyday: say it only when it does not pass.
    if (isConflict(error) && attempt < 5) logger.debug('reconcile conflicted', fields);
    else if (error instanceof ApiUnreachable) logger.debug('reconcile found no API server', fields);
    else logger.warn('reconcile failed', fields);
    if (this.isRunning) this.enqueueAfter(key, backoffMs(attempt, RETRY));
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${describe(error.cause)}`;
  return `${error.message}${cause}`;
}
