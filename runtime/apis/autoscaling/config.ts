/**
 * The ConfigMap `config-autoscaler`: one table of keys with defaults and ranges, parsed in one go.
 * Source: knative.dev/serving pkg/autoscaler/config/config.go. Units: times in ms, ratios 0..1.
 */
import { parseGoDuration } from '../meta/go-duration.ts';

export const autoscalerConfigName = 'config-autoscaler';

export interface AutoscalerConfig {
  /** Share of a pod's capacity that is aimed at, 0..1. */
  readonly concurrencyTargetRatio: number;
  /** Capacity of a pod without a hard limit, in requests at once. */
  readonly concurrencyTargetDefault: number;
  readonly requestsPerSecondTargetDefault: number;
  /** Read and validated; without an activator to take out of the path it has no effect. */
  readonly targetBurstCapacity: number;
  readonly stableWindowMs: number;
  /** Panic window as a percentage (1..100) of the stable one. */
  readonly panicWindowPercent: number;
  /** Panic begins when demand exceeds this percentage of the ready pods. */
  readonly panicThresholdPercent: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly isScaleToZeroEnabled: boolean;
  readonly scaleToZeroGracePeriodMs: number;
  readonly scaleToZeroPodRetentionPeriodMs: number;
  readonly initialScale: number;
  readonly allowZeroInitialScale: boolean;
  readonly minScale: number;
  /** 0 = unlimited. */
  readonly maxScale: number;
  /** 0 = no limit on what a revision may ask for. */
  readonly maxScaleLimit: number;
  readonly scaleDownDelayMs: number;
}

export const defaultAutoscalerConfig: AutoscalerConfig = {
  concurrencyTargetRatio: 0.7,
  concurrencyTargetDefault: 100,
  requestsPerSecondTargetDefault: 200,
  targetBurstCapacity: 211,
  stableWindowMs: 60_000,
  panicWindowPercent: 10,
  panicThresholdPercent: 200,
  maxScaleUpRate: 1_000,
  maxScaleDownRate: 2,
  isScaleToZeroEnabled: true,
  scaleToZeroGracePeriodMs: 30_000,
  scaleToZeroPodRetentionPeriodMs: 0,
  initialScale: 1,
  allowZeroInitialScale: false,
  minScale: 0,
  maxScale: 0,
  maxScaleLimit: 0,
  scaleDownDelayMs: 0,
};

interface Entry {
  readonly key: string;
  readonly field: keyof AutoscalerConfig;
  readonly parse: (text: string) => number | boolean | undefined;
  readonly rule: string;
}

const number =
  (isValid: (value: number) => boolean) =>
  (text: string): number | undefined => {
    const value = Number(text);
    return text.trim() !== '' && Number.isFinite(value) && isValid(value) ? value : undefined;
  };
const duration =
  (isValid: (valueMs: number) => boolean) =>
  (text: string): number | undefined => {
    const valueMs = parseGoDuration(text);
    return valueMs !== undefined && isValid(valueMs) ? valueMs : undefined;
  };
const boolean = (text: string): boolean | undefined =>
  ({ true: true, false: false })[text.toLowerCase()];
const count = number((value) => Number.isInteger(value) && value >= 0);
/** Values up to 1 read as a ratio, larger ones as a percentage. */
const ratio = (text: string): number | undefined => {
  const value = number((candidate) => candidate > 0 && candidate <= 100)(text);
  return value === undefined || value <= 1 ? value : value / 100;
};
const isWholeSeconds = (valueMs: number): boolean => valueMs % 1_000 === 0;

