/** All that the gateway keeps per revision (or other destination) beside the routing table. */
import type { ConcurrencyMeter } from './concurrency-meter.ts';
import type { RequestMetrics } from './request-metrics.ts';
import type { Throttler } from './throttler.ts';

export interface RevisionTraffic {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly throttler: Throttler;
  /** Absent for destinations that do not scale, such as the broker. */
  readonly meter: ConcurrencyMeter | undefined;
  readonly metrics: RequestMetrics;
  /** What metrics and logs say of it beside its name; '' where it has none. */
  readonly labels: { readonly service: string; readonly configuration: string };
}
