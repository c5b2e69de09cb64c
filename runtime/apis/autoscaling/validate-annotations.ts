/**
 * What autoscaling annotations may say, in upstream's words.
 * Source: knative.dev/serving pkg/apis/autoscaling/annotation_validation.go.
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, outOfBounds } from '../meta/field-error.ts';
import { formatGoDuration, parseGoDuration } from '../meta/go-duration.ts';
import { parseGoFloat, parseGoInt } from '../meta/go-parse.ts';
import type { Annotations } from './annotations.ts';
import {
  activationScaleKey,
  aggregationKey,
  classKey,
  findAnnotation,
  hpaClass,
  initialScaleKey,
  kpaClass,
  maxScaleKey,
  metricKey,
  minScaleKey,
  panicThresholdKey,
  panicWindowKey,
  retentionPeriodKey,
  scaleDownDelayKey,
  targetBurstCapacityKey,
  targetKey,
  targetUtilizationKey,
  windowKey,
} from './annotations.ts';
import type { AutoscalerConfig } from './config.ts';

const WINDOW_MIN_MS = 6_000;
const WINDOW_MAX_MS = 3_600_000;
const TARGET_MIN = 0.01;
const INT32_MAX = 2_147_483_647;
const algorithms = ['', 'linear', 'weighted-exponential', 'weightedExponential'];

/** Field errors of a template's autoscaling annotations; `path` is e.g. `metadata.annotations`. */
export function validateAutoscalingAnnotations(
  annotations: Annotations,
  config: AutoscalerConfig,
  path: string,
): readonly FieldError[] {
  if (!annotations) return [];
  const checks = new AnnotationChecks(annotations, path);
  checkClass(checks);
  checkScale(checks, config);
  checkNumbers(checks);
  checks.duration(windowKey, { lowMs: WINDOW_MIN_MS, isWholeSeconds: true });
  checks.duration(retentionPeriodKey, { lowMs: 0, isWholeSeconds: false });
  checks.duration(scaleDownDelayKey, { lowMs: 0, isWholeSeconds: true });
  checkMetric(checks, config);
  const algorithm = checks.text(aggregationKey);
  // Other classes may know other algorithms.
  if (checks.text(classKey) === kpaClass && !algorithms.includes(algorithm ?? ''))
    checks.invalid(aggregationKey);
  checkInitialScale(checks, config);
  return checks.errors;
}

function checkClass(checks: AnnotationChecks): void {
  const value = checks.text(classKey);
  if (value?.endsWith('.knative.dev') && value !== kpaClass && value !== hpaClass)
    checks.invalid(classKey);
}

function checkScale(checks: AnnotationChecks, config: AutoscalerConfig): void {
  const min = checks.count(minScaleKey);
  const max = checks.count(maxScaleKey);
  if (max !== 0 && max < min)
    checks.errors.push({
      message: `max-scale=${max} is less than min-scale=${min}`,
      paths: [`${checks.path}.${maxScaleKey}`, `${checks.path}.${minScaleKey}`],
    });
  const limit = config.maxScaleLimit;
  if (limit !== 0 && checks.text(maxScaleKey) !== undefined) {
    if (max > limit) checks.errors.push(outOfBounds(max, 1, limit, checks.pathOf(maxScaleKey)));
    if (max === 0) checks.add(`max-scale=0 (unlimited), must be less than ${limit}`, maxScaleKey);
  }
  const text = checks.text(activationScaleKey);
  if (text === undefined) return;
  const parsed = parseGoInt(text, 32);
  if ('error' in parsed) return checks.invalid(activationScaleKey);
  const { value } = parsed;
  if (min > value)
    checks.add(`min-scale=${min} is greater than activation-scale=${value}`, activationScaleKey);
  else if (max < value && max !== 0)
    checks.add(`max-scale=${max} is less than activation-scale=${value}`, activationScaleKey);
  else if (value < 2)
    checks.add(`activation-scale=${value} must be greater than 1`, activationScaleKey);
}

