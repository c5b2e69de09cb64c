/**
 * Subscriptions to a broker: `trigger`, AWS's `eventBridge` and `cloudwatchEvent`, and the old
 * plugin's `custom`. Schema and parsing to the filters of a Trigger.
 */
import { anyOf, anything, flag, listOf, mapOf, openShape, shape, text } from '../json-schema.ts';
import type { JsonSchema } from '../json-schema.ts';
import type { FilterModel, TriggerEvent } from '../service-model.ts';
import { EventProblem } from './event-problem.ts';

const scalar = anyOf(text, { type: 'number' }, flag);

export const triggerSchema: JsonSchema = anyOf(
  text,
  shape({
    name: text,
    broker: text,
    type: text,
    source: text,
    subject: text,
    attributes: mapOf(scalar),
    filters: listOf(openShape({})),
    delivery: shape({
      retry: { type: 'integer', minimum: 0 },
      backoffPolicy: { enum: ['linear', 'exponential'] },
      backoffDelay: text,
      timeout: text,
      deadLetterSink: openShape({}),
    }),
  }),
);

export const customSchema: JsonSchema = shape({
  filter: shape({ attributes: mapOf(scalar) }),
});

export const eventBridgeSchema: JsonSchema = openShape({
  pattern: openShape({}),
  schedule: text,
  eventBus: anything,
  enabled: flag,
  name: text,
  input: anything,
});

export const cloudwatchEventSchema: JsonSchema = openShape(
  { event: openShape({}), enabled: flag, name: text, input: anything },
  ['event'],
);

interface RawTrigger {
  name?: string;
  broker?: string;
  type?: string;
  source?: string;
  subject?: string;
  attributes?: Record<string, unknown>;
  filters?: FilterModel[];
  delivery?: Record<string, unknown>;
}

/** A string is the event type. @throws {EventProblem} */
export function parseTrigger(raw: unknown): TriggerEvent {
  const settings: RawTrigger = typeof raw === 'string' ? { type: raw } : (raw as RawTrigger);
  const exact: Record<string, string> = {};
  for (const name of ['type', 'source', 'subject'] as const)
    if (settings[name] !== undefined) exact[name] = settings[name];
  for (const [name, value] of Object.entries(settings.attributes ?? {})) {
    if (!/^[a-z0-9]+$/.test(name))
      throw new EventProblem(
        'invalid',
        `trigger attribute "${name}": CloudEvents attributes are lower-case letters and digits`,
      );
    exact[name] = String(value);
  }
  const filters = [
    ...(Object.keys(exact).length > 0 ? [{ exact }] : []),
    ...(settings.filters ?? []),
  ];
  return {
    type: 'trigger',
    kind: 'trigger',
    filters,
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(settings.broker === undefined ? {} : { broker: settings.broker }),
    ...(exact['type'] === undefined ? {} : { eventType: exact['type'] }),
    ...(settings.delivery === undefined ? {} : { delivery: settings.delivery }),
  };
}

/** The old plugin's `custom: { filter: { attributes } }`. */
export function parseCustom(raw: unknown): TriggerEvent {
  const { filter } = (raw ?? {}) as { filter?: { attributes?: Record<string, unknown> } };
  return parseTrigger({ attributes: filter?.attributes ?? {} });
}

/** Which CloudEvents attribute carries what an EventBridge pattern asks for. */
const ATTRIBUTE_OF = { source: 'source', 'detail-type': 'type' } as const;

/**
 * An EventBridge pattern as filters. `source` and `detail-type` map to attributes; a pattern on
 * anything else cannot be kept, and dropping a condition would deliver events that were filtered
 * out before, so such an event is not deployed.
 * @throws {EventProblem}
 */
export function parseEventBridge(pattern: unknown, name: string | undefined): TriggerEvent {
  if (typeof pattern !== 'object' || pattern === null)
    throw new EventProblem('invalid', 'an event pattern or a schedule is needed');
  const filters: FilterModel[] = [];
  let eventType: string | undefined;
  for (const [field, condition] of Object.entries(pattern)) {
    const attribute = (ATTRIBUTE_OF as Record<string, string | undefined>)[field];
    if (attribute === undefined)
      throw new EventProblem('undeployed', `a pattern on "${field}" is not built`);
    const choices = [condition].flat().map((choice) => toFilter(attribute, choice, field));
    const [only] = choices;
    filters.push(choices.length === 1 && only ? only : { any: choices });
    if (
      field === 'detail-type' &&
      choices.length === 1 &&
      typeof [condition].flat()[0] === 'string'
    )
      eventType = [condition].flat()[0] as string;
  }
  return {
    type: 'trigger',
    kind: 'eventBridge',
    filters,
    ...(name === undefined ? {} : { name }),
    ...(eventType === undefined ? {} : { eventType }),
  };
}

function toFilter(attribute: string, choice: unknown, field: string): FilterModel {
  if (typeof choice === 'string') return { exact: { [attribute]: choice } };
  const [operator, operand] = Object.entries((choice ?? {}) as Record<string, unknown>)[0] ?? [];
  if (operator === 'prefix' && typeof operand === 'string')
    return { prefix: { [attribute]: operand } };
  if (operator === 'suffix' && typeof operand === 'string')
    return { suffix: { [attribute]: operand } };
  if (operator === 'anything-but') {
    const excluded = [operand].flat().map((value) => toFilter(attribute, value, field));
    const [only] = excluded;
    return { not: excluded.length === 1 && only ? only : { any: excluded } };
  }
  throw new EventProblem('undeployed', `a pattern "${field}: ${operator}" is not built`);
}
