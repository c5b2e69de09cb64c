/** The v1 payload of REST APIs (Lambda proxy integration). Pure. */
import {
  allValues,
  domainName,
  encodeBody,
  formatRequestTime,
  lastValues,
  parseQuery,
  pathParameters,
} from './http-request.mjs';

/** @param options `{routeKey, requestId, nowMs, accountId, stage}`. */
export function makeRestApiEvent(record, { routeKey, requestId, nowMs, accountId, stage }) {
  const query = parseQuery(record.rawQuery);
  const resource = routeKey?.includes(' ')
    ? routeKey.slice(routeKey.indexOf(' ') + 1)
    : record.path;
  const { body, isBase64Encoded } = encodeBody(record, { formIsText: true });
  const domain = domainName(record);
  const named = stage === '$default' ? 'dev' : stage;
  return {
    resource,
    path: record.path,
    httpMethod: record.method,
    headers: lastValues(record.headerPairs) ?? null,
    multiValueHeaders: allValues(record.headerPairs) ?? null,
    queryStringParameters: lastValues(query) ?? null,
    multiValueQueryStringParameters: allValues(query) ?? null,
    pathParameters: pathParameters(routeKey, record.path) ?? null,
    stageVariables: null,
    requestContext: {
      accountId,
      apiId: domain.split('.')[0],
      domainName: domain,
      domainPrefix: domain.split('.')[0],
      extendedRequestId: requestId,
      httpMethod: record.method,
      identity: {
        accessKey: null,
        accountId: null,
        apiKey: record.headers['x-api-key'] ?? null,
        caller: null,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp: record.sourceIp,
        user: null,
        userAgent: record.headers['user-agent'] ?? null,
        userArn: null,
      },
      path: `/${named}${record.path}`,
      protocol: record.protocol,
      requestId,
      requestTime: formatRequestTime(nowMs),
      requestTimeEpoch: nowMs,
      resourceId: 'knit',
      resourcePath: resource,
      stage: named,
    },
    body: body ?? null,
    isBase64Encoded,
  };
}