const entries: readonly Entry[] = [
  {
    key: 'container-concurrency-target-percentage',
    field: 'concurrencyTargetRatio',
    parse: ratio,
    rule: 'must be in (0, 100]',
  },
  {
    key: 'container-concurrency-target-default',
    field: 'concurrencyTargetDefault',
    parse: number((value) => value >= 0.01),
    rule: 'must be at least 0.01',
  },
  {
    key: 'requests-per-second-target-default',
    field: 'requestsPerSecondTargetDefault',
    parse: number((value) => value >= 0.01),
    rule: 'must be at least 0.01',
  },
  {
    key: 'target-burst-capacity',
    field: 'targetBurstCapacity',
    parse: number((value) => value >= 0 || value === -1),
    rule: 'must be at least 0, or -1',
  },
  {
    key: 'stable-window',
    field: 'stableWindowMs',
    parse: duration((ms) => ms >= 6_000 && ms <= 3_600_000 && isWholeSeconds(ms)),
    rule: 'must be whole seconds in [6s, 1h]',
  },
  {
    key: 'panic-window-percentage',
    field: 'panicWindowPercent',
    parse: number((value) => value >= 1 && value <= 100),
    rule: 'must be in [1, 100]',
  },
  {
    key: 'panic-threshold-percentage',
    field: 'panicThresholdPercent',
    parse: number(() => true),
    rule: 'must be a number',
  },
  {
    key: 'max-scale-up-rate',
    field: 'maxScaleUpRate',
    parse: number((value) => value > 1),
    rule: 'must be more than 1',
  },
  {
    key: 'max-scale-down-rate',
    field: 'maxScaleDownRate',
    parse: number((value) => value > 1),
    rule: 'must be more than 1',
  },
  {
    key: 'enable-scale-to-zero',
    field: 'isScaleToZeroEnabled',
    parse: boolean,
    rule: 'must be true or false',
  },
  {
    key: 'scale-to-zero-grace-period',
    field: 'scaleToZeroGracePeriodMs',
    parse: duration((ms) => ms > 0),
    rule: 'must be more than 0s',
  },
  {
    key: 'scale-to-zero-pod-retention-period',
    field: 'scaleToZeroPodRetentionPeriodMs',
    parse: duration((ms) => ms >= 0),
    rule: 'must be at least 0s',
  },
  {
    key: 'initial-scale',
    field: 'initialScale',
    parse: count,
    rule: 'must be an integer of at least 0',
  },
  {
    key: 'allow-zero-initial-scale',
    field: 'allowZeroInitialScale',
    parse: boolean,
    rule: 'must be true or false',
  },
  { key: 'min-scale', field: 'minScale', parse: count, rule: 'must be an integer of at least 0' },
  { key: 'max-scale', field: 'maxScale', parse: count, rule: 'must be an integer of at least 0' },
  {
    key: 'max-scale-limit',
    field: 'maxScaleLimit',
    parse: count,
    rule: 'must be an integer of at least 0',
  },
  {
    key: 'scale-down-delay',
    field: 'scaleDownDelayMs',
    parse: duration((ms) => ms >= 0 && isWholeSeconds(ms)),
    rule: 'must be whole seconds of at least 0s',
  },
];

/**
 * Reads the ConfigMap's data over the defaults. Every bad key is reported and keeps its default;
 * keys that are not known (`_example` among them) are ignored.
 */
export function parseAutoscalerConfig(
  data: Readonly<Record<string, string>> | undefined,
  defaults: AutoscalerConfig = defaultAutoscalerConfig,
): {
  readonly config: AutoscalerConfig;
  readonly errors: readonly string[];
} {
  const errors: string[] = [];
  const values: Record<string, number | boolean> = {};
  for (const { key, field, parse, rule } of entries) {
    const text = data?.[key];
    if (text === undefined) continue;
    const value = parse(text);
    if (value === undefined) errors.push(`${key} = ${text}, ${rule}`);
    else values[field] = value;
  }
  const config: AutoscalerConfig = { ...defaults, ...values };
  errors.push(...validateTogether(config));
  return { config, errors };
}

function validateTogether(config: AutoscalerConfig): string[] {
  const { minScale, maxScale, maxScaleLimit, initialScale, allowZeroInitialScale } = config;
  const errors: string[] = [];
  if (maxScale !== 0 && minScale > maxScale)
    errors.push(`min-scale = ${minScale}, must not be more than max-scale = ${maxScale}`);
  if (maxScaleLimit > 0 && (maxScale < 1 || maxScale > maxScaleLimit))
    errors.push(`max-scale = ${maxScale}, must be in [1, max-scale-limit = ${maxScaleLimit}]`);
  if (initialScale === 0 && !allowZeroInitialScale)
    errors.push('initial-scale = 0, needs allow-zero-initial-scale');
  return errors;
}
