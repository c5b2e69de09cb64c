/** The ConfigMap `config-gc`: how many old revisions are kept. Source: knative.dev/serving pkg/gc/config.go. */
import type { ConfigMapData } from '../meta/config-map-reader.ts';
import { ConfigMapReader } from '../meta/config-map-reader.ts';
import { parseGoDurationText, parseGoUint } from '../meta/go-parse.ts';
import type { Parsed } from '../meta/go-parse.ts';

export const garbageCollectionConfigName = 'config-gc';

/** Ages in ms; undefined = disabled. */
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

/** The first thing wrong is reported in upstream's words; then the defaults hold as a whole. */
export function parseGarbageCollection(data: ConfigMapData): {
  readonly config: GarbageCollectionConfig;
  readonly errors: readonly string[];
} {
  const reader = new ConfigMapReader(data);
  const base = defaultGarbageCollection;
  const minNonActive = reader.int('min-non-active-revisions', base.minNonActive);
  if (reader.error !== undefined) reader.error = `failed to parse data: ${reader.error}`;
  const orDisabled = (
    key: string,
    fallback: number | undefined,
    parse: (text: string) => Parsed<number>,
  ): number | undefined => {
    const text = reader.string(key, '');
    if (text === '') return fallback;
    if (text.toLowerCase() === 'disabled') return undefined;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    reader.fail(`failed to parse ${key}: ${parsed.error}`);
    return fallback;
  };
  const config: GarbageCollectionConfig = {
    minNonActive,
    retainSinceCreateMs: orDisabled('retain-since-create-time', base.retainSinceCreateMs, parseAge),
    retainSinceLastActiveMs: orDisabled(
      'retain-since-last-active-time',
      base.retainSinceLastActiveMs,
      parseAge,
    ),
    maxNonActive: orDisabled('max-non-active-revisions', base.maxNonActive, parseGoUint),
  };
  const { maxNonActive } = config;
  if (minNonActive < 0)
    reader.fail(`min-non-active-revisions must be non-negative, was: ${minNonActive}`);
  if (maxNonActive !== undefined && minNonActive > maxNonActive)
    reader.fail(
      `min-non-active-revisions(${minNonActive}) must be <= max-non-active-revisions(${maxNonActive})`,
    );
  return reader.error === undefined
    ? { config, errors: [] }
    : { config: base, errors: [reader.error] };
}

function parseAge(text: string): Parsed<number> {
  const parsed = parseGoDurationText(text);
  return 'value' in parsed && parsed.value < 0 ? { error: 'must be non-negative' } : parsed;
}
