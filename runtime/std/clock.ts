/**
 * Time as an argument. Everything that reads the time or waits takes a `Clock`, so that a test or
 * a simulator can drive it. Only this file touches `Date.now` and the global timers.
 */

/** A handle that cancels a timer; calling it twice is harmless. */
export type CancelTimer = () => void;

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `callback` once after `delayMs` (>= 0). Timers do not keep the process alive. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** Runs `callback` every `periodMs` (> 0) until cancelled. */
  every(periodMs: number, callback: () => void): CancelTimer;
}

/** The machine's clock. */
export const systemClock: Clock = makeMachineClock({ keepsAlive: false });

/** The machine's clock for a command that waits for its own timers and for nothing else. */
export const foregroundClock: Clock = makeMachineClock({ keepsAlive: true });

function makeMachineClock({ keepsAlive }: { keepsAlive: boolean }): Clock {
  return {
    now: () => Date.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      if (!keepsAlive) timer.unref();
      return () => clearTimeout(timer);
    },
    every(periodMs, callback) {
      const timer = setInterval(callback, periodMs);
      if (!keepsAlive) timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** Waits on a clock; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
