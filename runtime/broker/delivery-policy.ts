/**
 * What follows from the outcome of a delivery attempt. Pure: outcome and policy in, decision out.
 * Source: Knative Eventing delivery specification; backoff as its Go data plane has it, but linear
 * counts from 1 (d*n), so that the first retry waits too.
 */
import { parseIsoDurationMs } from '../apis/eventing/iso-duration.ts';
import type { DeliverySpec } from '../apis/eventing/types.ts';

/** A function may run for ten minutes, as in Knative Serving's largest revision timeout. */
const TIMEOUT_MS = 600_000;
/** No single wait is longer, however often an event has failed. */
const BACKOFF_MS_MAX = 3_600_000;
/** Longest Retry-After that is honoured where the spec does not say. */
const RETRY_AFTER_MS_MAX = 60_000;

/** What Knative ships as the brokers' default, where neither Trigger nor Broker says anything. */
export const defaultDelivery: DeliverySpec = {
  retry: 10,
  backoffPolicy: 'exponential',
  backoffDelay: 'PT0.2S',
};

export interface DeliveryPolicy {
  /** Attempts after the first. */
  readonly retries: number;
  readonly backoff: 'none' | 'linear' | 'exponential';
  readonly backoffMs: number;
  /** Of one attempt. */
  readonly timeoutMs: number;
  readonly retryAfterMsMax: number;
  readonly format: 'binary' | 'json';
}

/** Validated at admission; what is malformed all the same counts as absent. */
export function parseDeliveryPolicy(spec: DeliverySpec): DeliveryPolicy {
  const backoffMs = parseIsoDurationMs(spec.backoffDelay ?? '');
  return {
    retries: Math.max(0, spec.retry ?? 0),
    backoff: backoffMs === undefined ? 'none' : (spec.backoffPolicy ?? 'none'),
    backoffMs: backoffMs ?? 0,
    timeoutMs: parseIsoDurationMs(spec.timeout ?? '') || TIMEOUT_MS,
    retryAfterMsMax: parseIsoDurationMs(spec.retryAfterMax ?? '') ?? RETRY_AFTER_MS_MAX,
    format: spec.format ?? 'binary',
  };
}

export interface DeliveryFailure {
  /** The answer's status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly destination: string;
  /** Beginning of the answer's body, or of the transport's error. */
  readonly detail: Uint8Array;
  readonly retryAfterMs: number | undefined;
}

/** Transport errors, 5xx, 404, 408, 409 and 429; every other answer is final. */
export function isRetryable(status: number | undefined): boolean {
  if (status === undefined || status >= 500) return true;
  return status === 404 || status === 408 || status === 409 || status === 429;
}

/** How long to wait before the next attempt; undefined when there is to be none. `attempts` counts those made, from 1. */
export function retryDelayMs(
  failure: DeliveryFailure,
  attempts: number,
  policy: DeliveryPolicy,
): number | undefined {
  if (!isRetryable(failure.status) || attempts > policy.retries) return undefined;
  const waitMs = backoffDelayMs(attempts, policy);
  const mayAsk = failure.status === 429 || failure.status === 503;
  const askedMs = mayAsk ? Math.min(failure.retryAfterMs ?? 0, policy.retryAfterMsMax) : 0;
  return Math.max(waitMs, askedMs);
}

function backoffDelayMs(attempts: number, policy: DeliveryPolicy): number {
  switch (policy.backoff) {
    case 'none':
      return 0;
    case 'linear':
      return Math.min(BACKOFF_MS_MAX, policy.backoffMs * attempts);
    case 'exponential':
      return Math.min(BACKOFF_MS_MAX, policy.backoffMs * 2 ** Math.min(attempts - 1, 30));
  }
}

/** Retry-After as seconds or HTTP date, in ms from now; undefined when absent or malformed. */
export function parseRetryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** Raw bytes of the failing answer that a dead letter carries, before base64. */
const ERROR_DATA_BYTES_MAX = 1024;

/** The extensions that a dead letter gets. Without any answer the code is 500, as in Knative. */
export function deadLetterExtensions(failure: DeliveryFailure): Record<string, string | number> {
  const data = failure.detail.subarray(0, ERROR_DATA_BYTES_MAX);
  return {
    knativeerrordest: failure.destination,
    knativeerrorcode: failure.status ?? 500,
    ...(data.length === 0 ? {} : { knativeerrordata: Buffer.from(data).toString('base64') }),
  };
}
