/**
 * How attribute values travel in HTTP headers: UTF-8, percent-encoded outside printable ASCII.
 * Source: CloudEvents 1.0.2 HTTP protocol binding, section 3.1.3.2. (Knative's Go data plane does
 * neither direction; a value with a space or a percent sign reads differently there.)
 */
import { InvalidCloudEvent } from './cloud-event.ts';

const NEEDS_ENCODING = /[^\x21\x23\x24\x26-\x7e]/u;
const TO_ENCODE = /[^\x21\x23\x24\x26-\x7e]/gu;
const URI_ATTRIBUTES = new Set(['source', 'dataschema', 'schemaurl']);
const ENCODED = /%[0-9A-Fa-f]{2}/;

export function encodeHeaderValue(value: string): string {
  if (!NEEDS_ENCODING.test(value)) return value;
  return value.replace(TO_ENCODE, (char) => {
    const bytes = Buffer.from(char, 'utf8');
    let text = '';
    for (const byte of bytes) text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return text;
  });
}

/**
 * Undoes optional quoting, then exactly one pass of percent-encoding; a percent sign that starts no
 * valid sequence stays as it is. Node hands header bytes over as latin1: raw UTF-8, which some
 * producers send although they must not, is read as UTF-8.
 * @throws {InvalidCloudEvent} when the bytes are not UTF-8.
 */
export function decodeHeaderValue(name: string, raw: string): string {
  if (URI_ATTRIBUTES.has(name) && !isEncodedUri(raw)) return raw;
  let value = raw;
  if (value.length >= 2 && value.startsWith('"') && value.endsWith('"'))
    value = value.slice(1, -1).replace(/\\(.)/g, '$1');
  const isEncoded = ENCODED.test(value);
  // oxlint-disable-next-line no-control-regex -- everything beyond ASCII is meant
  if (!isEncoded && !/[^\x00-\x7f]/.test(value)) return value;
  const bytes: number[] = [];
  for (let i = 0; i < value.length; i++) {
    const hex = value[i] === '%' ? value.slice(i + 1, i + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else bytes.push(value.charCodeAt(i) & 0xff);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes),
    );
  } catch (cause) {
    throw new InvalidCloudEvent(`${name}: header value is not UTF-8 once decoded`, { cause });
  }
}

/**
 * Most SDKs put URIs into headers as they are. Decoding `/a%2Fb` would then change it, so a URI counts
 * as encoded only where it looks as an encoder leaves it: percent is the one character of a URI that
 * needs encoding, hence every sequence is `%25` (or stands for what is no URI character at all).
 */
function isEncodedUri(raw: string): boolean {
  const sequences = raw.match(/%[0-9A-Fa-f]{2}/g) ?? [];
  return sequences.length > 0 && sequences.every((sequence) => sequence === '%25');
}
