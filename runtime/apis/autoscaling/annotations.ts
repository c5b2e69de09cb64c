/**
 * The `autoscaling.knative.dev/` annotations: keys with their camelCase alternates, and how they
 * are read. They live in a revision template and are honoured live on a Revision. Validation is
 * `validate-annotations.ts`. Source: knative.dev/serving pkg/apis/autoscaling/register.go.
 */
import { parseGoDuration } from '../meta/go-duration.ts';

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
