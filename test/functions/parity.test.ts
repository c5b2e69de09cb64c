/**
 * What handlers are given and how their results are sent, for the three function servers at once:
 * each row is one request and holds for Node.js, Python and a custom runtime alike.
 */
import assert from 'node:assert/strict';
import { FunctionProcess } from './function-process.ts';
import type { FunctionOptions } from './function-process.ts';

type Send = Parameters<FunctionProcess['send']>[0];

/** Answers with the event (as a response's body over HTTP), or with what its `wish` asks for. */
const servers: Record<string, FunctionOptions> = {
  'Node.js': {
    server: 'node',
    files: {
      'index.mjs': `export const handler = async (event) => {
        const wish = event.headers?.wish ?? event.wish;
        if (wish === 'throw') throw new Error('as wished');
        if (wish) return JSON.parse(wish);
        return event.requestContext ? { statusCode: 200, body: JSON.stringify(event) } : event;
      };`,
    },
  },
  Python: {
    server: 'python',
    files: {
      'index.py': `import json
def handler(event, context):
    wish = (event.get('headers') or {}).get('wish') or event.get('wish')
    if wish == 'throw':
        raise ValueError('as wished')
    if wish:
        return json.loads(wish)
    return {'statusCode': 200, 'body': json.dumps(event)} if 'requestContext' in event else event
`,
    },
  },
  'a custom runtime': {
    server: 'custom',
    files: {
      bootstrap: `#!${process.execPath}
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';
(async () => {
  for (;;) {
    const next = await fetch(api + 'next');
    const id = next.headers.get('lambda-runtime-aws-request-id');
    const event = await next.json();
    const wish = event.headers?.wish ?? event.wish;
    const send = (kind, value) => fetch(api + id + '/' + kind, { method: 'POST', body: JSON.stringify(value) });
    if (wish === 'throw') await send('error', { errorType: 'Error', errorMessage: 'as wished' });
    else if (wish) await send('response', JSON.parse(wish));
    else await send('response', event.requestContext ? { statusCode: 200, body: JSON.stringify(event) } : event);
  }
})();
`,
    },
  },
};

const get = (
  path: string,
  source: string,
  routeKey?: string,
  headers: Send['headers'] = {},
): Send => ({
  path,
  headers: {
    host: 'shop-dev.localhost:8080',
    'x-forwarded-for': '203.0.113.9, 10.0.0.1',
    'Knit-Event-Source': source,
    ...(routeKey === undefined ? {} : { 'Knit-Route-Key': routeKey }),
    ...headers,
  },
});
const post = (source: string, type: string, body: string | Buffer): Send => ({
  ...get('/x', source, 'POST /x', { 'content-type': type }),
  method: 'POST',
  body,
});

