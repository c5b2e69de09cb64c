/** All that the gateway keeps per revision (or other destination) beside the routing table. */
import type { ConcurrencyMeter } from './concurrency-meter.ts';
import type { Throttler } from './throttler.ts';

export interface RevisionTraffic {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly throttler: Throttler;
  /** Absent for destinations that do not scale, such as the broker. */
  readonly meter: ConcurrencyMeter | undefined;
}
