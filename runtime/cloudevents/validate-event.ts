/**
 * The rules that every event must meet to be accepted, whichever way it was encoded.
 * Source: CloudEvents 1.0.2 core specification ("Naming Conventions", "Required Attributes",
 * "Optional Attributes", "Type System"); 0.3 where an event says so.
 */
import type { AttributeValue, CloudEvent } from './cloud-event.ts';
import { InvalidCloudEvent } from './cloud-event.ts';

const REQUIRED = ['id', 'source', 'type'] as const;
const NAME = /^[a-z0-9]+$/;
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
/** RFC 2046 type/subtype with RFC 7230 parameters. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}(?:\\s*;\\s*${TOKEN}=(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))*\\s*;?\\s*$`,
);
/** Characters that RFC 3986 allows in a URI reference; letters beyond ASCII are tolerated as IRIs. */
const URI_REFERENCE =
  /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=\u00a0-\u{10ffff}]|%[0-9A-Fa-f]{2})*$/u;
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:/;
/** Control characters, which the String type excludes. */
// oxlint-disable-next-line no-control-regex -- the rule is about exactly these
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const INT32_MIN = -2_147_483_648;
const INT32_MAX = 2_147_483_647;

/** @throws {InvalidCloudEvent} naming the first attribute that breaks a rule, and the rule. */
export function validateEvent(event: CloudEvent): void {
  const { attributes } = event;
  const version = attributes.get('specversion');
  if (version === undefined) throw new InvalidCloudEvent('specversion: missing');
  if (version !== '1.0' && version !== '0.3')
    throw new InvalidCloudEvent(`specversion: ${String(version)}, must be 1.0 or 0.3`);
  for (const name of REQUIRED) {
    const value = attributes.get(name);
    if (value === undefined) throw new InvalidCloudEvent(`${name}: missing`);
    if (value === '') throw new InvalidCloudEvent(`${name}: empty, must be a non-empty string`);
  }
  for (const [name, value] of attributes) validateAttribute(name, value);
}

function validateAttribute(name: string, value: AttributeValue): void {
  if (!NAME.test(name))
    throw new InvalidCloudEvent(`${name}: attribute names consist of a-z and 0-9 only`);
  if (name === 'data') throw new InvalidCloudEvent('data: must not be the name of an attribute');
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < INT32_MIN || value > INT32_MAX)
      throw new InvalidCloudEvent(`${name}: ${value}, must be a 32-bit integer`);
  } else if (typeof value === 'string') {
    if (CONTROL.test(value)) throw new InvalidCloudEvent(`${name}: contains a control character`);
    if (LONE_SURROGATE.test(value))
      throw new InvalidCloudEvent(`${name}: contains half of a surrogate pair`);
  }
  const rule = coreRule(name, value);
  if (rule !== undefined) throw new InvalidCloudEvent(`${name}: "${String(value)}", ${rule}`);
}

/** The rule that a core attribute breaks, if any. */
function coreRule(name: string, value: AttributeValue): string | undefined {
  const mustBeText = 'must be a string';
  switch (name) {
    case 'id':
    case 'type':
      return typeof value === 'string' ? undefined : mustBeText;
    case 'source':
      if (typeof value !== 'string') return mustBeText;
      return URI_REFERENCE.test(value) ? undefined : 'must be a URI reference';
    case 'subject':
      if (typeof value !== 'string') return mustBeText;
      return value === '' ? 'must not be empty when present' : undefined;
    case 'time':
      return isTimestamp(value) ? undefined : 'must be an RFC 3339 timestamp';
    case 'datacontenttype':
      return typeof value === 'string' && MEDIA_TYPE.test(value)
        ? undefined
        : 'must be a media type (RFC 2046)';
    case 'dataschema':
      return typeof value === 'string' && ABSOLUTE_URI.test(value) && URI_REFERENCE.test(value)
        ? undefined
        : 'must be an absolute URI';
    case 'schemaurl':
      return typeof value === 'string' && value !== '' && URI_REFERENCE.test(value)
        ? undefined
        : 'must be a URI reference';
    default:
      return undefined;
  }
}

/** Whether the value is an RFC 3339 date-time with a day that the month has. */
export function isTimestamp(value: AttributeValue): boolean {
  const match = typeof value === 'string' ? RFC3339.exec(value) : null;
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
