/**
 * The ConfigMap `config-defaults`: what a revision gets that asks for nothing, and how much it may
 * ask for. Resource defaults and name templates are not read yet.
 * Source: knative.dev/serving pkg/apis/config/defaults.go.
 */
export const servingDefaultsName = 'config-defaults';

export interface ServingDefaults {
  readonly timeoutSeconds: number;
  readonly timeoutSecondsMax: number;
  /** 0 = unlimited. */
  readonly containerConcurrency: number;
  readonly containerConcurrencyMax: number;
  /** Whether a revision may ask for unlimited concurrency. */
  readonly allowContainerConcurrencyZero: boolean;
}

export const defaultServingDefaults: ServingDefaults = {
  timeoutSeconds: 300,
  timeoutSecondsMax: 600,
  containerConcurrency: 0,
  containerConcurrencyMax: 1_000,
  allowContainerConcurrencyZero: true,
};

const numberKeys = [
  { key: 'revision-timeout-seconds', field: 'timeoutSeconds', min: 1 },
  { key: 'max-revision-timeout-seconds', field: 'timeoutSecondsMax', min: 1 },
  { key: 'container-concurrency', field: 'containerConcurrency', min: 0 },
  { key: 'container-concurrency-max-limit', field: 'containerConcurrencyMax', min: 1 },
] as const;

/** Reads the data over the defaults; a bad key is reported and keeps its default. */
export function parseServingDefaults(data: Readonly<Record<string, string>> | undefined): {
  readonly defaults: ServingDefaults;
  readonly errors: readonly string[];
} {
  const errors: string[] = [];
  const values: Record<string, number | boolean> = {};
  for (const { key, field, min } of numberKeys) {
    const text = data?.[key];
    if (text === undefined) continue;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min) values[field] = value;
    else errors.push(`${key} = ${text}, must be an integer of at least ${min}`);
  }
  const allowZero = data?.['allow-container-concurrency-zero'];
  if (allowZero !== undefined) values['allowContainerConcurrencyZero'] = allowZero !== 'false';
  const defaults: ServingDefaults = { ...defaultServingDefaults, ...values };
  const { timeoutSeconds, timeoutSecondsMax } = defaults;
  if (timeoutSeconds <= timeoutSecondsMax) return { defaults, errors };
  errors.push(
    `revision-timeout-seconds = ${timeoutSeconds}, must not be more than max-revision-timeout-seconds = ${timeoutSecondsMax}`,
  );
  return { defaults: defaultServingDefaults, errors };
}
