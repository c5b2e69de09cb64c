/**
 * What a handler returned, turned into an HTTP response `{statusCode, headers, body}`. `headers` is
 * a list of `[name, value]`. Pure. REST APIs and ALBs are strict, HTTP APIs and function URLs are not.
 */

/** Status and body of the platform's own answer when the handler fails, by event source. */
export function makeErrorResponse(source) {
  const status = { http: 502, alb: 502, httpApi: 500, url: 502 }[source];
  const message = source === 'http' ? 'Internal server error' : 'Internal Server Error';
  if (source === 'alb') return textResponse(502, 'text/html', '<h1>502 Bad Gateway</h1>');
  return textResponse(status, 'application/json', JSON.stringify({ message }));
}

/**
 * @param source `http` | `alb` | `httpApi` | `url`.
 * @returns the response, or `{malformed: why}` where the platform would answer 502.
 */
export function convertResult(source, result) {
  return source === 'http' || source === 'alb'
    ? convertStrict(result)
    : convertLenient(source, result);
}

function convertStrict(result) {
  if (typeof result !== 'object' || result === null)
    return {
      malformed: `the handler returned ${result === null ? 'null' : typeof result}, must be an object with statusCode`,
    };
  const statusCode = parseStatus(result.statusCode);
  if (statusCode === undefined)
    return {
      malformed: `statusCode is ${JSON.stringify(result.statusCode)}, must be an integer in [100, 599]`,
    };
  if (result.body !== undefined && result.body !== null && typeof result.body !== 'string')
    return {
      malformed: `body is of type ${typeof result.body}, must be a string: use JSON.stringify`,
    };
  return {
    statusCode,
    headers: withDefaultType(collectHeaders(result), 'application/json'),
    body: decodeBody(result.body ?? '', result.isBase64Encoded),
  };
}

function convertLenient(source, result) {
  const isResponse = typeof result === 'object' && result !== null && 'statusCode' in result;
  if (!isResponse) {
    const text = typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null');
    return textResponse(200, 'application/json', text);
  }
  const statusCode = parseStatus(result.statusCode);
  if (statusCode === undefined)
    return {
      malformed: `statusCode is ${JSON.stringify(result.statusCode)}, must be an integer in [100, 599]`,
    };
  const headers = collectHeaders(result);
  for (const cookie of result.cookies ?? []) headers.push(['set-cookie', String(cookie)]);
  const { body } = result;
  const text =
    typeof body === 'string'
      ? body
      : body === undefined || body === null
        ? ''
        : JSON.stringify(body);
  return {
    statusCode,
    headers: withDefaultType(
      headers,
      source === 'url' ? 'application/json' : 'text/plain;charset=utf-8',
    ),
    body: decodeBody(text, result.isBase64Encoded),
  };
}

function parseStatus(value) {
  const status = typeof value === 'string' ? Number(value) : value;
  return Number.isInteger(status) && status >= 100 && status <= 599 ? status : undefined;
}

/** Hop-by-hop or computed here: taking them from the handler would corrupt the framing. */
const droppedHeaders = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive']);

/** `multiValueHeaders` wins over `headers` of the same name, as in API Gateway. */
function collectHeaders({ headers, multiValueHeaders }) {
  const collected = new Map();
  for (const [name, value] of Object.entries(headers ?? {}))
    if (value !== undefined && value !== null)
      collected.set(name.toLowerCase(), [[name, String(value)]]);
  for (const [name, values] of Object.entries(multiValueHeaders ?? {}))
    collected.set(
      name.toLowerCase(),
      [values].flat().map((value) => [name, String(value)]),
    );
  return [...collected].filter(([name]) => !droppedHeaders.has(name)).flatMap(([, pairs]) => pairs);
}

const withDefaultType = (headers, type) =>
  headers.some(([name]) => name.toLowerCase() === 'content-type')
    ? headers
    : [...headers, ['content-type', type]];

const decodeBody = (text, isBase64Encoded) =>
  Buffer.from(text, isBase64Encoded === true || isBase64Encoded === 'true' ? 'base64' : 'utf8');

const textResponse = (statusCode, type, text) => ({
  statusCode,
  headers: [['content-type', type]],
  body: Buffer.from(text),
});
