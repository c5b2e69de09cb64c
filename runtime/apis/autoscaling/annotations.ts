/**
 * The `autoscaling.knative.dev/` annotations: keys with their camelCase alternates, reading and
 * validation. They live in a revision template and are honoured live on a Revision.
 * Source: knative.dev/serving pkg/apis/autoscaling/{register,annotation_validation}.go.
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, outOfBounds } from '../meta/field-error.ts';
import { formatGoDuration, parseGoDuration } from '../meta/go-duration.ts';
import type { AutoscalerConfig } from './config.ts';

const prefix = 'autoscaling.knative.dev/';

export const classKey = `${prefix}class`;
export const metricKey = `${prefix}metric`;
export const targetKey = `${prefix}target`;
export const minScaleKey = `${prefix}min-scale`;
export const maxScaleKey = `${prefix}max-scale`;
export const initialScaleKey = `${prefix}initial-scale`;
export const activationScaleKey = `${prefix}activation-scale`;
export const scaleDownDelayKey = `${prefix}scale-down-delay`;
export const retentionPeriodKey = `${prefix}scale-to-zero-pod-retention-period`;
export const windowKey = `${prefix}window`;
export const targetUtilizationKey = `${prefix}target-utilization-percentage`;
export const targetBurstCapacityKey = `${prefix}target-burst-capacity`;
export const panicWindowKey = `${prefix}panic-window-percentage`;
export const panicThresholdKey = `${prefix}panic-threshold-percentage`;
export const aggregationKey = `${prefix}metric-aggregation-algorithm`;

export const kpaClass = 'kpa.autoscaling.knative.dev';
export const hpaClass = 'hpa.autoscaling.knative.dev';

const alternates: ReadonlyMap<string, string> = new Map(
  [
    minScaleKey,
    maxScaleKey,
    initialScaleKey,
    targetUtilizationKey,
    targetBurstCapacityKey,
    panicWindowKey,
    panicThresholdKey,
    scaleDownDelayKey,
    retentionPeriodKey,
    aggregationKey,
  ].map((key) => [key, key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())]),
);

export type Annotations = Readonly<Record<string, string>> | undefined;

/** The key under which an annotation is present (kebab-case wins) and its text; undefined when absent. */
export function findAnnotation(
  annotations: Annotations,
  key: string,
): { readonly key: string; readonly value: string } | undefined {
  const value = annotations?.[key];
  if (value !== undefined) return { key, value };
  const alternate = alternates.get(key);
  const other = alternate === undefined ? undefined : annotations?.[alternate];
  return alternate === undefined || other === undefined
    ? undefined
    : { key: alternate, value: other };
}

/** A number annotation; undefined when absent or no number (admission refuses those). */
export function numberAnnotation(annotations: Annotations, key: string): number | undefined {
  const found = findAnnotation(annotations, key);
  if (!found || found.value.trim() === '') return undefined;
  const value = Number(found.value);
  return Number.isFinite(value) ? value : undefined;
}

/** A Go duration annotation in ms; undefined when absent or malformed. */
export function durationAnnotationMs(annotations: Annotations, key: string): number | undefined {
  const found = findAnnotation(annotations, key);
  return found === undefined ? undefined : parseGoDuration(found.value);
}

const WINDOW_MIN_MS = 6_000;
const WINDOW_MAX_MS = 3_600_000;
const INT32_MAX = 2_147_483_647;
const TARGET_MIN = 0.01;

/** Field errors of a template's autoscaling annotations; `path` is e.g. `spec.template.metadata.annotations`. */
export function validateAutoscalingAnnotations(
  annotations: Annotations,
  config: AutoscalerConfig,
  path: string,
): readonly FieldError[] {
  if (!annotations) return [];
  const checks = new AnnotationChecks(annotations, path);
  const autoscalerClass = checkClass(checks);
  checkMetric(checks, autoscalerClass);
  checkScaleBounds(checks, config);
  checks.number(targetKey, { low: TARGET_MIN, high: INT32_MAX });
  checks.number(targetUtilizationKey, { low: 1, high: 100 });
  checks.number(panicWindowKey, { low: 1, high: 100 });
  checks.number(panicThresholdKey, { low: 110, high: 1_000 });
  const burst = checks.number(targetBurstCapacityKey, { low: -1, high: INT32_MAX });
  if (burst !== undefined && burst < 0 && burst !== -1)
    checks.invalid(targetBurstCapacityKey, 'must be -1 or at least 0');
  checks.duration(windowKey, { lowMs: WINDOW_MIN_MS, highMs: WINDOW_MAX_MS, isWholeSeconds: true });
  checks.duration(scaleDownDelayKey, { lowMs: 0, highMs: WINDOW_MAX_MS, isWholeSeconds: true });
  checks.duration(retentionPeriodKey, { lowMs: 0, highMs: WINDOW_MAX_MS, isWholeSeconds: false });
  const algorithm = findAnnotation(annotations, aggregationKey);
  const isKnownAlgorithm = ['linear', 'weighted-exponential', 'weightedExponential'];
  if (
    algorithm &&
    annotations[classKey] === kpaClass &&
    !isKnownAlgorithm.includes(algorithm.value)
  )
    checks.invalid(aggregationKey);
  return checks.errors;
}

