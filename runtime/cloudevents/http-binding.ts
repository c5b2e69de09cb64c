/**
 * The HTTP binding: a message's headers and body to an event and back, in binary and structured
 * mode. Batches are refused, since no broker may accept one that it did not ask for.
 * Source: CloudEvents 1.0.2 HTTP protocol binding, section 3.
 */
import type { AttributeValue, CloudEvent } from './cloud-event.ts';
import { InvalidCloudEvent } from './cloud-event.ts';
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts';
import { parseJsonEvent, serializeJsonEvent } from './json-format.ts';
import { validateEvent } from './validate-event.ts';

/** Names in lower case, as node:http and undici give them. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface HttpMessage {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | undefined;
}

export type ContentMode = 'binary' | 'structured' | 'batch' | 'none';

/** Which mode a message is in; `none` means that it carries no event at all. */
export function contentModeOf(headers: HttpHeaders): ContentMode {
  const contentType = (first(headers['content-type']) ?? '').trimStart().toLowerCase();
  if (contentType.startsWith('application/cloudevents-batch')) return 'batch';
  if (contentType.startsWith('application/cloudevents')) return 'structured';
  return headers['ce-specversion'] === undefined ? 'none' : 'binary';
}

/**
 * Decodes and validates. The body is kept, not copied.
 * @throws {InvalidCloudEvent} with the reason, for anything that is not one valid event.
 */
export function decodeHttpEvent(headers: HttpHeaders, body: Uint8Array): CloudEvent {
  const event = decode(headers, body);
  validateEvent(event);
  return event;
}

function decode(headers: HttpHeaders, body: Uint8Array): CloudEvent {
  const contentType = first(headers['content-type']);
  switch (contentModeOf(headers)) {
    case 'batch':
      throw new InvalidCloudEvent('content-type: batched events are not accepted');
    case 'structured':
      assertJsonFormat(contentType ?? '');
      return parseJsonEvent(body);
    case 'binary':
      return decodeBinary(headers, contentType, body);
    case 'none':
      throw new InvalidCloudEvent(
        'not a CloudEvent: neither a ce-specversion header nor content-type application/cloudevents+json',
      );
  }
}

function decodeBinary(
  headers: HttpHeaders,
  contentType: string | undefined,
  body: Uint8Array,
): CloudEvent {
  const attributes = new Map<string, AttributeValue>();
  for (const header in headers) {
    if (!header.startsWith('ce-')) continue;
    const value = headers[header];
    if (value === undefined) continue;
    const name = header.slice(3);
    if (typeof value !== 'string' && value.length > 1)
      throw new InvalidCloudEvent(`${name}: header is repeated`);
    if (name === 'datacontenttype')
      throw new InvalidCloudEvent('datacontenttype: travels as Content-Type in binary mode');
    attributes.set(name, decodeHeaderValue(name, first(value) ?? ''));
  }
  if (contentType !== undefined && contentType !== '')
    attributes.set('datacontenttype', contentType);
  return { attributes, data: body.length === 0 ? undefined : body };
}

/** Binary mode: one header for each attribute, data as the body. */
export function encodeBinary(event: CloudEvent): HttpMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of event.attributes) {
    if (name === 'datacontenttype') headers['content-type'] = String(value);
    else headers[`ce-${name}`] = encodeHeaderValue(String(value));
  }
  return { headers, body: event.data };
}

/** Structured mode: the whole event is a JSON object in the body. */
export function encodeStructured(event: CloudEvent): HttpMessage {
  return {
    headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
    body: serializeJsonEvent(event),
  };
}

function assertJsonFormat(contentType: string): void {
  const essence = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (essence === 'application/cloudevents' || essence === 'application/cloudevents+json') return;
  throw new InvalidCloudEvent(`content-type: ${essence}, only the JSON format is understood`);
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value[0];
}
