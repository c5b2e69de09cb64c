/** The Runtime API server with bootstraps that fail, hang and work; payloads are in parity.test.ts. */
import assert from 'node:assert/strict';
import { FunctionProcess } from './function-process.ts';

const node = `#!${process.execPath}\n`;
const api = `const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/';\n`;

describe('Function server for provided runtimes', function () {
  this.timeout(20_000);
  let process: FunctionProcess;
  const start = async (files: Record<string, string>, env: Record<string, string> = {}) => {
    process = await FunctionProcess.start({ server: 'custom', files, env });
    return process;
  };
  afterEach(() => process.remove());

  it('listens only once the runtime has asked for its first invocation', async () => {
    await start({
      bootstrap: `${node}${api}(async () => { await new Promise((r) => setTimeout(r, 100)); console.log('init over'); await fetch(api + 'invocation/next'); })();`,
    });
    assert.match(process.output, /init over/);
  });

  it('hands over deadline, ARN, request id and client context as headers', async () => {
    await start({
      bootstrap: `${node}${api}(async () => { for (;;) { const n = await fetch(api + 'invocation/next'); await n.text(); await fetch(api + 'invocation/' + n.headers.get('lambda-runtime-aws-request-id') + '/response', { method: 'POST', body: JSON.stringify([...n.headers]) }); } })();`,
    });
    const context = Buffer.from('{"client":1}').toString('base64');
    const { json } = await process.invoke(
      {},
      { 'x-amzn-requestid': 'r-1', 'x-amz-client-context': context },
    );
    const headers = Object.fromEntries(json as [string, string][]);
    assert.equal(headers['lambda-runtime-aws-request-id'], 'r-1');
    assert.equal(headers['lambda-runtime-client-context'], '{"client":1}');
    assert.match(
      headers['lambda-runtime-invoked-function-arn'] ?? '',
      /^arn:aws:lambda:.*:function:hello$/,
    );
    assert.ok(Number(headers['lambda-runtime-deadline-ms']) > Date.now());
  });

  it('runs a shell bootstrap', async () => {
    await start({
      bootstrap: `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "$api/next") || exit 0
  id=$(grep -i '^lambda-runtime-aws-request-id' "$headers" | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -X POST "$api/$id/response" -d "{\\"handler\\":\\"$_HANDLER\\",\\"event\\":$event}" > /dev/null
done
`,
    });
    assert.deepEqual((await process.invoke({ a: 1 })).json, {
      handler: 'index.handler',
      event: { a: 1 },
    });
  });

  it('exits with 1 and the reason when there is no bootstrap', async () => {
    await start({ 'index.js': '' });
    assert.equal(process.exitCode, 1);
    assert.match(
      await process.terminationMessage(),
      /^Runtime\.InvalidEntrypoint: no executable bootstrap in/,
    );
  });

  it('exits with 1 and the runtime’s own words after init/error', async () => {
    await start({
      bootstrap: `${node}${api}fetch(api + 'init/error', { method: 'POST', body: JSON.stringify({ errorType: 'NoConfig', errorMessage: 'CONFIG is not set' }) });`,
    });
    assert.equal(process.exitCode, 1);
    assert.match(process.output, /NoConfig: CONFIG is not set/);
  });

  it('exits with 1 when the runtime ends before it is ready', async () => {
    await start({ bootstrap: '#!/bin/sh\nexit 3\n' });
    assert.equal(process.exitCode, 1);
    assert.match(process.output, /Runtime\.ExitError: .*Runtime exited with exit status 3/);
  });

  it('answers the invocation in which the runtime dies, then exits with 1', async () => {
    await start({
      bootstrap: `${node}${api}fetch(api + 'invocation/next').then(() => process.exit(5));`,
    });
    const answer = await process.invoke({});
    assert.equal(answer.headers['x-amz-function-error'], 'Unhandled');
    assert.match(answer.json.errorMessage, /Runtime exited with exit status 5/);
    assert.equal(await process.signal('SIGTERM'), 1);
  });

  it('replaces a runtime that overruns its time and serves the next invocation', async () => {
    await start(
      {
        bootstrap: `${node}${api}(async () => { for (;;) { const n = await fetch(api + 'invocation/next'); const e = await n.json(); if (e.hang) await new Promise((r) => setTimeout(r, 60000)); await fetch(api + 'invocation/' + n.headers.get('lambda-runtime-aws-request-id') + '/response', { method: 'POST', body: '"ok"' }); } })();`,
      },
      { KNIT_TIMEOUT_SECONDS: '0.5' },
    );
    assert.match(
      (await process.invoke({ hang: true })).json.errorMessage,
      /timed out after 0\.50 seconds/,
    );
    assert.equal((await process.invoke({})).text, '"ok"');
  });
});
