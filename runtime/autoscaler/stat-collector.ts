/**
 * What gateways have reported: metric windows per revision, and who has requests waiting. A gateway
 * is known by its connection; when that ends, what it had waiting is forgotten.
 */
import type { StatMessage } from '../apis/autoscaling/stat.ts';
import type { MetricSpec } from './decider-spec.ts';
import { MetricWindow } from './metric-window.ts';

interface RevisionMetrics {
  readonly spec: MetricSpec;
  readonly stable: MetricWindow;
  readonly panic: MetricWindow;
}

export interface Reading {
  readonly stable: number;
  readonly panic: number;
  readonly queued: number;
}

/**
 * A gateway repeats each second what waits. What it has not repeated for this long it has forgotten,
 * and it must not hold a pod for ever.
 */
const WAITING_VALID_MS = 10_000;

export class StatCollector {
  private readonly metrics = new Map<string, RevisionMetrics>();
  /** Waiting requests by connection, then by revision. */
  private readonly waiting = new Map<object, Map<string, { count: number; atMs: number }>>();
  private connectedSince: number | undefined;

  /** Since when at least one gateway has been connected; undefined when none is. */
  get connectedSinceMs(): number | undefined {
    return this.connectedSince;
  }

  connect(connection: object, nowMs: number): void {
    if (this.waiting.size === 0) this.connectedSince = nowMs;
    this.waiting.set(connection, new Map());
  }

  disconnect(connection: object): void {
    this.waiting.delete(connection);
    if (this.waiting.size === 0) this.connectedSince = undefined;
  }

  /** Which revisions are scaled at all, and by what; called before their reports count. */
  track(key: string, spec: MetricSpec): void {
    const known = this.metrics.get(key);
    if (!known || known.spec.metric !== spec.metric) {
      const stable = new MetricWindow(spec.stableWindowMs, spec.aggregation);
      const panic = new MetricWindow(spec.panicWindowMs, spec.aggregation);
      this.metrics.set(key, { spec, stable, panic });
      return;
    }
    known.stable.configure(spec.stableWindowMs, spec.aggregation);
    known.panic.configure(spec.panicWindowMs, spec.aggregation);
  }

  forget(key: string): void {
    this.metrics.delete(key);
  }

  /** Takes a message in. Reports of revisions that nobody tracks count as waiting only. */
  record(connection: object, message: StatMessage, nowMs: number): void {
    const waiting = this.waiting.get(connection);
    if (!waiting) return;
    // A report in turn names every revision with traffic: what it leaves out has nothing waiting.
    if (!message.poke) waiting.clear();
    for (const { key, averageConcurrentRequests, requestCount, queued } of message.stats) {
      if (queued > 0) waiting.set(key, { count: queued, atMs: nowMs });
      else waiting.delete(key);
      const metrics = this.metrics.get(key);
      if (!metrics) continue;
      const value = metrics.spec.metric === 'rps' ? requestCount : averageConcurrentRequests;
      metrics.stable.record(nowMs, value);
      metrics.panic.record(nowMs, value);
    }
  }

  /** Notes that a revision with pods had nothing beyond what was reported: silence is zero, not ignorance. */
  recordSilence(key: string, nowMs: number): void {
    const metrics = this.metrics.get(key);
    metrics?.stable.record(nowMs, 0);
    metrics?.panic.record(nowMs, 0);
  }

  queued(key: string, nowMs: number): number {
    let sum = 0;
    for (const waiting of this.waiting.values()) {
      const entry = waiting.get(key);
      if (entry && nowMs - entry.atMs < WAITING_VALID_MS) sum += entry.count;
    }
    return sum;
  }

  /**
   * Undefined while nothing is known, which is not the same as no traffic: no gateway is connected, or
   * the revision has had neither a request nor a pod yet. Else its initial scale would be taken down
   * the moment that it is reached.
   */
  read(key: string, nowMs: number): Reading | undefined {
    if (this.connectedSince === undefined) return undefined;
    const metrics = this.metrics.get(key);
    const queued = this.queued(key, nowMs);
    if (queued === 0 && metrics?.stable.hasRecords !== true) return undefined;
    return {
      stable: metrics?.stable.average(nowMs) ?? 0,
      panic: metrics?.panic.average(nowMs) ?? 0,
      queued,
    };
  }
}
