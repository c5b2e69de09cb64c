/**
 * events.k8s.io/v1 Event: the same objects as core's Events, under the newer names of their fields.
 * Source: k8s.io/kubernetes pkg/apis/events/v1/conversion.go (which field is which).
 */
import { validateEvent, validateEventUpdate, validateNewEvent } from '../core/event-rules.ts';
import { eventKind, type Event } from '../core/types.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

/** Field by field: the newer name, and core's. */
const names = [
  ['eventTime', 'eventTime'],
  ['series', 'series'],
  ['reportingController', 'reportingComponent'],
  ['reportingInstance', 'reportingInstance'],
  ['action', 'action'],
  ['reason', 'reason'],
  ['regarding', 'involvedObject'],
  ['related', 'related'],
  ['note', 'message'],
  ['type', 'type'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;

/** Times and structures that both forms write also when they are not set. */
const emptyValues = {
  eventTime: null,
  source: {},
  firstTimestamp: null,
  lastTimestamp: null,
  involvedObject: {},
  reportingComponent: '',
  reportingInstance: '',
};

type Fields = Record<string, unknown>;

function toCore(object: KubeObject): Event {
  const given = object as KubeObject & Fields;
  const core: Fields = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: object.metadata,
    ...emptyValues,
  };
  for (const [newer, older] of names) if (given[newer] != null) core[older] = given[newer];
  return core as unknown as Event;
}

function fromCore(event: KubeObject): KubeObject {
  const given = event as KubeObject & Fields;
  const shown: Fields = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: event.metadata,
    eventTime: null,
    deprecatedSource: {},
    deprecatedFirstTimestamp: null,
    deprecatedLastTimestamp: null,
    regarding: {},
  };
  for (const [newer, older] of names)
    if (given[older] != null && given[older] !== '') shown[newer] = given[older];
  return shown as unknown as KubeObject;
}

export const eventsDefinitions: readonly KindDefinition[] = [
  {
    ...eventKind,
    group: 'events.k8s.io',
    face: { of: eventKind, toStored: toCore, fromStored: fromCore },
    singular: 'event',
    shortNames: ['ev'],
    hasStatus: false,
    hasGeneration: false,
    durability: 'behind',
    selectableFields: [
      'reason',
      'regarding.kind',
      'regarding.namespace',
      'regarding.name',
      'regarding.uid',
      'regarding.apiVersion',
      'regarding.resourceVersion',
      'regarding.fieldPath',
      'reportingController',
      'type',
    ],
    validate(object, { old }) {
      const event = toCore(object);
      const errors = validateEvent(event, 'reportingController');
      return old
        ? [...errors, ...validateEventUpdate(event, toCore(old))]
        : [...errors, ...validateNewEvent(event)];
    },
  },
];
