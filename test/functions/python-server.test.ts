/** What is Python's own in its function server; payloads and results are in parity.test.ts. */
import assert from 'node:assert/strict';
import { FunctionProcess } from './function-process.ts';

describe('Python function server', function () {
  this.timeout(20_000);
  let process: FunctionProcess;
  const start = async (
    text: string,
    handler = 'index.handler',
    env: Record<string, string> = {},
  ) => {
    process = await FunctionProcess.start({
      server: 'python',
      files: { 'index.py': text, 'src/deep/hello.py': text },
      handler,
      env,
    });
    return process;
  };
  afterEach(() => process.remove());

  it('loads a handler by path', async () => {
    await start('def handler(event, context):\n    return 1\n', 'src/deep/hello.handler');
    assert.equal((await process.invoke({})).text, '1');
  });

  const failures: [string, string, string, RegExp][] = [
    [
      'the module is missing',
      '',
      'nope.handler',
      /Runtime\.ImportModuleError: Unable to import module 'nope'/,
    ],
    [
      'a dependency is missing',
      'import left_pad',
      'index.handler',
      /Runtime\.ImportModuleError: .*left_pad/,
    ],
    [
      'the function is missing',
      '',
      'index.other',
      /Runtime\.HandlerNotFound: Handler 'other' missing on module 'index'/,
    ],
    ['the syntax is wrong', 'def :', 'index.handler', /Runtime\.UserCodeSyntaxError/],
    [
      'it raises at import',
      'raise KeyError("no database")',
      'index.handler',
      /KeyError: 'no database'/,
    ],
  ];
  for (const [title, text, handler, expected] of failures)
    it(`exits with 1 and leaves the reason for the pod when ${title}`, async () => {
      await start(text, handler);
      assert.equal(process.exitCode, 1);
      assert.match(process.output, expected);
      assert.match(await process.terminationMessage(), expected);
    });

  it('gives the context and the logging that Lambda gives', async () => {
    await start(
      'import logging\nlogging.getLogger().setLevel(logging.INFO)\ndef handler(event, context):\n    logging.info("counted %d", 2)\n    return [context.function_name, context.aws_request_id, context.memory_limit_in_mb, context.get_remaining_time_in_millis(), context.client_context.custom]\n',
      'index.handler',
      { KNIT_TIMEOUT_SECONDS: '3' },
    );
    const client = Buffer.from('{"custom":{"a":1}}').toString('base64');
    const answer = await process.invoke(
      {},
      { 'x-amzn-requestid': 'r-1', 'x-amz-client-context': client, 'x-amz-log-type': 'Tail' },
    );
    const [name, id, memory, left, custom] = answer.json as [
      string,
      string,
      string,
      number,
      object,
    ];
    assert.deepEqual([name, id, memory, custom], ['hello', 'r-1', '1024', { a: 1 }]);
    assert.ok(left > 2000 && left <= 3000);
    const tail = Buffer.from(String(answer.headers['x-amz-log-result']), 'base64').toString();
    assert.match(tail, /^\[INFO\]\t\d{4}-.*Z\tr-1\tcounted 2\n$/);
  });

  it('reads chunked bodies and serves several requests on one connection at once', async () => {
    await start(
      'import time\ndef handler(event, context):\n    time.sleep(0.1)\n    return event\n',
    );
    const started = Date.now();
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        process.send({
          path: '/_knit/invoke',
          method: 'POST',
          headers: { 'transfer-encoding': 'chunked' },
          body: JSON.stringify(n),
        }),
      ),
    );
    assert.deepEqual(
      answers.map(({ json }) => json),
      [1, 2, 3, 4],
    );
    assert.ok(Date.now() - started < 390, 'the four ran side by side');
  });

  it('finishes what is in flight on SIGTERM', async () => {
    await start(
      'import time\ndef handler(event, context):\n    time.sleep(0.2)\n    return "done"\n',
    );
    const answer = process.invoke({});
    await new Promise((resolve) => setTimeout(resolve, 60));
    const exit = process.signal('SIGTERM');
    assert.equal((await answer).text, '"done"');
    assert.equal(await exit, 0);
  });
});
