/**
 * An error that the user can act on. Both hosts print only the message, without a stack, of any
 * error whose name is `ServerlessError`, so that pure code needs no reference to the host's class.
 */
export class UserError extends Error {
  override readonly name = 'ServerlessError';
  readonly code: string;

  /** `message`: what failed, why, what to do next. `code`: UPPER_SNAKE, stable. */
  constructor(message: string, code: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