/** [title, request, what the event has at least]. */
const payloads: [string, Send, (event: any) => unknown, unknown][] = [
  [
    'HTTP API: version and route',
    get('/hello/ada', 'httpApi', 'GET /hello/{name}'),
    (e) => [e.version, e.routeKey, e.rawPath],
    ['2.0', 'GET /hello/{name}', '/hello/ada'],
  ],
  [
    'HTTP API: decoded path parameter',
    get('/hello/a%20b', 'httpApi', 'GET /hello/{name}'),
    (e) => e.pathParameters,
    { name: 'a b' },
  ],
  [
    'HTTP API: greedy path parameter',
    get('/f/a/b%2Fc', 'httpApi', 'GET /f/{proxy+}'),
    (e) => e.pathParameters,
    { proxy: 'a/b/c' },
  ],
  [
    'HTTP API: no parameters, no member',
    get('/x', 'httpApi', 'GET /x'),
    (e) => ['pathParameters' in e, 'queryStringParameters' in e, 'body' in e, 'cookies' in e],
    [false, false, false, false],
  ],
  [
    'HTTP API: duplicates joined',
    get('/x?a=1&a=2&b=c+d', 'httpApi', 'GET /x'),
    (e) => [e.rawQueryString, e.queryStringParameters],
    ['a=1&a=2&b=c+d', { a: '1,2', b: 'c d' }],
  ],
  [
    'HTTP API: cookies apart from headers',
    get('/x', 'httpApi', 'GET /x', { cookie: 'a=1; b=2' }),
    (e) => [e.cookies, e.headers.cookie],
    [['a=1', 'b=2'], undefined],
  ],
  [
    'HTTP API: request context',
    get('/x', 'httpApi', 'GET /x', { 'user-agent': 'test' }),
    (e) => e.requestContext.http,
    { method: 'GET', path: '/x', protocol: 'HTTP/1.1', sourceIp: '203.0.113.9', userAgent: 'test' },
  ],
  [
    'HTTP API: host and domain',
    get('/x', 'httpApi', 'GET /x'),
    (e) => [e.requestContext.domainName, e.requestContext.domainPrefix, e.requestContext.stage],
    ['shop-dev.localhost', 'shop-dev', '$default'],
  ],
  [
    'HTTP API: Knit’s own headers stay inside',
    get('/x', 'httpApi', 'GET /x'),
    (e) => Object.keys(e.headers).filter((name) => name.startsWith('knit')),
    [],
  ],
  [
    'HTTP API: JSON body as text',
    post('httpApi', 'application/json', '{"a":"ü"}'),
    (e) => [e.body, e.isBase64Encoded],
    ['{"a":"ü"}', false],
  ],
  [
    'HTTP API: form as base64',
    post('httpApi', 'application/x-www-form-urlencoded', 'a=1'),
    (e) => [e.body, e.isBase64Encoded],
    ['YT0x', true],
  ],
  [
    'HTTP API: binary as base64',
    post('httpApi', 'image/png', Buffer.from([0x89, 0xff])),
    (e) => [e.body, e.isBase64Encoded],
    ['if8=', true],
  ],
  [
    'HTTP API: text that is not UTF-8 as base64',
    post('httpApi', 'text/plain', Buffer.from([0xff])),
    (e) => [e.body, e.isBase64Encoded],
    ['/w==', true],
  ],
  [
    'function URL: the default route',
    { ...get('/any', 'url'), headers: { host: 'hello.shop-dev.localhost' } },
    (e) => [e.version, e.routeKey, e.rawPath],
    ['2.0', '$default', '/any'],
  ],
  [
    'REST API: resource and parameters',
    get('/hello/ada', 'http', 'GET /hello/{name}'),
    (e) => [e.resource, e.path, e.httpMethod, e.pathParameters],
    ['/hello/{name}', '/hello/ada', 'GET', { name: 'ada' }],
  ],
  [
    'REST API: null where there is nothing',
    get('/x', 'http', 'GET /x'),
    (e) => [
      e.queryStringParameters,
      e.multiValueQueryStringParameters,
      e.pathParameters,
      e.body,
      e.stageVariables,
    ],
    [null, null, null, null, null],
  ],
  [
    'REST API: last and all values',
    get('/x?a=1&a=2', 'http', 'GET /x'),
    (e) => [e.queryStringParameters, e.multiValueQueryStringParameters],
    [{ a: '2' }, { a: ['1', '2'] }],
  ],
  [
    'REST API: headers keep their case',
    get('/x', 'http', 'GET /x', { 'X-Custom-Name': 'v' }),
    (e) => [e.headers['X-Custom-Name'], e.multiValueHeaders['X-Custom-Name']],
    ['v', ['v']],
  ],
  [
    'REST API: form as text',
    post('http', 'application/x-www-form-urlencoded', 'a=1'),
    (e) => [e.body, e.isBase64Encoded],
    ['a=1', false],
  ],
  [
    'REST API: request context',
    get('/x', 'http', 'GET /x'),
    (e) => [
      e.requestContext.path,
      e.requestContext.resourcePath,
      e.requestContext.stage,
      e.requestContext.identity.sourceIp,
    ],
    ['/dev/x', '/x', 'dev', '203.0.113.9'],
  ],
  [
    'ALB: raw query, lower-case headers, empty body',
    get('/x?a=b%20c', 'alb', undefined, { 'X-A': '1' }),
    (e) => [
      e.queryStringParameters,
      e.headers['x-a'],
      e.body,
      typeof e.requestContext.elb.targetGroupArn,
    ],
    [{ a: 'b%20c' }, '1', '', 'string'],
  ],
];

/** [title, source, result, status, content type, body]. */
const results: [string, string, unknown, number, string | undefined, string][] = [
  ['HTTP API: any JSON', 'httpApi', { a: 1 }, 200, 'application/json', '{"a":1}'],
  ['HTTP API: a string', 'httpApi', 'text', 200, 'application/json', 'text'],
  [
    'HTTP API: a response',
    'httpApi',
    { statusCode: 201, body: 'x' },
    201,
    'text/plain;charset=utf-8',
    'x',
  ],
  [
    'HTTP API: base64',
    'httpApi',
    { statusCode: 200, body: 'aGk=', isBase64Encoded: true, headers: { 'Content-Type': 'a/b' } },
    200,
    'a/b',
    'hi',
  ],
  ['HTTP API: no content', 'httpApi', { statusCode: 204 }, 204, 'text/plain;charset=utf-8', ''],
  [
    'function URL: a response',
    'url',
    { statusCode: 200, body: '{}' },
    200,
    'application/json',
    '{}',
  ],
  ['REST API: a response', 'http', { statusCode: 200, body: '{}' }, 200, 'application/json', '{}'],
  [
    'REST API: a string is malformed',
    'http',
    'text',
    502,
    'application/json',
    '{"message":"Internal server error"}',
  ],
  [
    'REST API: a body that is no string is malformed',
    'http',
    { statusCode: 200, body: { a: 1 } },
    502,
    'application/json',
    '{"message":"Internal server error"}',
  ],
  [
    'REST API: no status is malformed',
    'http',
    { body: 'x' },
    502,
    'application/json',
    '{"message":"Internal server error"}',
  ],
  ['ALB: a string is malformed', 'alb', 'text', 502, 'text/html', '<h1>502 Bad Gateway</h1>'],
];

