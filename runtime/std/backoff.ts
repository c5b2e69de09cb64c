/** Exponential backoff as a pure function of the attempt. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Delay before retry number `attempt` (from 1): initialMs * 2^(attempt-1), capped at maxMs. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  return Math.min(options.maxMs, options.initialMs * 2 ** Math.min(attempt - 1, 30));
}
