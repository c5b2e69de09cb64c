/**
 * The ConfigMap `config-defaults`: what a revision gets that asks for nothing, and how much it may
 * ask for. Source: knative.dev/serving pkg/apis/config/defaults.go.
 */
import type { ConfigMapData } from '../meta/config-map-reader.ts';
import { ConfigMapReader } from '../meta/config-map-reader.ts';
import type { TemplateData } from '../meta/go-template.ts';
import { parseTemplate } from '../meta/go-template.ts';
import type { ObjectMeta } from '../meta/object.ts';

export const servingDefaultsName = 'config-defaults';

/** Quantities by resource, in canonical form; absent = none. */
export type ResourceDefaults = Readonly<Record<string, string>>;

export interface ServingDefaults {
  readonly timeoutSeconds: number;
  readonly timeoutSecondsMax: number;
  /** 0 = off. Written into a revision only where it is shorter than its timeout. */
  readonly responseStartTimeoutSeconds: number;
  /** 0 = off. */
  readonly idleTimeoutSeconds: number;
  /** 0 = unlimited. */
  readonly containerConcurrency: number;
  readonly containerConcurrencyMax: number;
  /** Whether a revision may ask for unlimited concurrency. */
  readonly allowContainerConcurrencyZero: boolean;
  /** undefined = what the pod's own default is. */
  readonly enableServiceLinks: boolean | undefined;
  /** Go templates over the metadata of the object that holds the template. */
  readonly containerNameTemplate: string;
  readonly initContainerNameTemplate: string;
  readonly requests: ResourceDefaults;
  readonly limits: ResourceDefaults;
}

export const defaultServingDefaults: ServingDefaults = {
  timeoutSeconds: 300,
  timeoutSecondsMax: 600,
  responseStartTimeoutSeconds: 300,
  idleTimeoutSeconds: 0,
  containerConcurrency: 0,
  containerConcurrencyMax: 1_000,
  allowContainerConcurrencyZero: true,
  enableServiceLinks: false,
  containerNameTemplate: 'user-container',
  initContainerNameTemplate: 'init-container',
  requests: {},
  limits: {},
};

const INT32_MAX = 2_147_483_647;
const resources = ['cpu', 'memory', 'ephemeral-storage'] as const;

/**
 * Reads the data over the defaults. The first thing wrong is reported in upstream's words, and then
 * the defaults hold as a whole: half a configuration is nobody's intention.
 */
export function parseServingDefaults(data: ConfigMapData): {
  readonly defaults: ServingDefaults;
  readonly errors: readonly string[];
} {
  const reader = new ConfigMapReader(data);
  const base = defaultServingDefaults;
  const initContainerNameTemplate = readTemplate(
    reader,
    'init-container-name-template',
    base.initContainerNameTemplate,
  );
  const containerNameTemplate = readTemplate(
    reader,
    'container-name-template',
    base.containerNameTemplate,
  );
  const allowContainerConcurrencyZero = reader.bool(
    'allow-container-concurrency-zero',
    base.allowContainerConcurrencyZero,
  );
  const timeoutSeconds = reader.int('revision-timeout-seconds', base.timeoutSeconds);
  const defaults: ServingDefaults = {
    initContainerNameTemplate,
    containerNameTemplate,
    allowContainerConcurrencyZero,
    timeoutSeconds,
    timeoutSecondsMax: reader.int('max-revision-timeout-seconds', base.timeoutSecondsMax),
    idleTimeoutSeconds: reader.int('revision-idle-timeout-seconds', base.idleTimeoutSeconds),
    containerConcurrency: reader.int('container-concurrency', base.containerConcurrency),
    containerConcurrencyMax: reader.int(
      'container-concurrency-max-limit',
      base.containerConcurrencyMax,
    ),
    requests: readResources(reader, 'request'),
    limits: readResources(reader, 'limit'),
    responseStartTimeoutSeconds: reader.int(
      'revision-response-start-timeout-seconds',
      timeoutSeconds,
    ),
    enableServiceLinks: readServiceLinks(data?.['enable-service-links']),
  };
  checkTogether(reader, defaults);
  return reader.error === undefined
    ? { defaults, errors: [] }
    : { defaults: base, errors: [reader.error] };
}

function readTemplate(reader: ConfigMapReader, key: string, fallback: string): string {
  const text = reader.read(key, fallback, (value) => ({ value }));
  try {
    parseTemplate(text)(templateData({ name: '' }));
  } catch (error) {
    reader.fail(`error executing template: ${(error as Error).message}`);
  }
  return text;
}

function readResources(reader: ConfigMapReader, what: 'request' | 'limit'): ResourceDefaults {
  const found: Record<string, string> = {};
  for (const resource of resources) {
    const quantity = reader.quantity(`revision-${resource}-${what}`, undefined);
    if (quantity !== undefined) found[resource] = quantity;
  }
  return found;
}

function readServiceLinks(text: string | undefined): boolean | undefined {
  if (text === undefined) return defaultServingDefaults.enableServiceLinks;
  return { true: true, false: false }[text.toLowerCase()];
}

function checkTogether(reader: ConfigMapReader, defaults: ServingDefaults): void {
  const { timeoutSeconds, timeoutSecondsMax, containerConcurrencyMax } = defaults;
  const { responseStartTimeoutSeconds, idleTimeoutSeconds, containerConcurrency } = defaults;
  const exceeds = (key: string, value: number, limitKey: string, limit: number): void =>
    reader.fail(`${key} (${value}) cannot be greater than ${limitKey} (${limit})`);
  const timeoutKey = 'revision-timeout-seconds';
  if (timeoutSeconds > timeoutSecondsMax)
    exceeds(timeoutKey, timeoutSeconds, 'max-revision-timeout-seconds', timeoutSecondsMax);
  for (const [key, value] of [
    ['revision-response-start-timeout-seconds', responseStartTimeoutSeconds],
    ['revision-idle-timeout-seconds', idleTimeoutSeconds],
  ] as const)
    if (value > 0 && value > timeoutSeconds) exceeds(key, value, timeoutKey, timeoutSeconds);
  if (containerConcurrencyMax < 1)
    reader.fail(
      `expected 1 <= ${containerConcurrencyMax} <= ${INT32_MAX}: container-concurrency-max-limit`,
    );
  if (containerConcurrency < 0 || containerConcurrency > containerConcurrencyMax)
    reader.fail(
      `expected 0 <= ${containerConcurrency} <= ${containerConcurrencyMax}: container-concurrency`,
    );
}

/** The name that a template gives to a container of an object with this metadata; '' when it cannot. */
export function containerNameOf(template: string, parent: Partial<ObjectMeta>): string {
  try {
    return parseTemplate(template)(templateData(parent));
  } catch {
    return '';
  }
}

const templateData = (parent: Partial<ObjectMeta>): TemplateData => ({
  Name: parent.name ?? '',
  GenerateName: parent.generateName ?? '',
  Namespace: parent.namespace ?? '',
  Labels: parent.labels ?? {},
  Annotations: parent.annotations ?? {},
});