function checkNumbers(checks: AnnotationChecks): void {
  checks.number(panicWindowKey, { low: 1, high: 100 });
  checks.number(panicThresholdKey, { low: 110, high: 1_000 });
  const target = checks.float(targetKey);
  if (target !== undefined && target < TARGET_MIN)
    checks.add(`target ${checks.text(targetKey)} should be at least ${TARGET_MIN}`, targetKey);
  checks.number(targetUtilizationKey, { low: 1, high: 100 });
  const burst = checks.float(targetBurstCapacityKey);
  if (burst !== undefined && burst < 0 && burst !== -1) checks.invalid(targetBurstCapacityKey);
}

function checkMetric(checks: AnnotationChecks, config: AutoscalerConfig): void {
  const metric = checks.text(metricKey);
  if (metric === undefined) return;
  const autoscalerClass = checks.text(classKey) ?? config.podAutoscalerClass;
  const isKnown =
    autoscalerClass === kpaClass
      ? metric === 'concurrency' || metric === 'rps'
      : autoscalerClass !== hpaClass || metric !== '';
  if (!isKnown) checks.invalid(metricKey);
}

function checkInitialScale(checks: AnnotationChecks, config: AutoscalerConfig): void {
  const text = checks.text(initialScaleKey);
  if (text === undefined) return;
  const parsed = parseGoInt(text);
  const path = checks.pathOf(initialScaleKey);
  if ('error' in parsed) checks.invalid(initialScaleKey);
  else if (parsed.value < 0)
    checks.errors.push(invalidValue(text, `${path} must be greater than 0`));
  else if (parsed.value === 0 && !config.allowZeroInitialScale)
    checks.errors.push(invalidValue(text, `${path}=0 not allowed by cluster`));
}

class AnnotationChecks {
  readonly path: string;
  readonly errors: FieldError[] = [];
  private readonly annotations: Annotations;

  constructor(annotations: Annotations, path: string) {
    this.annotations = annotations;
    this.path = path;
  }

  text(key: string): string | undefined {
    return findAnnotation(this.annotations, key)?.value;
  }

  /** Names the key that the user wrote, which may be the alternate. */
  pathOf(key: string): string {
    return `${this.path}.${findAnnotation(this.annotations, key)?.key ?? key}`;
  }

  add(message: string, key: string): void {
    this.errors.push({ message, paths: [this.pathOf(key)] });
  }

  invalid(key: string): void {
    this.errors.push(invalidValue(this.text(key), this.pathOf(key)));
  }

  /** A 32 bit integer from 0 on; 0 when absent or wrong. */
  count(key: string): number {
    const text = this.text(key);
    if (text === undefined) return 0;
    const parsed = parseGoInt(text, 32);
    if ('value' in parsed && parsed.value >= 0) return parsed.value;
    const isOutOfRange = 'value' in parsed || parsed.error.endsWith('out of range');
    if (isOutOfRange) this.errors.push(outOfBounds(text, 0, INT32_MAX, this.pathOf(key)));
    else this.invalid(key);
    return 0;
  }

  float(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const parsed = parseGoFloat(text);
    if ('value' in parsed) return parsed.value;
    this.invalid(key);
    return undefined;
  }

  number(key: string, { low, high }: { readonly low: number; readonly high: number }): void {
    const value = this.float(key);
    if (value !== undefined && (value < low || value > high))
      this.errors.push(outOfBounds(this.text(key), low, high, this.pathOf(key)));
  }

  duration(
    key: string,
    { lowMs, isWholeSeconds }: { readonly lowMs: number; readonly isWholeSeconds: boolean },
  ): void {
    const text = this.text(key);
    if (text === undefined) return;
    const valueMs = parseGoDuration(text);
    if (valueMs === undefined) return this.invalid(key);
    if (valueMs < lowMs || valueMs > WINDOW_MAX_MS) {
      const [low, high] = [formatGoDuration(lowMs), formatGoDuration(WINDOW_MAX_MS)];
      this.errors.push({
        message: `expected ${low} <= ${text} <= ${high}`,
        paths: [this.pathOf(key)],
      });
    } else if (isWholeSeconds && valueMs % 1_000 !== 0)
      this.add('must be specified with at most second precision', key);
  }
}
