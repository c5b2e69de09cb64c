/**
 * What goes wrong must go well: one message that names the file and line or the object, the cause and
 * the remedy, exit code 1, and what was deployed before serves on.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Runtime, ServiceFolder, leftovers, run, until } from './harness.ts';
import type { Outcome } from './harness.ts';

const major = process.versions.node.split('.')[0];

const good = `service: fault
plugins: [serverless-knit]
provider:
  name: knative
  runtime: nodejs${major}.x
  timeout: 5
functions:
  hello:
    handler: hello.handler
`;
const goodHandler = "exports.handler = async () => ({ answer: 'first version' });\n";

/** A framework prints errors partly to stdout; a user reads both. */
const textOf = ({ stdout, stderr }: Outcome): string => stdout + stderr;

describe('A deployment that fails', function () {
  this.timeout(240_000);
  const runtime = new Runtime();
  let folder: ServiceFolder;

  before(async () => {
    const up = await runtime.up();
    assert.equal(up.code, 0, up.stderr);
    folder = new ServiceFolder(runtime, { 'serverless.yml': good, 'hello.js': goodHandler });
    const deployed = await folder.sls('osls@4', 'deploy');
    assert.equal(deployed.code, 0, textOf(deployed));
  });

  beforeEach(() => {
    folder.write('serverless.yml', good);
    folder.write('hello.js', goodHandler);
  });

  after(async () => {
    folder?.remove();
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  /** Deploys, expects exit 1 and these words, and the first version still served. */
  async function failsWith(...patterns: RegExp[]): Promise<void> {
    const outcome = await folder.sls('osls@4', 'deploy');
    const text = textOf(outcome);
    assert.equal(outcome.code, 1, text);
    for (const pattern of patterns) assert.match(text, pattern);
    assert.doesNotMatch(text, /\n\s+at .+\(.+:\d+:\d+\)/, 'a stack trace was printed');
    const answer = await runtime.http('hello.fault-dev.localhost', '/');
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /first version/);
  }

  it('for an unknown property names the property and its line', async () => {
    folder.write('serverless.yml', good.replace('handler:', 'memorySizes: 5\n    handler:'));
    await failsWith(/functions\.hello/, /serverless\.yml:9/, /memorySizes/);
  });

  it('for an unknown event names the event, the function and the line', async () => {
    folder.write('serverless.yml', `${good}    events:\n      - telegraph: stop\n`);
    await failsWith(
      /functions\.hello\.events\.0/,
      /serverless\.yml:11/,
      /unsupported function event/,
    );
  });

  it('for a handler path without a file names file, function and line', async () => {
    folder.write('serverless.yml', good.replace('hello.handler', 'missing.handler'));
    await failsWith(/serverless\.yml:9/, /hello/, /missing/);
  });

  it('for a handler that is not in its module names the object and what is exported', async () => {
    folder.write('serverless.yml', good.replace('hello.handler', 'hello.other'));
    await failsWith(/hello\.other is undefined/, /it exports handler/);
  });

  it('for a handler that throws at import shows what it threw', async () => {
    folder.write('hello.js', "throw new Error('no database today');\n");
    await failsWith(/hello/, /no database today/, /thrown at hello\.js:1/);
  });

  it('for a function that never gets ready names the function and the revision', async () => {
    folder.write('hello.js', 'while (true) {}\n');
    await failsWith(/hello-\d{5}/, /timed out progressing/, /nothing answers on its port/);
  });

  it('for a build that fails shows the last lines of the build', async () => {
    folder.write(
      'Dockerfile',
      `FROM knit.local/nodejs${major}.x\nRUN echo about to fail && exit 7\n`,
    );
    folder.write('serverless.yml', `${good}  box:\n    handler: Dockerfile\n`);
    await failsWith(/box/, /about to fail|exit code 7|exit status 7/);
  });

  it('for a missing Dockerfile names the file', async () => {
    folder.write('serverless.yml', `${good}  box:\n    handler: docker/Dockerfile\n`);
    await failsWith(/box/, /docker\/Dockerfile/);
  });

  it('for a runtime that is not running says to run knit up', async () => {
    const other = new Runtime();
    const stranger = new ServiceFolder(other, { 'serverless.yml': good, 'hello.js': goodHandler });
    const outcome = await stranger.sls('osls@4', 'deploy');
    stranger.remove();
    await other.remove();
    assert.equal(outcome.code, 1, textOf(outcome));
    assert.match(textOf(outcome), /knit up/);
  });

  it('prints the error object of a handler that throws, and exits 1, at sls invoke', async () => {
    folder.write(
      'hello.js',
      "exports.handler = async () => { throw new TypeError('not that'); };\n",
    );
    const deployed = await folder.sls('osls@4', 'deploy');
    assert.equal(deployed.code, 0, textOf(deployed));
    const invoked = await folder.sls('osls@4', 'invoke', '-f', 'hello');
    assert.equal(invoked.code, 1);
    assert.match(invoked.stdout, /"errorType": "TypeError"/);
    assert.match(invoked.stdout, /"errorMessage": "not that"/);
  });
});

describe('knit up', function () {
  this.timeout(60_000);

  it('with a port in use ends in one line with the remedy, and leaves nothing running', async () => {
    const runtime = new Runtime();
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    const up = await runtime.knit('up', '--gateway-port', String(port));
    blocker.close();
    assert.equal(up.code, 1);
    assert.match(up.stderr, new RegExp(`port ${port} .*in use`));
    assert.equal(up.stderr.trim().split('\n').length, 1, up.stderr);
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  it('is taken back by knit down --purge, also where a killed build left something mounted', async () => {
    const runtime = new Runtime();
    const target = join(runtime.home, 'containers/left behind');
    mkdirSync(target, { recursive: true });
    assert.equal((await run('mount', ['-t', 'tmpfs', 'tmpfs', target])).code, 0);
    const down = await runtime.knit('down', '--purge');
    assert.equal(down.code, 0, down.stderr);
    assert.equal(existsSync(runtime.home), false);
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  it('with a wrong option exits 2', async () => {
    const runtime = new Runtime();
    assert.equal((await runtime.knit('up', '--driver', 'docker')).code, 2);
    assert.equal((await runtime.knit('sideways')).code, 2);
    await runtime.remove();
  });

  it('without containers runs functions as processes, and says what that means and what it lacks', async () => {
    const runtime = new Runtime();
    const up = await runtime.up('--driver', 'process');
    assert.equal(up.code, 0, up.stderr);
    assert.match(up.stderr, /nothing isolates/);
    const folder = new ServiceFolder(runtime, { 'serverless.yml': good, 'hello.js': goodHandler });
    const deployed = await folder.sls('osls@4', 'deploy');
    assert.equal(deployed.code, 0, textOf(deployed));
    const answer = await runtime.http('hello.fault-dev.localhost', '/');
    assert.match(answer.body, /first version/);

    folder.write('Dockerfile', `FROM knit.local/nodejs${major}.x\n`);
    folder.write('serverless.yml', `${good}  box:\n    handler: Dockerfile\n`);
    const boxed = await folder.sls('osls@4', 'deploy');
    assert.equal(boxed.code, 1, textOf(boxed));
    assert.match(textOf(boxed), /"box"/);
    assert.match(textOf(boxed), /buildah/);
    assert.match(textOf(boxed), /apt-get install/);
    assert.equal((await runtime.http('hello.fault-dev.localhost', '/')).status, 200);
    folder.remove();
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });
});

describe('A disk that is full', function () {
  this.timeout(240_000);
  /** Enough for base image and code, and little more. */
  const HOME_BYTES = 512 * 1024 * 1024;
  const runtime = new Runtime();
  let folder: ServiceFolder;

  before(async () => {
    const mounted = await run('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=${HOME_BYTES},mode=700`,
      'knit-test',
      runtime.home,
    ]);
    assert.equal(mounted.code, 0, mounted.stderr);
    const up = await runtime.up();
    assert.equal(up.code, 0, up.stderr);
    folder = new ServiceFolder(runtime, { 'serverless.yml': good, 'hello.js': goodHandler });
    const deployed = await folder.sls('osls@4', 'deploy');
    assert.equal(deployed.code, 0, textOf(deployed));
  });

  after(async () => {
    folder?.remove();
    await runtime.knit('down');
    // All that knit left but the file system that this test mounted.
    const others = async (): Promise<string[]> =>
      (await leftovers(runtime.home)).filter((one) => !one.startsWith('mount: knit-test '));
    await until('knit down has left nothing', async () => (await others()).length === 0);
    await run('umount', ['--lazy', runtime.home]);
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  // What is left holds the API server's small writes, and in the second case the archive, too.
  for (const [what, leftBytes] of [
    ['the archive', 4 * 1024 * 1024],
    ['the image', 24 * 1024 * 1024],
  ] as const)
    it(`for ${what} ends a deployment in one message, serves on, and is no obstacle once there is space`, async () => {
      const before = (await runtime.http('hello.fault-dev.localhost', '/')).body;
      const filler = join(runtime.home, 'filler');
      const { bavail, bsize } = statfsSync(runtime.home);
      await run('fallocate', ['-l', String(bavail * bsize - leftBytes), filler]);
      folder.write('hello.js', goodHandler.replace('first', `${leftBytes}`));
      folder.write('ballast.bin', randomBytes(8 * 1024 * 1024).toString('hex'));
      const outcome = await folder.sls('osls@4', 'deploy');
      assert.equal(outcome.code, 1, textOf(outcome));
      assert.match(textOf(outcome), /disk is full.*some space.*deploy again/is);
      assert.doesNotMatch(textOf(outcome), /\n\s+at .+\(.+:\d+:\d+\)/);
      assert.ok(textOf(outcome).length < 1_500, textOf(outcome));
      assert.equal((await runtime.http('hello.fault-dev.localhost', '/')).body, before);

      rmSync(filler);
      const again = await folder.sls('osls@4', 'deploy');
      assert.equal(again.code, 0, textOf(again));
      const after = await runtime.http('hello.fault-dev.localhost', '/');
      assert.equal(after.body, `{"answer":"${leftBytes} version"}`);
    });
});
