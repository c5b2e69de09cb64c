/**
 * Throttler and meter of every revision that has seen a request, made on the first one and dropped
 * when its revision is gone and nothing of it is left in flight.
 */
import { splitKey } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { ConcurrencyMeter } from './concurrency-meter.ts';
import { RequestMetrics } from './request-metrics.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import type { Destination, RoutingTable } from './routing/table.ts';
import type { ReadyPod } from './throttler.ts';
import { Throttler } from './throttler.ts';

export interface TrafficMapOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The pods that are ready now. */
  readonly readyPods: (destination: Destination) => readonly ReadyPod[];
  /** A request of this revision waits and no pod is ready. */
  readonly onStarved: (traffic: RevisionTraffic) => void;
}

export class TrafficMap {
  private readonly options: TrafficMapOptions;
  private readonly traffic = new Map<string, RevisionTraffic>();
  private readonly settings = new Map<string, Destination>();

  constructor(options: TrafficMapOptions) {
    this.options = options;
  }

  values(): Iterable<RevisionTraffic> {
    return this.traffic.values();
  }

  of(settings: Destination): RevisionTraffic {
    return this.traffic.get(settings.key) ?? this.make(settings);
  }

  /** The ready pods of this destination are different. */
  podsChanged(key: string): void {
    const settings = this.settings.get(key);
    if (settings) this.traffic.get(key)?.throttler.setPods(this.options.readyPods(settings));
  }

  destinationChanged({ key, containerConcurrency }: Destination): void {
    this.traffic.get(key)?.throttler.setConcurrency(containerConcurrency);
  }

  /** Closes idle connections that are too old, and forgets revisions that are gone. */
  sweep(table: RoutingTable, nowMs: number): void {
    for (const [key, { throttler, meter }] of this.traffic) {
      throttler.closeStale(nowMs);
      const isKnown = table.revisions.has(key) || table.destinations.has(key);
      const busy = meter?.concurrency ?? throttler.inFlight + throttler.queued;
      if (isKnown || busy > 0) continue;
      this.settings.delete(key);
      throttler.close();
      this.traffic.delete(key);
    }
  }

  close(): void {
    for (const { throttler } of this.traffic.values()) throttler.close();
    this.traffic.clear();
  }

  private make(settings: Destination): RevisionTraffic {
    const { clock, random, readyPods, onStarved } = this.options;
    const { key, containerConcurrency, isRevision } = settings;
    const throttler = new Throttler({
      containerConcurrency,
      clock,
      random,
      onStarved: () => isRevision && onStarved(traffic),
    });
    // What does not scale has nobody to report to.
    const meter = isRevision ? new ConcurrencyMeter(clock.now()) : undefined;
    const traffic: RevisionTraffic = {
      key,
      ...splitKey(key),
      throttler,
      meter,
      metrics: new RequestMetrics(),
      labels: settings.labels,
    };
    throttler.setPods(readyPods(settings));
    this.traffic.set(key, traffic);
    this.settings.set(key, settings);
    return traffic;
  }
}
