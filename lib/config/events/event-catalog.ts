/**
 * Every event that `functions.x.events` may hold, by name: its schema, and how it is parsed. An
 * event that is valid but not built yet has a schema only, and becomes one warning.
 */
import { anyOf, anything, openShape, text, type JsonSchema } from '../json-schema.ts';
import type { EventModel } from '../service-model.ts';
import { EventProblem } from './event-problem.ts';
import { httpApiSchema, httpSchema, parseHttp } from './http.ts';
import { cronSchema, parsePing, parseSchedule, pingSchema, scheduleSchema } from './schedule.ts';
import {
  cloudwatchEventSchema,
  customSchema,
  eventBridgeSchema,
  parseCustom,
  parseEventBridge,
  parseTrigger,
  triggerSchema,
} from './trigger.ts';

interface EventEntry {
  readonly schema: JsonSchema;
  /** Absent: this version does not deploy it. @throws {EventProblem} */
  readonly parse?: (raw: unknown) => readonly EventModel[];
}

const notBuilt = (...required: string[]): EventEntry => ({
  schema: anyOf(text, openShape({}, required)),
});
const bare: EventEntry = { schema: anything };

export const eventCatalog: Readonly<Record<string, EventEntry>> = {
  http: { schema: httpSchema, parse: (raw) => [parseHttp('http', raw)] },
  httpApi: { schema: httpApiSchema, parse: (raw) => [parseHttp('httpApi', raw)] },
  schedule: { schema: scheduleSchema, parse: parseSchedule },
  ping: { schema: pingSchema, parse: (raw) => [parsePing(raw)] },
  cron: { schema: cronSchema, parse: (raw) => [parsePing(raw)] },
  trigger: { schema: triggerSchema, parse: (raw) => [parseTrigger(raw)] },
  custom: { schema: customSchema, parse: (raw) => [parseCustom(raw)] },
  eventBridge: { schema: eventBridgeSchema, parse: parseBridge },
  cloudwatchEvent: { schema: cloudwatchEventSchema, parse: parseCloudwatch },

  alb: notBuilt('listenerArn', 'priority'),
  alexaSkill: bare,
  alexaSmartHome: bare,
  activemq: notBuilt('arn', 'queue'),
  awsSqs: notBuilt('queue'),
  bitbucket: notBuilt(),
  channel: notBuilt(),
  cloudFront: notBuilt(),
  cloudwatchLog: notBuilt(),
  cognitoUserPool: notBuilt('pool', 'trigger'),
  container: notBuilt(),
  couchdb: notBuilt(),
  gcpPubSub: notBuilt('project', 'topic'),
  github: notBuilt(),
  gitlab: notBuilt(),
  iot: notBuilt('sql'),
  iotFleetProvisioning: notBuilt(),
  kafka: notBuilt('bootstrapServers'),
  kubernetes: notBuilt(),
  msk: notBuilt('arn', 'topic'),
  nats: notBuilt(),
  parallel: notBuilt(),
  rabbitmq: notBuilt('queue'),
  redis: notBuilt(),
  s3: notBuilt('bucket'),
  sequence: notBuilt(),
  sns: notBuilt(),
  sqs: notBuilt(),
  stream: notBuilt(),
  websocket: notBuilt('route'),
};

/** Parses one item of `events`: `{ name: settings }`, or a bare name. @throws {EventProblem} */
export function parseEvent(item: unknown): { name: string; events: readonly EventModel[] } {
  const [name, settings] =
    typeof item === 'string'
      ? [item, undefined]
      : (Object.entries((item ?? {}) as Record<string, unknown>)[0] ?? ['', undefined]);
  const entry = Object.hasOwn(eventCatalog, name) ? eventCatalog[name] : undefined;
  if (!entry)
    throw new EventProblem(
      'invalid',
      `"${name}" is not an event; known are ${Object.keys(eventCatalog).sort().join(', ')}`,
    );
  if (!entry.parse) throw new EventProblem('undeployed', 'it is not built');
  if (settings === undefined || settings === null)
    throw new EventProblem('invalid', `"${name}" needs settings`);
  return { name, events: entry.parse(settings) };
}

function parseBridge(raw: unknown): readonly EventModel[] {
  const settings = raw as RawBridge;
  if (settings.enabled === false) return [];
  if (settings.schedule !== undefined)
    return parseSchedule({
      rate: settings.schedule,
      ...(settings.input === undefined ? {} : { input: settings.input }),
    });
  refuseRewrites(settings);
  return [parseEventBridge(settings.pattern, settings.name)];
}

function parseCloudwatch(raw: unknown): readonly EventModel[] {
  const settings = raw as RawBridge;
  if (settings.enabled === false) return [];
  refuseRewrites(settings);
  return [parseEventBridge(settings.event, settings.name)];
}

interface RawBridge {
  pattern?: unknown;
  event?: unknown;
  schedule?: string;
  enabled?: boolean;
  name?: string;
  input?: unknown;
  inputPath?: unknown;
  inputTransformer?: unknown;
}

function refuseRewrites(settings: RawBridge): void {
  for (const name of ['input', 'inputPath', 'inputTransformer'] as const)
    if (settings[name] !== undefined)
      throw new EventProblem('undeployed', `"${name}" on an event pattern is not built`);
}
