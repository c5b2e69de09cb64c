/** Handlers of every platform on the Node.js function server, found out without being told. */
import assert from 'node:assert/strict';
import { FunctionProcess } from './function-process.ts';
import type { FunctionOptions } from './function-process.ts';

describe('Handler styles of the Node.js function server', function () {
  this.timeout(20_000);
  const started: FunctionProcess[] = [];
  const start = async (
    files: Record<string, string>,
    options: Omit<FunctionOptions, 'files'> = {},
  ): Promise<FunctionProcess> => {
    const made = await FunctionProcess.start({ files, ...options });
    started.push(made);
    assert.equal(made.exitCode, undefined, made.output);
    return made;
  };
  afterEach(async () => {
    for (const each of started.splice(0)) await each.remove();
  });
  const post = (process: FunctionProcess, path: string, body: unknown) =>
    process.send({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  describe('http', () => {
    it('runs (req, res) with the request untouched', async () => {
      const process = await start({
        'index.mjs': 'export const handler = (req, res) => res.end(req.method + " " + req.url);',
      });
      assert.equal((await process.send({ path: '/a?b=1' })).text, 'GET /a?b=1');
    });
    it('gives events and invocations to it at its root', async () => {
      const process = await start({
        'index.mjs':
          'export const handler = (req, res) => res.end(req.url + req.headers["ce-type"]);',
      });
      assert.equal((await process.sendEvent('/_knit/event/trigger', {})).text, '/order');
    });
    it('runs an http.Server', async () => {
      const process = await start({
        'index.mjs':
          'import { createServer } from "node:http"; export const handler = createServer((q, s) => s.end("server"));',
      });
      assert.equal((await process.send({ path: '/' })).text, 'server');
    });
    it('runs a fetch handler', async () => {
      const process = await start(
        {
          'index.mjs':
            'export const handler = async (request) => Response.json({ got: await request.json(), at: new URL(request.url).pathname }, { status: 201 });',
        },
        { env: { KNIT_STYLE: 'http' } },
      );
      const answer = await post(process, '/x', { a: 1 });
      assert.deepEqual([answer.status, answer.json], [201, { got: { a: 1 }, at: '/x' }]);
    });
    it('answers 500 when it throws', async () => {
      const process = await start({
        'index.mjs': 'export const handler = async (req, res) => { throw new Error("no"); };',
      });
      const answer = await process.send({ path: '/' });
      assert.deepEqual([answer.status, answer.json.errorMessage], [500, 'no']);
    });
  });

  describe('cloudevent', () => {
    it('runs (cloudEvent) and replies with what it returns', async () => {
      const process = await start({
        'index.mjs':
          'export const handler = async (cloudEvent) => ({ type: "reply", data: cloudEvent.data.n + 1 });',
      });
      const answer = await process.sendEvent('/', {}, { n: 1 });
      assert.deepEqual([answer.headers['ce-type'], answer.text], ['reply', '2']);
    });
    it('runs Knative func’s handle(context, event)', async () => {
      const process = await start(
        {
          'index.js':
            'module.exports = { handle: async (context, event) => ({ type: context.cloudevent.type + "2", data: event.data }) };',
        },
        { handler: 'index.handle' },
      );
      assert.equal((await process.sendEvent('/', {}, {})).headers['ce-type'], 'order2');
    });
    it('wraps a plain invocation in an event', async () => {
      const process = await start({
        'index.mjs': 'export const handler = async (cloudEvent) => cloudEvent;',
      });
      const { json } = await process.invoke({ a: 1 });
      assert.deepEqual([json.type, json.data], ['dev.knit.invoke', { a: 1 }]);
    });
  });

  describe('gcf', () => {
    const gcfPackage = '{"dependencies":{"@google-cloud/functions-framework":"3"}}';
    it('runs a registered HTTP function with Express’ surface', async () => {
      const process = await start(
        {
          'package.json': gcfPackage,
          'index.js':
            'require("@google-cloud/functions-framework").http("hello", (req, res) => res.status(202).json({ q: req.query.q, body: req.body, raw: req.rawBody.length }));',
        },
        { handler: 'index.hello' },
      );
      const answer = await post(process, '/x?q=1', { a: 1 });
      assert.deepEqual([answer.status, answer.json], [202, { q: '1', body: { a: 1 }, raw: 7 }]);
    });
    it('runs a registered CloudEvent function, imported as ESM', async () => {
      const process = await start(
        {
          'package.json': gcfPackage,
          'index.mjs':
            'import ff from "@google-cloud/functions-framework"; ff.cloudEvent("hello", (e) => { console.log("got " + e.type); });',
        },
        { handler: 'index.hello' },
      );
      assert.equal((await process.sendEvent('/', {}, {})).status, 204);
      assert.match(process.output, /got order/);
    });
  });

  describe('azure', () => {
    it('runs the v3 model with context.res', async () => {
      const process = await start(
        {
          'hello/function.json': '{}',
          'hello/index.js':
            'module.exports = async function (context, req) { context.log("hi"); context.res = { status: 201, body: { name: req.query.name, id: req.params.id } }; };',
        },
        { handler: 'hello/index.handler' },
      );
      const answer = await process.send({
        path: '/orders/7?name=ada',
        headers: { 'Knit-Route-Key': 'GET /orders/{id}' },
      });
      assert.deepEqual([answer.status, answer.json], [201, { name: 'ada', id: '7' }]);
    });
    it('runs v4 functions of one module by route and method', async () => {
      const process = await start({
        'package.json': '{"dependencies":{"@azure/functions":"4"}}',
        'index.js': `const { app } = require('@azure/functions');
          app.http('get', { methods: ['GET'], route: 'orders/{id:int}', handler: async (request, context) => ({ jsonBody: { id: request.params.id, q: request.query.get('q'), at: context.functionName } }) });
          app.post('make', { route: 'orders', handler: async (request) => ({ status: 201, body: 'made ' + (await request.json()).n }) });`,
      });
      assert.deepEqual((await process.send({ path: '/api/orders/7?q=1' })).json, {
        id: '7',
        q: '1',
        at: 'get',
      });
      const made = await post(process, '/orders', { n: 3 });
      assert.deepEqual([made.status, made.text], [201, 'made 3']);
      assert.equal((await process.send({ path: '/nothing' })).status, 404);
    });
    it('runs a v4 timer on a schedule event', async () => {
      const process = await start({
        'package.json': '{"type":"module","dependencies":{"@azure/functions":"4"}}',
        'index.js': `import { app } from '@azure/functions'; app.timer('tick', { schedule: '* * * * * *', handler: (timer, context) => { context.log('late ' + timer.isPastDue); } });`,
      });
      assert.equal((await process.sendEvent('/_knit/event/schedule', {})).status, 204);
      assert.match(process.output, /late false/);
    });
  });

  describe('openwhisk', () => {
    it('runs main(params) as a web action', async () => {
      const process = await start(
        {
          'index.js':
            'exports.main = (params) => ({ statusCode: 201, headers: { "x-a": "1" }, body: { name: params.name, q: params.q, method: params.__ow_method } });',
        },
        { handler: 'index.main' },
      );
      const answer = await post(process, '/?q=1', { name: 'ada' });
      assert.deepEqual(
        [answer.status, answer.headers['x-a'], answer.json],
        [201, '1', { name: 'ada', q: '1', method: 'post' }],
      );
    });
    it('reports {error} of an invocation as a function error', async () => {
      const process = await start(
        { 'index.js': 'exports.main = async () => ({ error: "sad" });' },
        { handler: 'index.main' },
      );
      const answer = await process.invoke({});
      assert.deepEqual(
        [answer.headers['x-amz-function-error'], answer.json.errorType],
        ['Unhandled', 'ApplicationError'],
      );
    });
  });
});