function checkClass(checks: AnnotationChecks): string {
  const value = checks.annotations[classKey];
  if (value === undefined) return kpaClass;
  if (value.endsWith('.knative.dev') && value !== kpaClass && value !== hpaClass)
    checks.invalid(classKey);
  return value;
}

function checkMetric(checks: AnnotationChecks, autoscalerClass: string): void {
  const value = checks.annotations[metricKey];
  if (value === undefined) return;
  const isValid =
    autoscalerClass === kpaClass ? value === 'concurrency' || value === 'rps' : value !== '';
  if (!isValid) checks.invalid(metricKey);
}

function checkScaleBounds(checks: AnnotationChecks, config: AutoscalerConfig): void {
  const min = checks.number(minScaleKey, { low: 0, high: INT32_MAX, isInteger: true });
  const max = checks.number(maxScaleKey, { low: 0, high: INT32_MAX, isInteger: true });
  if (min !== undefined && max !== undefined && max !== 0 && max < min)
    checks.add(`max-scale=${max} is less than min-scale=${min}`, maxScaleKey, minScaleKey);
  if (max !== undefined && config.maxScaleLimit > 0) {
    if (max === 0)
      checks.add(`max-scale=0 (unlimited), must be less than ${config.maxScaleLimit}`, maxScaleKey);
    else if (max > config.maxScaleLimit)
      checks.errors.push(outOfBounds(max, 1, config.maxScaleLimit, checks.pathOf(maxScaleKey)));
  }
  const initial = checks.number(initialScaleKey, { low: 0, high: INT32_MAX, isInteger: true });
  if (initial === 0 && !config.allowZeroInitialScale)
    checks.errors.push({
      message: 'invalid value: 0',
      paths: [`${checks.pathOf(initialScaleKey)}=0 not allowed by cluster`],
    });
  const activation = checks.number(activationScaleKey, {
    low: 2,
    high: INT32_MAX,
    isInteger: true,
  });
  if (activation === undefined) return;
  if (max !== undefined && max !== 0 && activation > max)
    checks.add(`max-scale=${max} is less than activation-scale=${activation}`, maxScaleKey);
  if (min !== undefined && activation < min)
    checks.add(`min-scale=${min} is greater than activation-scale=${activation}`, minScaleKey);
}

class AnnotationChecks {
  readonly annotations: Readonly<Record<string, string>>;
  readonly errors: FieldError[] = [];
  private readonly path: string;

  constructor(annotations: Readonly<Record<string, string>>, path: string) {
    this.annotations = annotations;
    this.path = path;
  }

  /** Names the key that the user wrote, which may be the alternate. */
  pathOf(key: string): string {
    return `${this.path}.${findAnnotation(this.annotations, key)?.key ?? key}`;
  }

  add(message: string, ...keys: string[]): void {
    this.errors.push({ message, paths: keys.map((key) => this.pathOf(key)) });
  }

  invalid(key: string, details?: string): void {
    const value = findAnnotation(this.annotations, key)?.value;
    this.errors.push(invalidValue(value, this.pathOf(key), details));
  }

  number(
    key: string,
    bounds: { low: number; high: number; isInteger?: boolean },
  ): number | undefined {
    const found = findAnnotation(this.annotations, key);
    if (!found) return undefined;
    const value = numberAnnotation(this.annotations, key);
    if (value === undefined || (bounds.isInteger === true && !Number.isInteger(value))) {
      this.invalid(key);
      return undefined;
    }
    if (value < bounds.low || value > bounds.high) {
      this.errors.push(outOfBounds(found.value, bounds.low, bounds.high, this.pathOf(key)));
      return undefined;
    }
    return value;
  }

  duration(key: string, bounds: { lowMs: number; highMs: number; isWholeSeconds: boolean }): void {
    const found = findAnnotation(this.annotations, key);
    if (!found) return;
    const valueMs = parseGoDuration(found.value);
    if (valueMs === undefined) return this.invalid(key);
    if (valueMs < bounds.lowMs || valueMs > bounds.highMs) {
      const [low, high] = [formatGoDuration(bounds.lowMs), formatGoDuration(bounds.highMs)];
      this.errors.push({
        message: `expected ${low} <= ${found.value} <= ${high}`,
        paths: [this.pathOf(key)],
      });
    } else if (bounds.isWholeSeconds && valueMs % 1_000 !== 0)
      this.invalid(key, 'must be specified with at most second precision');
  }
}
