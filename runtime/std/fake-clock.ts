/** A clock that moves only when told to: for tests and the simulator. */
import type { CancelTimer, Clock } from './clock.ts';

interface Timer {
  dueMs: number;
  readonly order: number;
  readonly periodMs: number | undefined;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  private nowMs: number;
  private order = 0;
  private readonly timers = new Set<Timer>();

  constructor(startMs = 1_700_000_000_000) {
    this.nowMs = startMs;
  }

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.add(delayMs, undefined, callback);
  }

  every(periodMs: number, callback: () => void): CancelTimer {
    return this.add(periodMs, periodMs, callback);
  }

  /** Moves time on by `ms`, firing timers in the order in which they are due. */
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const next = this.nextDue(until);
      if (!next) break;
      this.nowMs = next.dueMs;
      if (next.periodMs === undefined) this.timers.delete(next);
      else next.dueMs += next.periodMs;
      next.callback();
    }
    this.nowMs = until;
  }

  /** As `advance`, and lets promise callbacks run after each `stepMs`. */
  async advanceAsync(ms: number, stepMs = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private add(delayMs: number, periodMs: number | undefined, callback: () => void): CancelTimer {
    const timer = { dueMs: this.nowMs + delayMs, order: this.order++, periodMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  private nextDue(until: number): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.dueMs > until) continue;
      if (
        !best ||
        timer.dueMs < best.dueMs ||
        (timer.dueMs === best.dueMs && timer.order < best.order)
      )
        best = timer;
    }
    return best;
  }
}
