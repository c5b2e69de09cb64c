/**
 * Runs one function over keys, each key once however often it was named, off the caller's tick and
 * a few at a time. A key whose work waits for the disk is not started again before that settles;
 * when the disk refuses, it is tried again later. For the server's own background work only:
 * controllers use `kube/controller.ts`.
 */
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';

/** Keys per turn of the event loop, so that deleting 10,000 objects does not stop the server. */
const KEYS_PER_TURN = 50;
const RETRY_MS = 5_000;

export interface KeyWorkerOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Returns what to wait for before the key may run again. */
  readonly work: (key: string) => Promise<void> | undefined;
}

export class KeyWorker {
  private readonly options: KeyWorkerOptions;
  private readonly keys = new Set<string>();
  private readonly waiting = new Set<string>();
  private readonly missed = new Set<string>();
  private readonly timers = new Set<CancelTimer>();
  private isScheduled = false;
  private isStopped = false;

  constructor(options: KeyWorkerOptions) {
    this.options = options;
  }

  enqueue(key: string): void {
    if (this.isStopped) return;
    if (this.waiting.has(key)) {
      this.missed.add(key);
      return;
    }
    this.keys.add(key);
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.keys.clear();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      if (this.isStopped) return;
      let left = KEYS_PER_TURN;
      for (const key of this.keys) {
        if (left-- === 0) break;
        this.keys.delete(key);
        this.run(key);
      }
      if (this.keys.size > 0) this.schedule();
    });
  }

  private run(key: string): void {
    let settled: Promise<void> | undefined;
    try {
      settled = this.options.work(key);
    } catch (error) {
      settled = Promise.reject(error);
    }
    if (!settled) return;
    this.waiting.add(key);
    settled.then(
      () => {
        this.waiting.delete(key);
        if (this.missed.delete(key)) this.enqueue(key);
      },
      (error: unknown) => this.retryLater(key, error as Error),
    );
  }

  /** The key stays `waiting`, so that changes which the refusal itself caused do not run it in a loop. */
  private retryLater(key: string, error: Error): void {
    this.options.logger.warn('background work failed and will be tried again', {
      worker: this.options.name,
      key,
      error: error.message,
      retryMs: RETRY_MS,
    });
    const cancel = this.options.clock.after(RETRY_MS, () => {
      this.timers.delete(cancel);
      this.waiting.delete(key);
      this.missed.delete(key);
      this.enqueue(key);
    });
    this.timers.add(cancel);
  }
}
