/**
 * The watches that are open now, in process and over HTTP: each ends by its client, its timeout or
 * the server's close, whichever is first, and is told so once.
 */
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { ServerWatchEvent } from './watch.ts';

export interface WatchSubscription {
  /** Delivers what is due, goes on until the function that it returns is called. */
  readonly open: (onEvent: (event: ServerWatchEvent) => void, end: () => void) => () => void;
  readonly timeoutSeconds: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: ServerWatchEvent) => void;
  readonly onEnd: () => void;
}

export class OpenWatches {
  private readonly clock: Clock;
  private readonly ends = new Set<() => void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.ends.size;
  }

  /** @returns how to end it early. @throws {StatusError} when the server refuses the watch. */
  add({ open, timeoutSeconds, signal, onEvent, onEnd }: WatchSubscription): () => void {
    let isOver = signal?.aborted ?? false;
    let stop: (() => void) | undefined;
    let cancelTimer: CancelTimer | undefined;
    const end = (): void => {
      if (!this.ends.delete(end)) return;
      isOver = true;
      stop?.();
      cancelTimer?.();
      signal?.removeEventListener('abort', end);
      onEnd();
    };
    this.ends.add(end);
    if (isOver) {
      end();
      return end;
    }
    try {
      stop = open((event) => {
        if (!isOver) onEvent(event);
      }, end);
    } catch (error) {
      this.ends.delete(end);
      throw error;
    }
    // The consumer may have ended it from within one of the first events.
    if (isOver) {
      stop();
      return end;
    }
    signal?.addEventListener('abort', end, { once: true });
    if (timeoutSeconds !== undefined) cancelTimer = this.clock.after(timeoutSeconds * 1_000, end);
    return end;
  }

  closeAll(): void {
    for (const end of this.ends) end();
  }
}
