/** Errors that a user of `knit` reads: what failed, why, what to do next. One line, no stack trace. */
export class CommandError extends Error {
  /** 1 for a failure, 2 for wrong usage, 3 for "not running". */
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandError';
    this.exitCode = options.exitCode ?? 1;
  }
}

export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, { exitCode: 2 });
    this.name = 'UsageError';
  }
}
