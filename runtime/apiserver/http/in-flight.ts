/**
 * How many requests may be handled at once. Long-running ones (watches, logs, exec) are counted
 * apart, since each holds its place for minutes. Source: k8s.io/apiserver pkg/server/filters
 * maxinflight.go (limits and who is exempt).
 */
import { MASTERS_GROUP, type UserInfo } from '../auth/user-info.ts';
import { isTrue } from '../query-flag.ts';
import { StatusError } from '../status-error.ts';

const READS_MAX = 400;
const WRITES_MAX = 200;
/** A watcher holds some 20 KiB of a socket and its queue. */
const LONG_RUNNING_MAX = 20_000;
const RETRY_AFTER_SECONDS = 1;

export type RequestClass = 'readOnly' | 'mutating' | 'longRunning';

const limits: Readonly<Record<RequestClass, number>> = {
  readOnly: READS_MAX,
  mutating: WRITES_MAX,
  longRunning: LONG_RUNNING_MAX,
};
const longRunningPath = /\/(?:log|exec|attach|portforward|proxy)(?:\/|$)/;

const watchPath = /^\/(?:api|apis\/[^/]+)\/[^/]+\/watch\//;

export function classifyRequest(
  method: string,
  path: string,
  query: Readonly<Record<string, string>>,
): RequestClass {
  if (method === 'GET' && (isTrue(query['watch']) || watchPath.test(path))) return 'longRunning';
  if (longRunningPath.test(path)) return 'longRunning';
  return method === 'GET' || method === 'HEAD' ? 'readOnly' : 'mutating';
}

export class InFlight {
  private readonly counts: Record<RequestClass, number> = {
    readOnly: 0,
    mutating: 0,
    longRunning: 0,
  };

  count(kind: RequestClass): number {
    return this.counts[kind];
  }

  /**
   * Takes a place; the caller gives it back with `leave` once the answer is over. Administrators
   * always get one below the bound on long-running requests, so that they can see what is wrong.
   * @throws {StatusError} 429
   */
  enter(kind: RequestClass, user: UserInfo): void {
    const isExempt = kind !== 'longRunning' && user.groups.includes(MASTERS_GROUP);
    if (!isExempt && this.counts[kind] >= limits[kind])
      throw StatusError.tooManyRequests(
        'Too many requests, please try again later.',
        RETRY_AFTER_SECONDS,
      );
    this.counts[kind]++;
  }

  leave(kind: RequestClass): void {
    this.counts[kind]--;
  }
}
