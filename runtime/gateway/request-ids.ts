/**
 * Values for X-Request-Id: unique, not secret, in the form of a UUID. A random start and a counter
 * cost a tenth of a random UUID per request.
 */
import { randomBytes } from 'node:crypto';

/** Hex digits of the counter, the last group of the UUID. */
const COUNTER_DIGITS = 12;

export function makeRequestIds(): () => string {
  const seed = randomBytes(10).toString('hex');
  const start = `${seed.slice(0, 8)}-${seed.slice(8, 12)}-4${seed.slice(12, 15)}-8${seed.slice(15, 18)}-`;
  let count = 0;
  return () => start + (++count).toString(16).padStart(COUNTER_DIGITS, '0');
}
