/** From a line of a gateway's stream to a typed message. */
import type { RevisionStat, StatMessage } from '../apis/autoscaling/stat.ts';

/** @throws {SyntaxError | TypeError} when the line is no stat message. */
export function parseStatMessage(line: string): StatMessage {
  const message = JSON.parse(line) as Partial<StatMessage> | null;
  if (message === null || typeof message !== 'object' || !Array.isArray(message.stats))
    throw new TypeError('a stat message is an object with a list "stats"');
  return {
    gateway: message.gateway ?? '',
    timestampMs: count(message.timestampMs, 'timestampMs'),
    poke: message.poke === true,
    stats: message.stats.map(parseStat),
  };
}

function parseStat(stat: Partial<RevisionStat> | null): RevisionStat {
  if (typeof stat?.key !== 'string' || !stat.key.includes('/'))
    throw new TypeError('a stat needs a "key" of namespace/revision');
  return {
    key: stat.key,
    averageConcurrentRequests: count(stat.averageConcurrentRequests, 'averageConcurrentRequests'),
    requestCount: count(stat.requestCount, 'requestCount'),
    queued: count(stat.queued, 'queued'),
  };
}

function count(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`"${field}" of a stat message must be a number of at least 0`);
}
