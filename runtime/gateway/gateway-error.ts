/**
 * The gateway's own errors: one table of codes with their statuses, and the answer to such an error.
 * Texts that Knative also sends keep Knative's wording. Source: knative/serving pkg/activator/handler
 * and pkg/queue (status codes and bodies).
 */
import { errorHeader } from '../apis/knit.ts';
import type { Answer } from './answer.ts';

/** Every code that can stand in `Knit-Error`, with the status that goes with it. */
export const gatewayErrorStatus = {
  'bad-request': 400,
  'host-not-found': 404,
  'path-not-found': 404,
  'revision-not-found': 404,
  'function-not-found': 404,
  'head-timeout': 408,
  'body-timeout': 408,
  'body-too-large': 413,
  'expectation-failed': 417,
  'head-too-large': 431,
  'backend-not-found': 500,
  'filter-unsupported': 500,
  'not-implemented': 501,
  'upstream-failed': 502,
  'queue-full': 503,
  'no-endpoints': 503,
  'not-ready': 503,
  'shutting-down': 503,
  'request-timeout': 504,
  'version-unsupported': 505,
} as const;

export type GatewayErrorCode = keyof typeof gatewayErrorStatus;

/** A request that the gateway answers itself. The message goes to the client. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode;
  /** Fields that the answer carries, such as Retry-After. */
  readonly headers: readonly (readonly [name: string, value: string])[];

  constructor(
    code: GatewayErrorCode,
    message: string,
    headers: readonly (readonly [name: string, value: string])[] = [],
  ) {
    super(message);
    this.name = 'GatewayError';
    this.code = code;
    this.headers = headers;
  }

  get status(): number {
    return gatewayErrorStatus[this.code];
  }
}

export interface ErrorAnswerOptions {
  /** Name of the revision that the request was for; absent when no revision was chosen. */
  readonly revision?: string | undefined;
  /** The client's Accept header. */
  readonly accept?: string | undefined;
}

export function errorAnswer(error: GatewayError, { revision, accept }: ErrorAnswerOptions): Answer {
  const isJson = acceptsJson(accept);
  return {
    status: error.status,
    headers: [
      [errorHeader, revision === undefined ? error.code : `${error.code}; revision=${revision}`],
      ...error.headers,
    ],
    body: isJson
      ? JSON.stringify({ error: error.code, message: error.message, ...(revision && { revision }) })
      : `${error.message}\n`,
    contentType: isJson ? 'application/json' : 'text/plain; charset=utf-8',
  };
}

const acceptsJson = (accept: string | undefined): boolean =>
  accept !== undefined && accept.toLowerCase().includes('application/json');
