/**
 * How a container's end is noticed: by the child's exit event where it is our child, and for those
 * adopted after a restart by looking at /proc at a low rate, all of them from one timer.
 */
import type { CancelTimer, Clock } from '../std/clock.ts';
import { isAlive } from './process-identity.ts';

/** An adopted container's end is seen at most this late. */
const ADOPTED_POLL_MS = 1_000;

interface Watched {
  readonly pid: number;
  readonly startTicks: string;
  readonly onGone: () => void;
}

export class ExitWatch {
  private readonly clock: Clock;
  private readonly watched = new Set<Watched>();
  private cancel: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Calls `onGone` once, when that process exists no more. */
  add(watched: Watched): void {
    this.watched.add(watched);
    this.cancel ??= this.clock.every(ADOPTED_POLL_MS, () => this.poll());
  }

  close(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.watched.clear();
  }

  private poll(): void {
    for (const one of this.watched)
      if (!isAlive(one.pid, one.startTicks)) {
        this.watched.delete(one);
        one.onGone();
      }
    if (this.watched.size === 0) {
      this.cancel?.();
      this.cancel = undefined;
    }
  }
}
