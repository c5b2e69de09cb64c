/** Whether and when a container that ended starts again, as a pure function. Source: kubelet back-off (behaviour). */

export interface RestartHistory {
  /** Restarts that waited, since the back-off was last forgotten. */
  readonly backoffCount: number;
}

export interface RestartDecision {
  readonly shouldRestart: boolean;
  /** 0 = at once. */
  readonly delayMs: number;
  readonly history: RestartHistory;
}

const BACKOFF_MS_INITIAL = 10_000;
const BACKOFF_MS_MAX = 300_000;
/** A container that ran this long is not crash-looping: twice the longest back-off. */
const FORGET_AFTER_MS = 600_000;

export const freshHistory: RestartHistory = { backoffCount: 0 };

/** The first restart is immediate, the following ones wait 10 s, 20 s, 40 s ... 5 min. */
export function decideRestart(options: {
  readonly restartPolicy: string | undefined;
  readonly exitCode: number;
  readonly ranForMs: number;
  readonly history: RestartHistory;
}): RestartDecision {
  const { restartPolicy = 'Always', exitCode, ranForMs } = options;
  const shouldRestart =
    restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
  const count = ranForMs >= FORGET_AFTER_MS ? 0 : options.history.backoffCount;
  const delayMs =
    count === 0 ? 0 : Math.min(BACKOFF_MS_MAX, BACKOFF_MS_INITIAL * 2 ** Math.min(count - 1, 10));
  return { shouldRestart, delayMs, history: { backoffCount: count + 1 } };
}

/** Retry of a start that could not even be tried (missing image, missing Secret). */
export function startRetryMs(attempt: number): number {
  return Math.min(BACKOFF_MS_MAX, 1_000 * 2 ** Math.min(attempt, 10));
}
