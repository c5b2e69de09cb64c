/** Loop protection: an event passes brokers at most 255 times. Source: Knative Eventing pkg/broker ttl.go (behaviour). */
import type { CloudEvent } from '../cloudevents/cloud-event.ts';
import { InvalidCloudEvent, withAttributes } from '../cloudevents/cloud-event.ts';

export const ttlExtension = 'knativebrokerttl';
export const arrivalTimeExtension = 'knativearrivaltime';
const TTL_MAX = 255;

/** The event as the log takes it in: one pass fewer, stamped. @throws {InvalidCloudEvent} when no pass is left. */
export function admitEvent(event: CloudEvent, nowMs: number): CloudEvent {
  const text = String(event.attributes.get(ttlExtension) ?? '');
  const ttl = /^[+-]?\d{1,10}$/.test(text) ? Math.min(TTL_MAX, Number(text) - 1) : TTL_MAX;
  if (ttl <= 0)
    throw new InvalidCloudEvent(`${ttlExtension}: no pass is left, the event goes in a circle`);
  return withAttributes(event, {
    [ttlExtension]: ttl,
    [arrivalTimeExtension]: new Date(nowMs).toISOString(),
  });
}
