/** The payload of an Application Load Balancer's target group, without multi-value headers. Pure. */
import { encodeBody } from './http-request.mjs';

/** An ALB does not decode the query; the values reach the function as the client wrote them. */
export function makeAlbEvent(record, { accountId, region, functionName }) {
  const { body, isBase64Encoded } = encodeBody(record, { formIsText: true });
  const query = {};
  for (const pair of record.rawQuery.split('&').filter(Boolean)) {
    const equals = pair.indexOf('=');
    query[equals < 0 ? pair : pair.slice(0, equals)] = equals < 0 ? '' : pair.slice(equals + 1);
  }
  return {
    requestContext: {
      elb: {
        targetGroupArn: `arn:aws:elasticloadbalancing:${region}:${accountId}:targetgroup/${functionName}/knit`,
      },
    },
    httpMethod: record.method,
    path: record.path,
    queryStringParameters: query,
    headers: record.headers,
    body: body ?? '',
    isBase64Encoded,
  };
}
