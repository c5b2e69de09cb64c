/**
 * The ConfigMap `config-autoscaler`: every key with its default and what may be said of it.
 * Source: knative.dev/serving pkg/autoscaler/config/config.go. Units: times in ms, ratios 0..1.
 */
import type { ConfigMapData } from '../meta/config-map-reader.ts';
import { ConfigMapReader } from '../meta/config-map-reader.ts';
import { formatGoDuration } from '../meta/go-duration.ts';

const WINDOW_MIN_MS = 6_000;
const WINDOW_MAX_MS = 3_600_000;
const TARGET_MIN = 0.01;

export const autoscalerConfigName = 'config-autoscaler';

export interface AutoscalerConfig {
  /** Class of a revision that names none: `kpa` or `hpa` of `autoscaling.knative.dev`. */
  readonly podAutoscalerClass: string;
  /** Requests at once that one activator is taken to bear; read and validated, as there is none here. */
  readonly activatorCapacity: number;
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
  podAutoscalerClass: 'kpa.autoscaling.knative.dev',
  activatorCapacity: 100,
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

/**
 * Reads the ConfigMap's data over the defaults. The first thing wrong is reported in upstream's words
 * and the defaults hold as a whole; keys that are not known (`_example` among them) are ignored.
 */
export function parseAutoscalerConfig(
  data: ConfigMapData,
  defaults: AutoscalerConfig = defaultAutoscalerConfig,
): {
  readonly config: AutoscalerConfig;
  readonly errors: readonly string[];
} {
  const reader = new ConfigMapReader(data);
  const config = readKeys(reader, defaults);
  if (reader.error !== undefined) reader.error = `failed to parse data: ${reader.error}`;
  else reader.error = faultOf(config);
  return reader.error === undefined
    ? { config, errors: [] }
    : { config: defaults, errors: [reader.error] };
}

function readKeys(reader: ConfigMapReader, base: AutoscalerConfig): AutoscalerConfig {
  const ratio = reader.float(
    'container-concurrency-target-percentage',
    base.concurrencyTargetRatio,
  );
  return {
    podAutoscalerClass: reader.string('pod-autoscaler-class', base.podAutoscalerClass),
    isScaleToZeroEnabled: reader.bool('enable-scale-to-zero', base.isScaleToZeroEnabled),
    allowZeroInitialScale: reader.bool('allow-zero-initial-scale', base.allowZeroInitialScale),
    maxScaleUpRate: reader.float('max-scale-up-rate', base.maxScaleUpRate),
    maxScaleDownRate: reader.float('max-scale-down-rate', base.maxScaleDownRate),
    // Values up to 1 read as a ratio, larger ones as a percentage.
    concurrencyTargetRatio: ratio > 1 ? ratio / 100 : ratio,
    concurrencyTargetDefault: reader.float(
      'container-concurrency-target-default',
      base.concurrencyTargetDefault,
    ),
    requestsPerSecondTargetDefault: reader.float(
      'requests-per-second-target-default',
      base.requestsPerSecondTargetDefault,
    ),
    targetBurstCapacity: reader.float('target-burst-capacity', base.targetBurstCapacity),
    panicWindowPercent: reader.float('panic-window-percentage', base.panicWindowPercent),
    activatorCapacity: reader.float('activator-capacity', base.activatorCapacity),
    panicThresholdPercent: reader.float('panic-threshold-percentage', base.panicThresholdPercent),
    initialScale: reader.int('initial-scale', base.initialScale, 32),
    minScale: reader.int('min-scale', base.minScale, 32),
    maxScale: reader.int('max-scale', base.maxScale, 32),
    maxScaleLimit: reader.int('max-scale-limit', base.maxScaleLimit, 32),
    stableWindowMs: reader.durationMs('stable-window', base.stableWindowMs),
    scaleDownDelayMs: reader.durationMs('scale-down-delay', base.scaleDownDelayMs),
    scaleToZeroGracePeriodMs: reader.durationMs(
      'scale-to-zero-grace-period',
      base.scaleToZeroGracePeriodMs,
    ),
    scaleToZeroPodRetentionPeriodMs: reader.durationMs(
      'scale-to-zero-pod-retention-period',
      base.scaleToZeroPodRetentionPeriodMs,
    ),
  };
}

/** What no configuration may say, first things first; undefined when all is well. */
function faultOf(config: AutoscalerConfig): string | undefined {
  return rules.find(([isBroken]) => isBroken(config))?.[1](config);
}

type Rule = readonly [
  isBroken: (config: AutoscalerConfig) => boolean,
  text: (config: AutoscalerConfig) => string,
];

const seconds = formatGoDuration;
const minMaxScale = ({ maxScaleLimit }: AutoscalerConfig): number => (maxScaleLimit > 0 ? 1 : 0);

const rules: readonly Rule[] = [
  [
    (c) => c.scaleToZeroGracePeriodMs <= 0,
    (c) =>
      `scale-to-zero-grace-period must be positive, was: ${seconds(c.scaleToZeroGracePeriodMs)}`,
  ],
  [
    (c) => c.scaleDownDelayMs < 0,
    (c) => `scale-down-delay cannot be negative, was: ${seconds(c.scaleDownDelayMs)}`,
  ],
  [
    (c) => c.scaleDownDelayMs % 1_000 !== 0,
    (c) =>
      `scale-down-delay = ${seconds(c.scaleDownDelayMs)}, must be specified with at most second precision`,
  ],
  [
    (c) => c.scaleToZeroPodRetentionPeriodMs < 0,
    (c) =>
      `scale-to-zero-pod-retention-period cannot be negative, was: ${seconds(c.scaleToZeroPodRetentionPeriodMs)}`,
  ],
  [
    (c) => c.targetBurstCapacity < 0 && c.targetBurstCapacity !== -1,
    (c) =>
      `target-burst-capacity must be either non-negative or -1 (for unlimited), was: ${c.targetBurstCapacity.toFixed(6)}`,
  ],
  [
    (c) => c.concurrencyTargetRatio <= 0 || c.concurrencyTargetRatio > 1,
    (c) =>
      `container-concurrency-target-percentage = ${c.concurrencyTargetRatio.toFixed(6)} is outside of valid range of (0, 100]`,
  ],
  [
    (c) => c.concurrencyTargetRatio * c.concurrencyTargetDefault < TARGET_MIN,
    (c) =>
      `container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of ${c.concurrencyTargetRatio * c.concurrencyTargetDefault}, can't be less than ${TARGET_MIN}`,
  ],
  [
    (c) => c.requestsPerSecondTargetDefault < TARGET_MIN,
    (c) =>
      `requests-per-second-target-default must be at least ${TARGET_MIN}, was: ${c.requestsPerSecondTargetDefault}`,
  ],
  [
    (c) => c.activatorCapacity < 1,
    (c) => `activator-capacity = ${c.activatorCapacity}, must be at least 1`,
  ],
  [
    (c) => c.maxScaleUpRate <= 1,
    (c) => `max-scale-up-rate = ${c.maxScaleUpRate}, must be greater than 1.0`,
  ],
  [
    (c) => c.maxScaleDownRate <= 1,
    (c) => `max-scale-down-rate = ${c.maxScaleDownRate}, must be greater than 1.0`,
  ],
  [
    (c) => c.stableWindowMs < WINDOW_MIN_MS || c.stableWindowMs > WINDOW_MAX_MS,
    (c) =>
      `stable-window = ${seconds(c.stableWindowMs)}, must be in [${seconds(WINDOW_MIN_MS)}; ${seconds(WINDOW_MAX_MS)}] range`,
  ],
  [
    (c) => c.stableWindowMs % 1_000 !== 0,
    (c) =>
      `stable-window = ${seconds(c.stableWindowMs)}, must be specified with at most second precision`,
  ],
  [
    (c) => c.panicWindowPercent < 1 || c.panicWindowPercent > 100,
    (c) => `panic-window-percentage = ${c.panicWindowPercent}, must be in [1, 100] interval`,
  ],
  [
    (c) => c.initialScale < 0 || (c.initialScale === 0 && !c.allowZeroInitialScale),
    (c) =>
      `initial-scale = ${c.initialScale}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)`,
  ],
  [(c) => c.minScale < 0, (c) => `min-scale = ${c.minScale}, must be at least 0`],
  [
    (c) => c.maxScale < minMaxScale(c) || (c.maxScaleLimit > 0 && c.maxScale > c.maxScaleLimit),
    (c) =>
      `max-scale = ${c.maxScale}, must be in [${minMaxScale(c)}, max-scale-limit(${c.maxScaleLimit})] range`,
  ],
  [(c) => c.maxScaleLimit < 0, (c) => `max-scale-limit = ${c.maxScaleLimit}, must be at least 0`],
  [
    (c) => c.minScale > c.maxScale && c.maxScale > 0,
    (c) => `min-scale (${c.minScale}) must be less than max-scale (${c.maxScale})`,
  ],
];
