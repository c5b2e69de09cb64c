/**
 * An HTTP request as data, and the pieces that all payloads are made of: query, headers, cookies,
 * body. Pure. The payload builders beside this file take the record that `makeRequestRecord` returns.
 */

/**
 * @param input `{method, url, httpVersion, rawHeaders, body, remoteAddress}` as node:http gives them.
 * @returns the record; `headers` has lower-case names and comma-joined duplicates.
 */
export function makeRequestRecord(input) {
  const { method, url, httpVersion, rawHeaders, body, remoteAddress } = input;
  const question = url.indexOf('?');
  const pairs = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (!isOurs(name)) pairs.push([name, rawHeaders[i + 1]]);
  }
  const headers = {};
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    headers[key] =
      key in headers ? `${headers[key]}${key === 'cookie' ? '; ' : ','}${value}` : value;
  }
  return {
    method,
    path: question < 0 ? url : url.slice(0, question),
    rawQuery: question < 0 ? '' : url.slice(question + 1),
    protocol: `HTTP/${httpVersion}`,
    headerPairs: pairs,
    headers,
    body,
    // The gateway appends the client's address; the first one is whom it is about.
    sourceIp: headers['x-forwarded-for']?.split(',')[0]?.trim() || remoteAddress || '127.0.0.1',
  };
}

/** Headers between the gateway and this server; no platform has them, so no handler sees them. */
const isOurs = (name) => /^knit-/i.test(name);

/** Decoded `[name, value]` pairs of a query, `+` read as space. A bad percent sign stays as it is. */
export function parseQuery(rawQuery) {
  return [...new URLSearchParams(rawQuery)];
}

/** Last value wins, as in API Gateway's single-value maps. Undefined when there is none. */
export function lastValues(pairs) {
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** All values per name, in order. Undefined when there is none. */
export function allValues(pairs) {
  if (pairs.length === 0) return undefined;
  const result = {};
  for (const [name, value] of pairs) (result[name] ??= []).push(value);
  return result;
}

/** Duplicates joined by comma. Undefined when there is none. */
export function joinedValues(pairs) {
  const all = allValues(pairs);
  return (
    all && Object.fromEntries(Object.entries(all).map(([name, list]) => [name, list.join(',')]))
  );
}

const textTypes = /^(text\/|application\/(json|javascript|xml|.*\+json|.*\+xml)\b)/i;
const formType = /^application\/x-www-form-urlencoded\b/i;

/**
 * The body as `{body, isBase64Encoded}`. Text types pass as UTF-8, everything else as base64, as
 * does what claims to be text and is not. `formIsText`: REST APIs and ALBs pass forms as text, HTTP
 * APIs and function URLs as base64.
 */
export function encodeBody(record, { formIsText }) {
  const { body, headers } = record;
  if (!body || body.length === 0) return { body: undefined, isBase64Encoded: false };
  const type = headers['content-type'] ?? 'text/plain';
  const isText = textTypes.test(type) || (formIsText && formType.test(type));
  const isEncoded =
    headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity';
  if (isText && !isEncoded) {
    const text = body.toString('utf8');
    if (!text.includes('\uFFFD') || Buffer.from(text).equals(body))
      return { body: text, isBase64Encoded: false };
  }
  return { body: body.toString('base64'), isBase64Encoded: true };
}

/**
 * Parameters of a route such as `GET /orders/{id}/{proxy+}` in a path, percent-decoded. Undefined
 * when the route has none or does not fit the path.
 */
export function pathParameters(routeKey, path) {
  const template = routeKey?.includes(' ') ? routeKey.slice(routeKey.indexOf(' ') + 1) : routeKey;
  if (!template?.includes('{')) return undefined;
  const names = template.split('/').filter(Boolean);
  const values = path.split('/').filter(Boolean);
  const result = {};
  for (const [index, name] of names.entries()) {
    const match = /^\{(.+?)(\+?)\}$/.exec(name);
    if (!match) continue;
    if (match[2] === '+') {
      result[match[1]] = values.slice(index).map(decode).join('/');
      return result;
    }
    if (values[index] === undefined) return undefined;
    result[match[1]] = decode(values[index]);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign: the client meant it literally.
    return text;
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2025:19:03:58 +0000`, the form of `requestContext.time`. */
export function formatRequestTime(nowMs) {
  const date = new Date(nowMs);
  const two = (value) => String(value).padStart(2, '0');
  return `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** The host a client asked for, without port. */
export const domainName = (record) => (record.headers.host ?? 'localhost').replace(/:\d+$/, '');
