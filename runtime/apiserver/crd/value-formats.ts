/**
 * The `format`s of strings that the API server checks; any other is a remark for people. Pure.
 * Source: k8s.io/kube-openapi pkg/validation/strfmt (which formats, and what they accept).
 */
import { dnsLabelProblems, subdomainProblems } from '../../apis/meta/name-rules.ts';

const isMatch =
  (pattern: RegExp) =>
  (text: string): boolean =>
    pattern.test(text);

const ipv4Part = String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)`;
const ipv4Pattern = new RegExp(`^${ipv4Part}(?:\\.${ipv4Part}){3}$`);

const formats: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: isMatch(/^[0-9a-fA-F]{24}$/),
  byte: isMatch(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  cidr: isCidr,
  creditcard: (text) => isPayable(text.replaceAll(/[ -]/g, '')),
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && isDate(text),
  datetime: (text) =>
    /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text) &&
    !Number.isNaN(Date.parse(text)) &&
    isDate(text.slice(0, 10)),
  duration: isMatch(
    /^[+-]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w))*|\d+ ?(?:nanoseconds?|nanos?|ns|microseconds?|micros?|us|milliseconds?|millis?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w))$/,
  ),
  email: isMatch(/^(?:[^<>@\s]+|[^<>]*<[^<>@\s]+)@[^<>@\s]+>?$/),
  hostname: isMatch(
    /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
  ),
  hexcolor: isMatch(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  ipv4: isMatch(ipv4Pattern),
  ipv6: isIpv6,
  mac: isMatch(
    /^(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4,6}[0-9a-fA-F]{2}|[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4}){2,3})$/,
  ),
  isbn: (text) => isBookNumber(text, 10) || isBookNumber(text, 13),
  isbn10: (text) => isBookNumber(text, 10),
  isbn13: (text) => isBookNumber(text, 13),
  k8slongname: (text) => subdomainProblems(text).length === 0,
  k8sshortname: (text) => dnsLabelProblems(text).length === 0,
  rgbcolor: isMatch(
    /^rgb\(\s*(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])\s*(?:,\s*(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])\s*){2}\)$/,
  ),
  ssn: isMatch(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  uri: (text) =>
    (text.startsWith('/') || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) && !/\s/.test(text),
  uuid: isMatch(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: isMatch(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid4: isMatch(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: isMatch(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
};

/** Formats that are known and accept every value of their type. */
const unchecked = new Set(['double', 'float', 'int32', 'int64', 'password']);

/** Dashes do not count: `date-time` is `datetime`. */
const normalize = (format: string): string => format.replaceAll('-', '');

export const isKnownFormat = (format: string): boolean =>
  Object.hasOwn(formats, normalize(format)) || unchecked.has(normalize(format));

/** True as well for a format that is not known. */
export function matchesFormat(format: string, text: string): boolean {
  const name = normalize(format);
  return !Object.hasOwn(formats, name) || (formats[name]?.(text) ?? true);
}

/** Digits whose weighted sum ends in zero, of a length that cards have. */
function isPayable(digits: string): boolean {
  if (!/^\d{13,19}$/.test(digits)) return false;
  const sum = Array.from(digits)
    .toReversed()
    .map((digit, index) => Number(digit) * (index % 2 === 0 ? 1 : 2))
    .reduce((total, value) => total + (value > 9 ? value - 9 : value), 0);
  return sum % 10 === 0;
}

function isBookNumber(text: string, length: 10 | 13): boolean {
  const digits = text.replaceAll(/[\s-]/g, '');
  if (length === 10) {
    if (!/^\d{9}[\dX]$/.test(digits)) return false;
    const sum = Array.from(digits).reduce(
      (total, digit, index) => total + (digit === 'X' ? 10 : Number(digit)) * (10 - index),
      0,
    );
    return sum % 11 === 0;
  }
  if (!/^\d{13}$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3),
    0,
  );
  return sum % 10 === 0;
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return false;
  const parts = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = parts.at(-1) ?? '';
  const endsInIpv4 = last.includes('.');
  if (endsInIpv4 && !ipv4Pattern.test(last)) return false;
  const groups = endsInIpv4 ? parts.slice(0, -1) : parts;
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  const count = groups.length + (endsInIpv4 ? 2 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

export const isIpv4 = (text: string): boolean => ipv4Pattern.test(text);

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  if (more.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return ipv4Pattern.test(address) ? Number(bits) <= 32 : isIpv6(address) && Number(bits) <= 128;
}
