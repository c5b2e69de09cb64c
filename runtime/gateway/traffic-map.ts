/**
 * Throttler and meter of every revision that has seen a request, made on the first one and dropped
 * when its revision is gone and nothing of it is left in flight.
 */
import { splitKey } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { ConcurrencyMeter } from './concurrency-meter.ts';
import type { PodIndex } from './pod-index.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import type { RevisionSettings, RoutingTable } from './routing/table.ts';
import { Throttler } from './throttler.ts';

export interface TrafficMapOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly pods: PodIndex;
  /** A request of this revision waits and no pod is ready. */
  readonly onStarved: (traffic: RevisionTraffic) => void;
}

export class TrafficMap {
  private readonly options: TrafficMapOptions;
  private readonly traffic = new Map<string, RevisionTraffic>();

  constructor(options: TrafficMapOptions) {
    this.options = options;
  }

  values(): Iterable<RevisionTraffic> {
    return this.traffic.values();
  }

  of(settings: RevisionSettings): RevisionTraffic {
    return this.traffic.get(settings.key) ?? this.make(settings);
  }

  /** The ready pods of this revision are different. */
  podsChanged(key: string): void {
    this.traffic.get(key)?.throttler.setPods(this.options.pods.readyPods(key));
  }

  tableChanged(table: RoutingTable): void {
    for (const [key, { throttler }] of this.traffic) {
      const settings = table.revisions.get(key);
      if (settings) throttler.setConcurrency(settings.containerConcurrency);
    }
  }

  /** Closes idle connections that are too old, and forgets revisions that are gone. */
  sweep(table: RoutingTable, nowMs: number): void {
    for (const [key, { throttler, meter }] of this.traffic) {
      throttler.closeStale(nowMs);
      if (table.revisions.has(key) || (meter?.concurrency ?? 0) > 0) continue;
      throttler.close();
      this.traffic.delete(key);
    }
  }

  close(): void {
    for (const { throttler } of this.traffic.values()) throttler.close();
    this.traffic.clear();
  }

  private make({ key, containerConcurrency }: RevisionSettings): RevisionTraffic {
    const { clock, random, pods, onStarved } = this.options;
    const throttler = new Throttler({
      containerConcurrency,
      clock,
      random,
      onStarved: () => onStarved(traffic),
    });
    const meter = new ConcurrencyMeter(clock.now());
    const traffic: RevisionTraffic = { key, ...splitKey(key), throttler, meter };
    throttler.setPods(pods.readyPods(key));
    this.traffic.set(key, traffic);
    return traffic;
  }
}
