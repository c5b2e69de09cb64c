/** What Serving's plans need to know beyond the objects: passed in, so that they stay pure. */
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import { parseGoDuration } from '../apis/meta/go-duration.ts';

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

export const garbageCollectionConfigName = 'config-gc';
export const deploymentConfigName = 'config-deployment';

/** Reads `config-gc` over the defaults; a bad value keeps its default. */
export function parseGarbageCollection(
  data: Readonly<Record<string, string>> | undefined,
): GarbageCollectionConfig {
  const read = <T>(key: string, parse: (text: string) => T | undefined, fallback: T): T => {
    const text = data?.[key];
    return text === undefined ? fallback : (parse(text) ?? fallback);
  };
  const count = (text: string): number | undefined =>
    /^\d+$/.test(text) ? Number(text) : undefined;
  /** `disabled` reads as undefined, so it is told apart from a bad value by a wrapper. */
  const orDisabled =
    (parse: (text: string) => number | undefined) =>
    (text: string): { readonly value: number | undefined } | undefined => {
      if (text === 'disabled') return { value: undefined };
      const value = parse(text);
      return value === undefined || value < 0 ? undefined : { value };
    };
  const { minNonActive, maxNonActive, retainSinceCreateMs, retainSinceLastActiveMs } =
    defaultGarbageCollection;
  return {
    minNonActive: read('min-non-active-revisions', count, minNonActive),
    maxNonActive: read('max-non-active-revisions', orDisabled(count), { value: maxNonActive })
      .value,
    retainSinceCreateMs: read('retain-since-create-time', orDisabled(parseGoDuration), {
      value: retainSinceCreateMs,
    }).value,
    retainSinceLastActiveMs: read('retain-since-last-active-time', orDisabled(parseGoDuration), {
      value: retainSinceLastActiveMs,
    }).value,
  };
}

/** Reads `progress-deadline` of `config-deployment`: whole seconds, more than 0. */
export function parseProgressDeadlineSeconds(
  data: Readonly<Record<string, string>> | undefined,
): number {
  const valueMs = parseGoDuration(data?.['progress-deadline'] ?? '') ?? 0;
  return valueMs > 0 && valueMs % 1_000 === 0 ? valueMs / 1_000 : defaultProgressDeadlineSeconds;
}
