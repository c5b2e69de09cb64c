/**
 * Turns the meters of all revisions into the messages for the autoscaler. Pure but for the state of
 * who was reported last; sending is stat-stream.ts.
 * Source: knative/serving pkg/activator/handler/concurrency_reporter.go (behaviour).
 */
import type { RevisionStat, StatMessage } from '../apis/autoscaling/stat.ts';
import type { RevisionTraffic } from './revision-traffic.ts';

export class StatCollector {
  private readonly gateway: string;
  /** Reported with traffic last time: they are owed one report of zeros. */
  private readonly reported = new Set<string>();
  /** Revisions whose poke went out since the last report: it has counted one request already. */
  private readonly poked = new Set<string>();

  constructor(gateway: string) {
    this.gateway = gateway;
  }

  /** The report of the period that ends now, or undefined when there is nothing to say. */
  collect(traffic: Iterable<RevisionTraffic>, nowMs: number): StatMessage | undefined {
    const stats: RevisionStat[] = [];
    const seen = new Set<string>();
    for (const { key, meter, throttler } of traffic) {
      if (!meter) continue;
      const reading = meter.read(nowMs);
      const isActive =
        reading.requestCount > 0 || reading.averageConcurrentRequests > 0 || meter.concurrency > 0;
      if (!isActive && !this.reported.has(key)) continue;
      if (isActive) seen.add(key);
      const counted = this.poked.has(key) ? 1 : 0;
      stats.push({
        key,
        averageConcurrentRequests: Math.max(0, reading.averageConcurrentRequests - counted),
        requestCount: Math.max(0, reading.requestCount - counted),
        queued: throttler.queued,
      });
    }
    this.reported.clear();
    for (const key of seen) this.reported.add(key);
    this.poked.clear();
    return stats.length === 0 ? undefined : this.message(stats, nowMs, false);
  }

  /**
   * What to say at once when a request of this revision found no pod; undefined when it was said
   * since the last report, which is soon followed by the next.
   */
  poke({ key, throttler }: RevisionTraffic, nowMs: number): StatMessage | undefined {
    if (this.poked.has(key)) return undefined;
    this.poked.add(key);
    this.reported.add(key);
    const stat = {
      key,
      averageConcurrentRequests: 1,
      requestCount: 1,
      queued: Math.max(1, throttler.queued),
    };
    return this.message([stat], nowMs, true);
  }

  /** Every revision with waiting requests: for an autoscaler that has just come (back). */
  waiting(traffic: Iterable<RevisionTraffic>, nowMs: number): StatMessage | undefined {
    const stats: RevisionStat[] = [];
    for (const { key, throttler, meter } of traffic) {
      if (!meter || throttler.queued === 0) continue;
      stats.push({
        key,
        averageConcurrentRequests: meter.concurrency,
        requestCount: 0,
        queued: throttler.queued,
      });
    }
    return stats.length === 0 ? undefined : this.message(stats, nowMs, true);
  }

  private message(stats: RevisionStat[], timestampMs: number, poke: boolean): StatMessage {
    return { gateway: this.gateway, timestampMs, poke, stats };
  }
}
