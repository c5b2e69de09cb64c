/** What a request to an API server can fail with. */

/** The `Status` object that Kubernetes answers errors with. */
export interface ApiStatus {
  kind: 'Status';
  apiVersion: 'v1';
  status: 'Failure' | 'Success';
  code: number;
  reason?: string;
  message?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: { reason?: string; message?: string; field?: string }[];
    retryAfterSeconds?: number;
  };
}

/** The server answered, and refused. `reason` is Kubernetes' (NotFound, Conflict, AlreadyExists, Invalid...). */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: ApiStatus['details'];

  constructor(status: number, reason: string, message: string, details?: ApiStatus['details']) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.details = details;
  }

  /** Reads a response body, which should be a `Status` but may be anything a proxy made up. */
  static from(status: number, body: unknown): ApiError {
    if (typeof body === 'object' && body !== null && (body as ApiStatus).kind === 'Status') {
      const { reason, message, details } = body as ApiStatus;
      return new ApiError(status, reason ?? '', message ?? `status ${status}`, details);
    }
    return new ApiError(status, '', `the API server answered status ${status}`);
  }
}

/** No answer could be had: connection refused, broken or timed out. Always worth a retry. */
export class ApiUnreachable extends Error {
  readonly retryable = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiUnreachable';
  }
}

const hasStatus = (error: unknown, status: number): error is ApiError =>
  error instanceof ApiError && error.status === status;

export const isNotFound = (error: unknown): error is ApiError => hasStatus(error, 404);
/** 409 because the object changed since it was read; `isAlreadyExists` is the other 409. */
export const isConflict = (error: unknown): error is ApiError =>
  hasStatus(error, 409) && error.reason !== 'AlreadyExists';
export const isAlreadyExists = (error: unknown): error is ApiError =>
  hasStatus(error, 409) && error.reason === 'AlreadyExists';
