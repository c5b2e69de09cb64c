/**
 * What an Event must say, in core's form; events.k8s.io asks for more. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core/validation/events.go (rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalid, required, unchanged } from '../meta/field-rule.ts';
import { qualifiedNameProblems } from '../meta/name-rules.ts';
import type { Event } from './types.ts';

const TEXT_LENGTH_MAX = 128;
const NOTE_LENGTH_MAX = 1_024;
/** What nobody changes of an Event of events.k8s.io: a repetition is told by its series. */
const frozenFields = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

/** @param controllerField what the form that was sent calls the reporting component */
export function validateEvent(
  event: Event,
  controllerField: 'reportingComponent' | 'reportingController',
): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const about = event.involvedObject?.namespace ?? '';
  const mismatch = invalid('involvedObject.namespace', about, 'does not match event.namespace');
  if (!event.eventTime) {
    const fits = about === '' ? namespace === 'default' : about === namespace;
    return fits ? [] : [mismatch];
  }
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '' } = event;
  const text = (field: string, value: string): FieldError[] => [
    ...(value === '' ? [required(field)] : []),
    ...(value.length > TEXT_LENGTH_MAX
      ? [invalid(field, '', `can have at most ${TEXT_LENGTH_MAX} characters`)]
      : []),
  ];
  const isGlobal = namespace === 'default' || namespace === 'kube-system';
  return [
    ...(about === '' && !isGlobal ? [mismatch] : []),
    ...(reportingComponent === '' ? [required(controllerField)] : []),
    ...qualifiedNameProblems(reportingComponent).map((problem) =>
      invalid(controllerField, reportingComponent, problem),
    ),
    ...text('reportingInstance', reportingInstance),
    ...text('action', action),
    ...text('reason', reason),
    ...((event.message ?? '').length > NOTE_LENGTH_MAX
      ? [invalid('message', '', `can have at most ${NOTE_LENGTH_MAX} characters`)]
      : []),
  ];
}

/** The rules of events.k8s.io beyond those, for a new Event. */
export function validateNewEvent(event: Event): FieldError[] {
  const unset = (field: string, value: unknown): FieldError[] =>
    value ? [invalid(field, '', 'needs to be unset')] : [];
  return [
    ...seriesProblems(event),
    ...(event.eventTime ? [] : [required('eventTime')]),
    ...(event.type === 'Normal' || event.type === 'Warning'
      ? []
      : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...unset('firstTimestamp', event.firstTimestamp),
    ...unset('lastTimestamp', event.lastTimestamp),
    ...unset('count', event.count),
    ...unset('source', event.source?.component || event.source?.host),
  ];
}

export const validateEventUpdate = (event: Event, old: Event): FieldError[] => [
  ...seriesProblems(event),
  ...frozenFields.flatMap((field) => unchanged(field, event[field] ?? null, old[field] ?? null)),
];

function seriesProblems({ series }: Event): FieldError[] {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}
