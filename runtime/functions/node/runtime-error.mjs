/**
 * Error objects as Lambda's Node.js runtime reports them: `{errorType, errorMessage, trace}`.
 */

/** A failure with the type that Lambda gives it, e.g. `Runtime.HandlerNotFound`. */
export class RuntimeError extends Error {
  constructor(type, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = type;
  }
}

/** A failure that a custom runtime described itself; passed on as it is. */
export class ReportedError extends Error {
  constructor(described) {
    super(String(described?.errorMessage ?? 'the runtime reported an error'));
    this.described = described;
  }
}

/** Anything thrown or rejected with, described; never throws, whatever it is given. */
export function describeError(error) {
  if (error instanceof ReportedError) return error.described;
  if (error instanceof Error || (typeof error === 'object' && error !== null && 'stack' in error)) {
    const stack = typeof error.stack === 'string' ? error.stack.split('\n') : [];
    const type = error.name && error.name !== 'Error' ? error.name : error.constructor?.name;
    return {
      errorType: String(type ?? 'Error'),
      errorMessage: String(error.message ?? ''),
      trace: stack,
    };
  }
  return { errorType: typeof error, errorMessage: describeValue(error), trace: [] };
}

function describeValue(value) {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Cyclic, or a toJSON that throws.
    return Object.prototype.toString.call(value);
  }
}

/** A wrong handler setting or a missing file: our stack trace would tell the user nothing. */
export const isUserMistake = (error) =>
  error instanceof RuntimeError &&
  (error.cause === undefined || error.name === 'Runtime.HandlerNotFound');
