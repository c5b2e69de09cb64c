/**
 * What a handler gets for an event that arrived at `/_knit/event/<kind>`: the payload that the AWS
 * event of that kind has, made from the CloudEvent. Pure.
 */

/** Kinds that can be converted. */
export const eventKinds = ['trigger', 'schedule', 'eventBridge', 'cloudwatchEvent'];

/**
 * @param event from `parseCloudEvent`.
 * @param options `{accountId, region}`.
 * @returns the payload, or undefined for an unknown kind.
 */
export function makeEventPayload(kind, event, options) {
  if (kind === 'trigger') return event;
  // The plugin puts `input` there, and with `input` AWS delivers nothing else.
  if (kind === 'schedule')
    return (
      event.data ??
      makeEnvelope(event, { ...options, type: 'Scheduled Event', source: 'aws.events' })
    );
  if (kind === 'eventBridge' || kind === 'cloudwatchEvent')
    return makeEnvelope(event, { ...options, type: event.type, source: event.source });
  return undefined;
}

function makeEnvelope(event, { accountId, region, type, source }) {
  return {
    version: '0',
    id: event.id,
    'detail-type': type,
    source,
    account: accountId,
    // EventBridge has no fractions of a second.
    time: (event.time ?? new Date(0).toISOString()).replace(/\.\d+(?=Z$)/, ''),
    region,
    resources: event.subject === undefined ? [] : [event.subject],
    detail: event.data ?? {},
  };
}
