/** The v2 payload of HTTP APIs and function URLs. Pure. */
import {
  domainName,
  encodeBody,
  formatRequestTime,
  joinedValues,
  parseQuery,
  pathParameters,
} from './http-request.mjs';

/**
 * @param record from `makeRequestRecord`.
 * @param options `{routeKey?, requestId, nowMs, accountId}`; without routeKey it is a function URL's.
 */
export function makeHttpApiEvent(record, { routeKey = '$default', requestId, nowMs, accountId }) {
  const { cookie, ...headers } = record.headers;
  const domain = domainName(record);
  const { body, isBase64Encoded } = encodeBody(record, { formIsText: false });
  const query = joinedValues(parseQuery(record.rawQuery));
  const parameters = pathParameters(routeKey, record.path);
  return {
    version: '2.0',
    routeKey,
    rawPath: record.path,
    rawQueryString: record.rawQuery,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/;\s*/).filter(Boolean) }),
    headers,
    ...(query === undefined ? {} : { queryStringParameters: query }),
    requestContext: {
      accountId,
      apiId: domain.split('.')[0],
      domainName: domain,
      domainPrefix: domain.split('.')[0],
      http: {
        method: record.method,
        path: record.path,
        protocol: record.protocol,
        sourceIp: record.sourceIp,
        userAgent: record.headers['user-agent'] ?? '',
      },
      requestId,
      routeKey,
      stage: '$default',
      time: formatRequestTime(nowMs),
      timeEpoch: nowMs,
    },
    ...(parameters === undefined ? {} : { pathParameters: parameters }),
    ...(body === undefined ? {} : { body }),
    isBase64Encoded,
  };
}
