/** The Node.js function server, as its own process: loading, invoking, events, ending. */
import assert from 'node:assert/strict';
import { FunctionProcess } from './function-process.ts';
import type { FunctionOptions } from './function-process.ts';

describe('Node.js function server', function () {
  this.timeout(20_000);
  const started: FunctionProcess[] = [];
  const start = async (options: FunctionOptions): Promise<FunctionProcess> => {
    const made = await FunctionProcess.start(options);
    started.push(made);
    return made;
  };
  const startModule = (text: string, env: Record<string, string> = {}, file = 'index.mjs') =>
    start({ files: { [file]: text }, env });
  afterEach(async () => {
    for (const each of started.splice(0)) await each.remove();
  });

  describe('finding the handler', () => {
    const modules: [string, string, string, string][] = [
      ['CommonJS', 'src/hello.js', 'src/hello.handler', 'exports.handler = async () => "ok";'],
      [
        'module.exports',
        'src/hello.cjs',
        'src/hello.handler',
        'module.exports = { handler: async () => "ok" };',
      ],
      [
        'ESM with top-level await',
        'hello.mjs',
        'hello.handler',
        'const v = await Promise.resolve("ok"); export const handler = async () => v;',
      ],
      [
        'a nested export',
        'hello.mjs',
        'hello.api.get',
        'export const api = { get: async () => "ok" };',
      ],
    ];
    for (const [title, file, handler, text] of modules)
      it(`loads ${title}`, async () => {
        const process = await start({ files: { [file]: text }, handler });
        assert.equal((await process.invoke({})).text, '"ok"');
      });

    it('loads ESM in .js below a package.json of type module', async () => {
      const process = await start({
        files: {
          'package.json': '{"type":"module"}',
          'index.js': 'export const handler = async () => "ok";',
        },
      });
      assert.equal((await process.invoke({})).text, '"ok"');
    });

    const failures: [string, Partial<FunctionOptions>, RegExp][] = [
      [
        'the module is missing',
        { handler: 'nope.handler' },
        /^Runtime\.ImportModuleError: Cannot find module 'nope'.*none of nope\.js, nope\.mjs, nope\.cjs/,
      ],
      [
        'the export is missing',
        { handler: 'index.other' },
        /^Runtime\.HandlerNotFound: index\.other is undefined or not exported by index\.mjs; it exports handler/,
      ],
      [
        'the handler is misspelt',
        { handler: 'index' },
        /^Runtime\.MalformedHandlerName: the handler is "index", must look like/,
      ],
      [
        'a dependency is missing',
        { files: { 'index.mjs': 'import "left-pad";' } },
        /^Runtime\.ImportModuleError: Cannot find package 'left-pad'/,
      ],
      [
        'the syntax is wrong',
        { files: { 'index.mjs': 'export const = 1;' } },
        /^Runtime\.UserCodeSyntaxError: /,
      ],
      [
        'it throws at import',
        { files: { 'index.mjs': 'throw new TypeError("no database");' } },
        /^TypeError: no database \(thrown while importing index\.handler\)/,
      ],
      [
        'the style is unknown',
        { env: { KNIT_STYLE: 'cobol' } },
        /KNIT_STYLE is cobol, must be one of lambda, http/,
      ],
    ];
    for (const [title, options, expected] of failures)
      it(`exits with 1 and leaves the reason for the pod when ${title}`, async () => {
        const process = await start({
          files: { 'index.mjs': 'export const handler = async () => 1;' },
          ...options,
        });
        assert.equal(process.exitCode, 1);
        assert.match(
          process.output,
          expected.source.startsWith('^') ? expected : new RegExp(expected),
        );
        assert.match(
          await process.terminationMessage(),
          new RegExp(expected.source.replace('^', '')),
        );
      });
  });

  describe('invoking', () => {
    const results: [string, string, string][] = [
      ['a promise', 'async (event) => ({ got: event.a })', '{"got":1}'],
      [
        'a callback',
        '(event, context, callback) => setTimeout(() => callback(null, event.a), 5)',
        '1',
      ],
      [
        'context.succeed',
        '(event, context) => { setTimeout(() => context.succeed(event.a), 5); }',
        '1',
      ],
      ['a plain value', '(event) => event.a', '1'],
      ['nothing', 'async () => {}', 'null'],
      ['nothing, synchronously', '(event) => {}', 'null'],
    ];
    for (const [title, handler, expected] of results)
      it(`answers with ${title}`, async () => {
        const process = await startModule(`export const handler = ${handler};`);
        const answer = await process.invoke({ a: 1 });
        assert.deepEqual([answer.status, answer.text], [200, expected]);
        assert.equal(answer.headers['x-amz-function-error'], undefined);
      });

    const errors: [string, string, object][] = [
      [
        'a rejection',
        'async () => { throw new RangeError("too far"); }',
        { errorType: 'RangeError', errorMessage: 'too far' },
      ],
      [
        'a synchronous throw',
        '() => { throw new Error("now"); }',
        { errorType: 'Error', errorMessage: 'now' },
      ],
      [
        'a callback error',
        '(e, c, callback) => callback(new Error("back"))',
        { errorType: 'Error', errorMessage: 'back' },
      ],
      [
        'a thrown string',
        'async () => { throw "text"; }',
        { errorType: 'string', errorMessage: 'text' },
      ],
      [
        'an undefined rejection',
        '() => Promise.reject()',
        { errorType: 'undefined', errorMessage: 'undefined' },
      ],
      ['a result that is not JSON', 'async () => 1n', { errorType: 'TypeError' }],
    ];
    for (const [title, handler, expected] of errors)
      it(`reports ${title} as a function error`, async () => {
        const process = await startModule(`export const handler = ${handler};`);
        const answer = await process.invoke({});
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['x-amz-function-error'], 'Unhandled');
        assert.deepEqual({ ...answer.json, ...expected }, answer.json);
        assert.ok(Array.isArray(answer.json.trace));
        assert.match(process.output, /Invoke Error/);
      });

    it('times out at KNIT_TIMEOUT_SECONDS', async () => {
      const process = await startModule('export const handler = () => new Promise(() => {});', {
        KNIT_TIMEOUT_SECONDS: '0.05',
      });
      assert.match(
        (await process.invoke({})).json.errorMessage,
        /Task timed out after 0\.05 seconds/,
      );
    });

    it('gives the context that Lambda gives', async () => {
      const process = await startModule(
        'export const handler = async (event, c) => ({ ...c, left: c.getRemainingTimeInMillis() });',
        {
          AWS_LAMBDA_FUNCTION_NAME: 'shop-dev-hello',
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
          KNIT_TIMEOUT_SECONDS: '3',
        },
      );
      const client = Buffer.from('{"custom":{"a":1}}').toString('base64');
      const { json } = await process.invoke(
        {},
        { 'x-amzn-requestid': 'r-1', 'x-amz-client-context': client },
      );
      assert.equal(json.functionName, 'shop-dev-hello');
      assert.equal(json.awsRequestId, 'r-1');
      assert.equal(json.memoryLimitInMB, '256');
      assert.deepEqual(json.clientContext, { custom: { a: 1 } });
      assert.ok(json.left > 2000 && json.left <= 3000);
    });

    it('returns the last 4 KB of the own output of each of two concurrent invocations', async () => {
      const process = await startModule(
        'export const handler = async ({ name }) => { console.log("x".repeat(5000)); await new Promise((r) => setTimeout(r, 20)); console.error("end of " + name); };',
      );
      const tail = async (name: string): Promise<string> => {
        const { headers } = await process.invoke({ name }, { 'x-amz-log-type': 'Tail' });
        return Buffer.from(String(headers['x-amz-log-result']), 'base64').toString();
      };
      const [one, two] = await Promise.all([tail('one'), tail('two')]);
      assert.match(one, /x\nend of one\n$/);
      assert.match(two, /x\nend of two\n$/);
      assert.equal(one.length, 4096);
    });

    it('answers 400 to a body that is not JSON', async () => {
      const process = await startModule('export const handler = async () => 1;');
      const answer = await process.send({ path: '/_knit/invoke', method: 'POST', body: '{' });
      assert.equal(answer.status, 400);
      assert.match(answer.json.message, /^Could not parse request body into json/);
    });
  });

  describe('events', () => {
    const echo =
      'export const handler = async (event) => { console.log(JSON.stringify(event)); return event.reply ?? event.data?.reply; };';

    it('answers 204 without body when the result is no CloudEvent', async () => {
      const process = await startModule(
        'export const handler = async () => ({ statusCode: 200, body: "x" });',
      );
      const answer = await process.sendEvent('/_knit/event/trigger', {}, { total: 1 });
      assert.deepEqual([answer.status, answer.text], [204, '']);
    });

    it('sends a returned CloudEvent as binary reply and fills in what it lacks', async () => {
      const process = await startModule(echo);
      const answer = await process.sendEvent(
        '/_knit/event/trigger',
        {},
        { reply: { type: 'paid', subject: 'Ü 100%', data: { ok: true } } },
      );
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['ce-type'], 'paid');
      assert.equal(answer.headers['ce-specversion'], '1.0');
      assert.equal(answer.headers['ce-source'], '/services/hello');
      assert.equal(answer.headers['ce-subject'], '%C3%9C%20100%25');
      assert.match(String(answer.headers['ce-id']), /^[0-9a-f-]{36}$/);
      assert.match(String(answer.headers['content-type']), /^application\/json/);
      assert.deepEqual(answer.json, { ok: true });
    });

    it('answers 500 when the handler fails, so that the broker retries', async () => {
      const process = await startModule(
        'export const handler = async () => { throw new Error("later"); };',
      );
      const answer = await process.sendEvent('/_knit/event/schedule', {});
      assert.deepEqual([answer.status, answer.json.errorMessage], [500, 'later']);
    });

    it('takes CloudEvents at any path', async () => {
      const process = await startModule(echo);
      assert.equal((await process.sendEvent('/', {}, { a: 1 })).status, 204);
      assert.match(process.output, /"type":"order"/);
    });

    const refused: [string, number, RegExp, () => Parameters<FunctionProcess['send']>[0]][] = [
      [
        'an unknown kind',
        404,
        /no event kind "pigeon"/,
        () => ({ path: '/_knit/event/pigeon', method: 'POST' }),
      ],
      [
        'a request that is no event',
        400,
        /attribute specversion is missing/,
        () => ({ path: '/_knit/event/trigger', method: 'POST' }),
      ],
      [
        'a batch',
        400,
        /batched CloudEvents/,
        () => ({
          path: '/',
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents-batch+json' },
          body: '[]',
        }),
      ],
    ];
    for (const [title, status, message, make] of refused)
      it(`answers ${status} to ${title}`, async () => {
        const process = await startModule(echo);
        const answer = await process.send(make());
        assert.equal(answer.status, status);
        assert.match(answer.json.message, message);
      });
  });

  describe('HTTP', () => {
    it('streams a response of awslambda.streamifyResponse', async () => {
      const process = await startModule(
        `export const handler = awslambda.streamifyResponse(async (event, stream) => {
          stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': '1' }, cookies: ['c=1'] });
          stream.write('one '); await new Promise((r) => setTimeout(r, 5)); stream.write('two'); stream.end();
        });`,
      );
      const answer = await process.send({ path: '/' });
      assert.deepEqual([answer.status, answer.text, answer.headers['x-a']], [201, 'one two', '1']);
      assert.deepEqual(answer.headers['set-cookie'], ['c=1']);
      assert.equal((await process.invoke({})).text, '"one two"');
    });

    it('answers 502 to a REST API and says why in the log when the result is malformed', async () => {
      const process = await startModule(
        'export const handler = async () => ({ statusCode: 200, body: {} });',
      );
      const answer = await process.send({ path: '/', headers: { 'Knit-Event-Source': 'http' } });
      assert.deepEqual([answer.status, answer.text], [502, '{"message":"Internal server error"}']);
      assert.match(process.output, /Malformed response: body is of type object, must be a string/);
    });

    it('answers 500 on an HTTP API when the handler throws', async () => {
      const process = await startModule(
        'export const handler = async () => { throw new Error("x"); };',
      );
      const answer = await process.send({ path: '/', headers: { 'Knit-Event-Source': 'httpApi' } });
      assert.deepEqual([answer.status, answer.text], [500, '{"message":"Internal Server Error"}']);
    });

    it('does not let a header value with a line break end the process', async () => {
      const process = await startModule(
        'export const handler = async () => ({ statusCode: 200, headers: { a: "x\\r\\ny" } });',
      );
      assert.equal((await process.send({ path: '/' })).status, 502);
      assert.equal((await process.send({ path: '/' })).status, 502);
    });
  });

  describe('ending', () => {
    it('finishes what is in flight on SIGTERM and exits with 0', async () => {
      const process = await startModule(
        'export const handler = async () => { await new Promise((r) => setTimeout(r, 100)); return "done"; };',
      );
      const answer = process.invoke({});
      await new Promise((resolve) => setTimeout(resolve, 30));
      const exit = process.signal('SIGTERM');
      assert.equal((await answer).text, '"done"');
      assert.equal(await exit, 0);
    });

    it('exits with 129 and says why after an uncaught exception', async () => {
      const process = await startModule(
        'export const handler = async () => { setTimeout(() => { throw new Error("late"); }, 5); await new Promise(() => {}); };',
      );
      await assert.rejects(process.invoke({}));
      assert.equal(process.exitCode ?? (await process.signal('SIGKILL')), 129);
      assert.match(await process.terminationMessage(), /^Error: late/);
    });
  });
});