for (const [name, options] of Object.entries(servers))
  describe(`Function server for ${name}`, function () {
    this.timeout(20_000);
    let process: FunctionProcess;
    before(async () => {
      process = await FunctionProcess.start(options);
      assert.equal(process.exitCode, undefined, process.output);
    });
    after(() => process.remove());

    describe('gives the handler the payload of its platform', () => {
      for (const [title, request, pick, expected] of payloads)
        it(title, async () => {
          const { json: event } = await process.send(request);
          assert.deepEqual(pick(event), expected);
        });
    });

    describe('sends the result by the rules of its platform', () => {
      for (const [title, source, result, status, type, body] of results)
        it(title, async () => {
          const answer = await process.send({
            path: '/',
            headers: { 'Knit-Event-Source': source, wish: JSON.stringify(result) },
          });
          assert.deepEqual(
            [answer.status, answer.headers['content-type'], withoutSpaces(answer.text)],
            [status, type, withoutSpaces(body)],
          );
        });

      it('sets several cookies', async () => {
        const wish = JSON.stringify({ statusCode: 200, cookies: ['a=1', 'b=2'] });
        const answer = await process.send({
          path: '/',
          headers: { 'Knit-Event-Source': 'httpApi', wish },
        });
        assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
      });

      it('repeats a header of multiValueHeaders', async () => {
        const wish = JSON.stringify({
          statusCode: 200,
          headers: { 'set-cookie': 'z' },
          multiValueHeaders: { 'Set-Cookie': ['a', 'b'] },
        });
        const answer = await process.send({
          path: '/',
          headers: { 'Knit-Event-Source': 'http', wish },
        });
        assert.deepEqual(answer.headers['set-cookie'], ['a', 'b']);
      });

      it('answers 502 to a function URL whose handler throws', async () => {
        const answer = await process.send({ path: '/', headers: { wish: 'throw' } });
        assert.deepEqual([answer.status, answer.json], [502, { message: 'Internal Server Error' }]);
      });
    });

    describe('converts events by kind', () => {
      it('trigger: attributes and parsed data', async () => {
        const answer = await process.sendEvent(
          '/_knit/event/trigger',
          { subject: 's' },
          { total: 1 },
        );
        assert.equal(answer.headers['ce-type'], 'order');
        assert.equal(answer.headers['ce-subject'], 's');
        assert.deepEqual(answer.json, { total: 1 });
      });
      it('schedule: the data alone is the event', async () => {
        const input = { type: 'from-input', data: { a: 1 } };
        const answer = await process.sendEvent('/_knit/event/schedule', {}, input);
        assert.equal(answer.headers['ce-type'], 'from-input');
        assert.deepEqual(answer.json, { a: 1 });
      });
      it('answers 500 when the handler fails', async () => {
        const answer = await process.sendEvent('/_knit/event/schedule', {}, { wish: 'throw' });
        assert.deepEqual([answer.status, answer.json.errorMessage], [500, 'as wished']);
      });
      it('answers 204 when the result is no event', async () => {
        const answer = await process.sendEvent('/_knit/event/schedule', {});
        assert.deepEqual([answer.status, answer.text], [204, '']);
      });
    });

    it('answers the health path without calling the handler', async () => {
      const headers = { wish: 'throw' };
      assert.equal((await process.send({ path: '/_knit/health', headers })).status, 204);
      assert.doesNotMatch(process.output, /as wished/);
    });

    describe('invoked directly', () => {
      it('answers with the result', async () => {
        assert.deepEqual((await process.invoke({ a: [1, 'ü'] })).json, { a: [1, 'ü'] });
      });
      it('reports an error as a function error', async () => {
        const answer = await process.invoke({ wish: 'throw' });
        assert.deepEqual(
          [answer.status, answer.headers['x-amz-function-error'], answer.json.errorMessage],
          [200, 'Unhandled', 'as wished'],
        );
      });
    });

    // In a suite of its own, because mocha runs a suite's own tests before those of nested suites.
    describe('ending', () => {
      it('exits with 0 on SIGTERM', async () => {
        assert.equal(await process.signal('SIGTERM'), 0);
      });
    });
  });

/** Python writes JSON with spaces after separators, as it does on Lambda. */
const withoutSpaces = (text: string): string => text.replace(/(?<=[:,]) (?=["{[\d])/g, '');
