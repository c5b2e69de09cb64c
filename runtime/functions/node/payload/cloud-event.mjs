/**
 * CloudEvents 1.0 over HTTP as a function sees them: a plain object with the attributes and `data`.
 * Pure. Batches are refused: no one may send them unasked. Source: CloudEvents HTTP binding 1.0.2.
 */

/** Thrown for what a receiver has to answer with 400. */
export class InvalidCloudEvent extends Error {}

const structuredType = /^application\/cloudevents/i;

/** Whether a request carries an event, in either mode. */
export const isCloudEventRequest = (headers) =>
  headers['ce-specversion'] !== undefined || structuredType.test(headers['content-type'] ?? '');

/**
 * @param record from `makeRequestRecord`. JSON data is parsed, text stays text, anything else
 *   becomes `data_base64`.
 * @throws {InvalidCloudEvent}
 */
export function parseCloudEvent({ headers, body }) {
  const event = structuredType.test(headers['content-type'] ?? '')
    ? parseStructured(headers['content-type'], body)
    : parseBinary(headers, body);
  for (const name of ['specversion', 'id', 'source', 'type'])
    if (typeof event[name] !== 'string' || event[name] === '')
      throw new InvalidCloudEvent(`the CloudEvent attribute ${name} is missing`);
  return event;
}

function parseStructured(type, body) {
  if (/^application\/cloudevents-batch/i.test(type))
    throw new InvalidCloudEvent('batched CloudEvents are not accepted');
  try {
    const event = JSON.parse(body.toString('utf8'));
    if (typeof event === 'object' && event !== null && !Array.isArray(event))
      return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
  } catch (error) {
    throw new InvalidCloudEvent(`the structured CloudEvent is not JSON: ${error.message}`);
  }
  throw new InvalidCloudEvent('the structured CloudEvent is not a JSON object');
}

function parseBinary(headers, body) {
  const event = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('ce-')) event[name.slice(3)] = decodeHeader(value);
  const type = headers['content-type'];
  if (type !== undefined) event.datacontenttype = type;
  if (!body || body.length === 0) return event;
  if (type === undefined || isJsonType(type)) {
    try {
      event.data = JSON.parse(body.toString('utf8'));
    } catch (error) {
      throw new InvalidCloudEvent(
        `the data is not JSON, as its content type says: ${error.message}`,
      );
    }
  } else if (/^(text\/|application\/xml\b|.*\+xml\b)/i.test(type))
    event.data = body.toString('utf8');
  else event.data_base64 = body.toString('base64');
  return event;
}

export const isJsonType = (type) => /^[^;]*[/+]json\s*(;|$)/i.test(type);

/** Undoes an optional quoted-string, then exactly one pass of percent-decoding. */
function decodeHeader(value) {
  const text = /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  try {
    return decodeURIComponent(text);
  } catch {
    // Senders that do not encode (Knative's Go brokers) may send a bare percent sign.
    return text;
  }
}

/** Whether a handler's result is meant as an event: a CloudEvent, or at least `type` and `data`. */
export const isReplyEvent = (result) =>
  typeof result === 'object' &&
  result !== null &&
  typeof result.type === 'string' &&
  result.type !== '' &&
  ((typeof result.specversion === 'string' && result.source !== undefined) || 'data' in result);

/**
 * A reply in binary mode. `defaults` (`{id, source, nowMs}`) fill in what the handler left out.
 * @returns `{headers: [name, value][], body: Buffer}`
 */
export function encodeReply(result, { id, source, nowMs }) {
  const plain = typeof result.toJSON === 'function' ? result.toJSON() : result;
  const { data, data_base64: base64, datacontenttype, ...attributes } = plain;
  const filled = {
    specversion: '1.0',
    id,
    source,
    time: new Date(nowMs).toISOString(),
    ...withoutEmpty(attributes),
  };
  const headers = Object.entries(filled)
    // Names of extensions are [a-z0-9]; anything else in the object is not an attribute.
    .filter(([name, value]) => /^[a-z0-9]+$/.test(name) && typeof value !== 'object')
    .map(([name, value]) => [`ce-${name}`, encodeHeader(String(value))]);
  if (typeof base64 === 'string')
    return withType(
      headers,
      datacontenttype ?? 'application/octet-stream',
      Buffer.from(base64, 'base64'),
    );
  if (data === undefined || data === null) return { headers, body: Buffer.alloc(0) };
  if (data instanceof Uint8Array)
    return withType(headers, datacontenttype ?? 'application/octet-stream', Buffer.from(data));
  const type = datacontenttype ?? 'application/json';
  const text = typeof data === 'string' && !isJsonType(type) ? data : JSON.stringify(data);
  return withType(headers, type, Buffer.from(text));
}

const withType = (headers, type, body) => ({ headers: [...headers, ['content-type', type]], body });

const withoutEmpty = (attributes) =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );

/** Percent-encodes what the binding says: controls, space, quote, percent and everything beyond ASCII. */
const encodeHeader = (value) =>
  value.replace(/[^\x21\x23\x24\x26-\x7e]+/gu, (text) =>
    [...Buffer.from(text)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
