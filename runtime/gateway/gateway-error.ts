/**
 * The gateway's own answers: one table of codes with their statuses, and the bytes of such an answer.
 * Texts that Knative also sends keep Knative's wording. Source: knative/serving pkg/activator/handler
 * and pkg/queue (status codes and bodies).
 */
import { errorHeader } from '../apis/knit.ts';

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
  'not-ready': 503,
  'shutting-down': 503,
  'request-timeout': 504,
  'version-unsupported': 505,
} as const;

export type GatewayErrorCode = keyof typeof gatewayErrorStatus;

/** A request that the gateway answers itself. The message goes to the client. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode;

  constructor(code: GatewayErrorCode, message: string) {
    super(message);
    this.name = 'GatewayError';
    this.code = code;
  }

  get status(): number {
    return gatewayErrorStatus[this.code];
  }
}

export interface ErrorResponseOptions {
  /** Name of the revision that the request was for; absent when no revision was chosen. */
  readonly revision?: string;
  /** The client's Accept header. */
  readonly accept?: string;
  /** The request was HEAD: no body follows the head. */
  readonly isHead?: boolean;
  /** Announces `Connection: close`. */
  readonly close: boolean;
}

/** The complete answer as a latin1 string: UTF-8 bytes of the body, one character each. */
export function errorResponse(error: GatewayError, options: ErrorResponseOptions): string {
  const { revision } = options;
  const isJson = acceptsJson(options.accept);
  const text = isJson
    ? JSON.stringify({ error: error.code, message: error.message, ...(revision && { revision }) })
    : `${error.message}\n`;
  const value = revision === undefined ? error.code : `${error.code}; revision=${revision}`;
  return plainResponse(error.status, text, {
    ...options,
    contentType: isJson ? 'application/json' : 'text/plain; charset=utf-8',
    headers: [[errorHeader, value]],
  });
}

/** A small complete answer made by the gateway, with its own headers. */
export function plainResponse(
  status: number,
  text: string,
  options: {
    readonly contentType?: string;
    readonly headers?: readonly (readonly [string, string])[];
    readonly isHead?: boolean;
    readonly close: boolean;
  },
): string {
  const body = Buffer.from(text, 'utf8');
  let head = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
  for (const [name, value] of options.headers ?? []) head += `${name}: ${value}\r\n`;
  if (options.contentType !== undefined) head += `Content-Type: ${options.contentType}\r\n`;
  if (status !== 204) head += `Content-Length: ${body.length}\r\n`;
  if (options.close) head += 'Connection: close\r\n';
  head += '\r\n';
  return options.isHead === true || status === 204 ? head : head + body.toString('latin1');
}

const acceptsJson = (accept: string | undefined): boolean =>
  accept !== undefined && accept.toLowerCase().includes('application/json');

const reasonPhrases: Readonly<Record<number, string>> = {
  202: 'Accepted',
  204: 'No Content',
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

const reasonPhrase = (status: number): string => reasonPhrases[status] ?? 'Unknown';
