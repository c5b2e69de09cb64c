/** What Serving's plans need to know beyond the objects: passed in, so that they stay pure. */
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';

export interface ServingConfig {
  /** Domain of public hosts: `<name>.<namespace>.<domain>`. */
  readonly domain: string;
  /** Port of the gateway's external listener; written into status.url unless it is 80. */
  readonly externalPort: number;
  /** What the placeholder Services point at. */
  readonly gatewayServiceHost: string;
  readonly autoscaler: AutoscalerConfig;
  readonly garbageCollection: GarbageCollectionConfig;
  /** How long a revision may take to get its first pods ready. */
  readonly progressDeadlineSeconds: number;
}

/** Source: knative.dev/serving config-gc. Ages in ms; undefined = disabled. */
export interface GarbageCollectionConfig {
  readonly minNonActive: number;
  readonly maxNonActive: number | undefined;
  readonly retainSinceCreateMs: number | undefined;
  readonly retainSinceLastActiveMs: number | undefined;
}

const HOUR_MS = 3_600_000;

export const defaultGarbageCollection: GarbageCollectionConfig = {
  minNonActive: 20,
  maxNonActive: 1_000,
  retainSinceCreateMs: 48 * HOUR_MS,
  retainSinceLastActiveMs: 15 * HOUR_MS,
};

export const defaultProgressDeadlineSeconds = 600;

/** The configuration of now: replaced as a whole when a ConfigMap changes. */
export interface ServingConfigSource {
  readonly current: ServingConfig;
}
