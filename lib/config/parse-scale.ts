/** `scale`, `reservedConcurrency` and `provisionedConcurrency` to autoscaling bounds. Pure. */
import { UserError } from '../user-error.ts';
import type { ScaleModel } from './service-model.ts';

interface RawScale {
  min?: number;
  max?: number;
  initial?: number;
  metric?: 'concurrency' | 'rps';
  target?: number;
  window?: string | number;
  scaleDownDelay?: string | number;
}

/**
 * `provisionedConcurrency` is the lower bound of instances; `reservedConcurrency` bounds instances
 * times concurrency. Explicit `scale.min` and `scale.max` win over both.
 * @throws {UserError} for a window or delay that is not a duration.
 */
export function parseScale(
  key: string,
  raw: Readonly<Record<string, unknown>>,
  context: { provider: Readonly<Record<string, unknown>>; warnings: string[] },
): ScaleModel {
  const scale = {
    ...(context.provider['scale'] as RawScale | undefined),
    ...(raw['scale'] as RawScale | undefined),
  };
  const provisioned = raw['provisionedConcurrency'] as number | undefined;
  const reserved = raw['reservedConcurrency'] as number | undefined;
  const concurrency = (raw['concurrency'] ?? context.provider['concurrency'] ?? 0) as number;
  if (reserved === 0)
    context.warnings.push(
      `functions.${key}.reservedConcurrency is 0, which disables a function on AWS and has no effect here`,
    );
  const min = scale.min ?? provisioned;
  const max = scale.max ?? (reserved ? Math.ceil(reserved / Math.max(concurrency, 1)) : undefined);
  if (min !== undefined && max !== undefined && max > 0 && min > max)
    throw new UserError(
      `functions.${key}.scale: at least ${min} instances and at most ${max} cannot both hold.`,
      'KNIT_INVALID_SCALE',
    );
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(scale.initial === undefined ? {} : { initial: scale.initial }),
    ...(scale.metric === undefined ? {} : { metric: scale.metric }),
    ...(scale.target === undefined ? {} : { target: scale.target }),
    ...(scale.window === undefined
      ? {}
      : { window: toGoDuration(scale.window, `functions.${key}.scale.window`) }),
    ...(scale.scaleDownDelay === undefined
      ? {}
      : {
          scaleDownDelay: toGoDuration(
            scale.scaleDownDelay,
            `functions.${key}.scale.scaleDownDelay`,
          ),
        }),
  };
}

/** Numbers are seconds. @throws {UserError} */
export function toGoDuration(value: string | number, setting: string): string {
  const text = String(value).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return `${text}s`;
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return text;
  throw new UserError(
    `${setting}: "${value}" is not a duration; write 60s, 5m or 1m30s.`,
    'KNIT_INVALID_DURATION',
  );
}
