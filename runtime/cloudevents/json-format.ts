/**
 * The JSON event format (structured mode). Data members are cut out of the text as they stand and
 * put back the same way, so numbers beyond doubles and odd spacing survive the trip.
 * Source: CloudEvents 1.0.2 JSON event format; 0.3 for `datacontentencoding`.
 */
import type { AttributeValue, CloudEvent } from './cloud-event.ts';
import { InvalidCloudEvent } from './cloud-event.ts';
import { jsonMemberText } from './json-member-text.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Parses one event; validation of the attributes is the caller's. @throws {InvalidCloudEvent} */
export function parseJsonEvent(body: Uint8Array): CloudEvent {
  const text = decodeUtf8(body);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new InvalidCloudEvent('body: structured event is not JSON', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidCloudEvent('body: structured event must be a JSON object');
  const members = parsed as Record<string, unknown>;
  const attributes = new Map<string, AttributeValue>();
  for (const [name, value] of Object.entries(members)) {
    if (name === 'data' || name === 'data_base64' || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw new InvalidCloudEvent(`${name}: must be a string, an integer or a boolean`);
    attributes.set(name, value);
  }
  const data =
    attributes.get('specversion') === '0.3'
      ? dataOf03(members, text, attributes)
      : dataOf10(members, text, attributes);
  return { attributes, data };
}

function dataOf10(
  members: Record<string, unknown>,
  text: string,
  attributes: Map<string, AttributeValue>,
): Uint8Array | undefined {
  const base64 = members['data_base64'];
  const hasData = members['data'] !== undefined;
  if (base64 !== undefined && base64 !== null) {
    if (hasData && members['data'] !== null)
      throw new InvalidCloudEvent('data, data_base64: only one of them may be present');
    return fromBase64(base64, 'data_base64');
  }
  if (!hasData) return undefined;
  return dataMember(members['data'], text, attributes);
}

/** Version 0.3 has one `data` member and says in an attribute that it is base64; the body is then binary. */
function dataOf03(
  members: Record<string, unknown>,
  text: string,
  attributes: Map<string, AttributeValue>,
): Uint8Array | undefined {
  if (members['data'] === undefined) return undefined;
  const encoding = attributes.get('datacontentencoding');
  if (encoding === undefined) return dataMember(members['data'], text, attributes);
  if (String(encoding).toLowerCase() !== 'base64')
    throw new InvalidCloudEvent(`datacontentencoding: "${String(encoding)}", must be base64`);
  attributes.delete('datacontentencoding');
  return fromBase64(members['data'], 'data');
}

function dataMember(
  value: unknown,
  text: string,
  attributes: Map<string, AttributeValue>,
): Uint8Array {
  const contentType = attributes.get('datacontenttype');
  // Implied by the format; said aloud, since the event may go on in binary mode.
  if (contentType === undefined) attributes.set('datacontenttype', 'application/json');
  if (typeof value === 'string' && contentType !== undefined && !isJsonType(String(contentType)))
    return Buffer.from(value, 'utf8');
  return Buffer.from(jsonMemberText(text, 'data') ?? JSON.stringify(value), 'utf8');
}

/** Serializes one event as a JSON object. */
export function serializeJsonEvent(event: CloudEvent): Buffer {
  const attributes = Object.fromEntries(event.attributes);
  const { data } = event;
  const is03 = attributes['specversion'] === '0.3';
  if (data === undefined) return Buffer.from(JSON.stringify(attributes), 'utf8');
  const contentType = attributes['datacontenttype'];
  const text = decodeIfUtf8(data);
  // The body of a binary-mode 0.3 event may be base64 text already.
  if (is03 && attributes['datacontentencoding'] !== undefined && text !== undefined)
    return join(attributes, 'data', JSON.stringify(text));
  const isJson = contentType === undefined ? false : isJsonType(String(contentType));
  if (isJson && text !== undefined && isJsonText(text)) return join(attributes, 'data', text);
  if (!isJson && text !== undefined && isTextType(contentType))
    return join(attributes, 'data', JSON.stringify(text));
  const base64 = JSON.stringify(Buffer.from(data).toString('base64'));
  if (is03) return join({ ...attributes, datacontentencoding: 'base64' }, 'data', base64);
  return join(attributes, 'data_base64', base64);
}

const join = (attributes: Record<string, AttributeValue>, name: string, text: string): Buffer =>
  Buffer.from(`${JSON.stringify(attributes).slice(0, -1)},"${name}":${text}}`, 'utf8');

/** `application/json`, `text/json`, and every `+json`. */
export function isJsonType(contentType: string): boolean {
  const essence = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return /^[^/]+\/(?:json|[^/]+\+json)$/.test(essence);
}

function isTextType(contentType: AttributeValue | undefined): boolean {
  if (contentType === undefined) return false;
  const essence = (String(contentType).split(';', 1)[0] ?? '').trim().toLowerCase();
  return essence.startsWith('text/') || /\/(?:xml|[^/]+\+xml)$/.test(essence);
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // The question is only whether it parses: it then travels as base64.
  }
}

function fromBase64(value: unknown, name: string): Buffer {
  if (typeof value !== 'string' || !BASE64.test(value))
    throw new InvalidCloudEvent(`${name}: must be base64 (RFC 4648)`);
  return Buffer.from(value, 'base64');
}

function decodeUtf8(body: Uint8Array): string {
  const text = decodeIfUtf8(body);
  if (text === undefined) throw new InvalidCloudEvent('body: structured event is not UTF-8');
  return text;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeIfUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined; // Not text: the callers have another way to carry it.
  }
}
