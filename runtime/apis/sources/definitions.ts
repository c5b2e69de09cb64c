/**
 * PingSource as the API server serves it. The schedule's syntax is checked here by shape only; the
 * controller, which owns the cron library, has the last word in the condition Deployed.
 * Source: Knative Eventing 1.19 pkg/apis/sources/v1 ping_*.go (behaviour).
 */
import { defaultDestination, validateDestination } from '../eventing/validate-destination.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue } from '../meta/field-error.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { PingSource } from './types.ts';
import { pingSourceKind } from './types.ts';

export const defaultSchedule = '* * * * *';

const pingSourceDefinition: KindDefinition<PingSource> = {
  ...pingSourceKind,
  singular: 'pingsource',
  categories: ['all', 'knative', 'sources'],
  hasStatus: true,
  columns: [
    { name: 'Sink', type: 'string', jsonPath: '.status.sinkUri' },
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  ],
  applyDefaults(source) {
    const spec = (source.spec as PingSource['spec'] | undefined) ?? ({} as PingSource['spec']);
    return {
      ...source,
      spec: {
        ...spec,
        schedule: spec.schedule || defaultSchedule,
        sink: defaultDestination(spec.sink, source.metadata.namespace),
      },
    };
  },
  validate: validatePingSource,
};

export const sourcesDefinitions: readonly KindDefinition[] = [
  pingSourceDefinition,
] as unknown as readonly KindDefinition[];

const DESCRIPTOR = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/;
const CRON_FIELDS = /^[0-9A-Za-z*?/,#-]+(?:\s+[0-9A-Za-z*?/,#-]+){4,5}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const EXTENSION_NAME = /^[a-z0-9]+$/;

function validatePingSource(source: PingSource): readonly FieldError[] {
  const { schedule = defaultSchedule, timezone, data, dataBase64, contentType } = source.spec;
  const errors: FieldError[] = [];
  const text = schedule.trim();
  if (text.startsWith('@every'))
    errors.push(invalidValue(schedule, 'spec.schedule', 'unsupported @every'));
  else if (!DESCRIPTOR.test(text) && !CRON_FIELDS.test(text))
    errors.push(
      invalidValue(
        schedule,
        'spec.schedule',
        'expected five or six cron fields or a descriptor such as @hourly',
      ),
    );
  if (timezone !== undefined && timezone !== '' && !isTimeZone(timezone))
    errors.push(invalidValue(timezone, 'spec.timezone', `unknown time zone ${timezone}`));
  if (data && dataBase64)
    errors.push({
      message: 'expected exactly one, got both',
      paths: ['spec.data', 'spec.dataBase64'],
    });
  if (data && contentType === 'application/json' && !isJson(data))
    errors.push(invalidValue(data, 'spec.data', 'is not JSON, as its contentType says'));
  if (dataBase64 && !BASE64.test(dataBase64))
    errors.push(invalidValue(dataBase64, 'spec.dataBase64', 'is not base64'));
  for (const name of Object.keys(source.spec.ceOverrides?.extensions ?? {}))
    if (!EXTENSION_NAME.test(name))
      errors.push({
        message: `invalid key name "${name}"`,
        paths: ['spec.ceOverrides.extensions'],
        details: 'keys are expected to be alphanumeric',
      });
  const { namespace = '' } = source.metadata;
  errors.push(...validateDestination(source.spec.sink, { path: 'spec.sink', namespace }));
  return errors;
}

function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false; // Its way of saying no.
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // The question is only whether it parses.
  }
}
