/**
 * serverless.yml, as the host resolved it, to the typed service model: every default, name and
 * precedence is decided here, once. Pure: the caller prints the warnings.
 */
import { UserError } from '../user-error.ts';
import { EventProblem } from './events/event-problem.ts';
import { parseEvent } from './events/event-catalog.ts';
import { nameFunctions, toObjectName } from './function-name.ts';
import { findIgnoredSettings } from './ignored-settings.ts';
import { parseScale } from './parse-scale.ts';
import { parseSource } from './parse-source.ts';
import type { EventModel, FunctionModel, FunctionStyle, ServiceModel } from './service-model.ts';

export interface ParseInput {
  readonly service: string;
  /** Already settled: `--stage`, `provider.stage`, `dev`. */
  readonly stage: string;
  readonly provider: Readonly<Record<string, unknown>>;
  readonly functions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly resources?: unknown;
  readonly layers?: unknown;
}

export interface ParsedService {
  readonly model: ServiceModel;
  readonly warnings: readonly string[];
}

/** AWS's defaults, which handlers moved from there were written for. */
const DEFAULT_MEMORY_MIB = 1_024;
const DEFAULT_TIMEOUT_SECONDS = 6;
/** Knative's limit for `timeoutSeconds`; Lambda's is 900. */
const TIMEOUT_SECONDS_MAX = 600;
/** AWS clients refuse to start without a region; this one is what most of their examples use. */
const DEFAULT_REGION = 'us-east-1';

/** @throws {UserError} naming the function and the setting. */
export function parseService(input: ParseInput): ParsedService {
  const { service, stage, provider, functions } = input;
  const warnings = [...findIgnoredSettings(input)];
  const names = nameFunctions(Object.keys(functions));
  const k8s = (provider['k8s'] ?? {}) as { namespace?: string };
  const target = (provider['target'] ?? 'local') as ServiceModel['target'];
  const model: ServiceModel = {
    service,
    stage,
    namespace:
      asText(provider['namespace']) ?? k8s.namespace ?? toObjectName(`${service}-${stage}`),
    domain: asText(provider['domain']) ?? 'localhost',
    broker: asText(provider['broker']) ?? 'default',
    region: asText(provider['region']) ?? DEFAULT_REGION,
    target,
    ...(provider['context'] === undefined ? {} : { context: String(provider['context']) }),
    ...(provider['registry'] === undefined ? {} : { registry: String(provider['registry']) }),
    functions: Object.entries(functions).map(([key, raw]) =>
      parseFunction(key, raw, { input, name: names.get(key) ?? key, warnings }),
    ),
  };
  return { model, warnings };
}

interface FunctionContext {
  readonly input: ParseInput;
  readonly name: string;
  readonly warnings: string[];
}

function parseFunction(
  key: string,
  raw: Readonly<Record<string, unknown>>,
  { input, name, warnings }: FunctionContext,
): FunctionModel {
  const { provider, service, stage } = input;
  const source = parseSource(key, raw, { provider, warnings });
  const timeout = asNumber(raw['timeout']) ?? asNumber(provider['timeout']);
  const wanted = timeout ?? (source.type === 'handler' ? DEFAULT_TIMEOUT_SECONDS : undefined);
  if (wanted !== undefined && wanted > TIMEOUT_SECONDS_MAX)
    warnings.push(
      `functions.${key}.timeout is ${wanted} s; Knative's limit of ${TIMEOUT_SECONDS_MAX} s holds`,
    );
  const style = (raw['style'] ?? provider['style']) as FunctionStyle | undefined;
  return {
    key,
    name,
    functionName: asText(raw['name']) ?? `${service}-${stage}-${key}`,
    source,
    ...(style === undefined ? {} : { style }),
    memoryMiB:
      asNumber(raw['memorySize']) ?? asNumber(provider['memorySize']) ?? DEFAULT_MEMORY_MIB,
    ...(wanted === undefined ? {} : { timeoutSeconds: Math.min(wanted, TIMEOUT_SECONDS_MAX) }),
    concurrency: asNumber(raw['concurrency']) ?? asNumber(provider['concurrency']) ?? 0,
    scale: parseScale(key, raw, { provider, warnings }),
    environment: parseEnvironment(key, [provider['environment'], raw['environment']], warnings),
    hasUrl: raw['url'] !== undefined && raw['url'] !== false,
    events: parseEvents(key, (raw['events'] ?? []) as readonly unknown[], warnings),
  };
}

function parseEvents(
  key: string,
  items: readonly unknown[],
  warnings: string[],
): readonly EventModel[] {
  return items.flatMap((item, index) => {
    try {
      return parseEvent(item).events;
    } catch (error) {
      if (!(error instanceof EventProblem)) throw error;
      const name = typeof item === 'string' ? item : (Object.keys(item ?? {})[0] ?? '');
      if (error.kind === 'invalid')
        throw new UserError(
          `functions.${key}.events[${index}] (${name}): ${error.message}.`,
          'KNIT_INVALID_EVENT',
          { cause: error },
        );
      warnings.push(
        `event "${name}" of function "${key}" is not deployed yet by this version: ${error.message}`,
      );
      return [];
    }
  });
}

/** Later layers win. Values become strings; what has no value here is left unset, with a warning. */
function parseEnvironment(
  key: string,
  layers: readonly unknown[],
  warnings: string[],
): Readonly<Record<string, string>> {
  const merged = Object.assign({}, ...layers) as Record<string, unknown>;
  const environment: Record<string, string> = {};
  for (const name of Object.keys(merged).sort()) {
    const value = merged[name];
    if (value === null || value === undefined) continue;
    if (typeof value === 'object') {
      warnings.push(
        `functions.${key}.environment.${name} is a CloudFormation expression, which has no value ` +
          'here; the variable is left unset',
      );
      continue;
    }
    environment[name] = String(value);
  }
  return environment;
}

const asText = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : String(value);
const asNumber = (value: unknown): number | undefined =>
  value === undefined || value === null ? undefined : Number(value);
