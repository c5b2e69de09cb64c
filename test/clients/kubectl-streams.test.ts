/** The real kubectl inside a Pod: commands, files, forwarded ports and attached terminals. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../e2e/harness.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { useSharedRuntime } from './shared-runtime.ts';
import { SHELL_IMAGE } from './shell-image.ts';

describe('kubectl in a Pod of a local runtime', function () {
  this.timeout(300_000);
  const runtime = useSharedRuntime();

  for (const [index, program] of findKubectls().entries()) {
    describe(`version 1.${program.minor} (${program.path})`, () => {
      const namespace = `streams-${index}`;
      let kubectl: Kubectl;
      let folder: string;

      before(async () => {
        kubectl = new Kubectl(program, { kubeconfig: join(runtime.home, 'kubeconfig'), namespace });
        folder = mkdtempSync(join(tmpdir(), 'knit-kubectl-files-'));
        await kubectl.ok(['create', 'namespace', namespace]);
        await kubectl.ok(['run', 'shell', `--image=${SHELL_IMAGE}`, '--port=8080']);
        await kubectl.ok(['wait', 'pod/shell', '--for=condition=Ready', '--timeout=120s']);
      });
      after(async () => {
        await kubectl?.run(['delete', 'namespace', namespace, '--wait=false']);
        kubectl?.close();
        if (folder) rmSync(folder, { recursive: true });
      });

      it('runs commands, with input and exit codes', async () => {
        const failed = await kubectl.run([
          'exec',
          'shell',
          '--',
          '/bin/sh',
          '-c',
          'echo a; exit 3',
        ]);
        assert.deepEqual([failed.code, failed.stdout], [3, 'a\n'], failed.stderr);
        const piped = await kubectl.ok(['exec', '-i', 'shell', '--', '/bin/cat'], 'through\n');
        assert.equal(piped, 'through\n');
      });

      it('takes and gives files', async () => {
        const [here, back] = [join(folder, 'here.txt'), join(folder, 'back.txt')];
        writeFileSync(here, 'carried');
        await kubectl.ok(['cp', here, `${namespace}/shell:/tmp/there.txt`]);
        assert.equal(
          await kubectl.ok(['exec', 'shell', '--', '/bin/cat', '/tmp/there.txt']),
          'carried',
        );
        await kubectl.ok(['cp', `${namespace}/shell:/tmp/there.txt`, back]);
        assert.equal(readFileSync(back, 'utf8'), 'carried');
      });

      it('is reached through a forwarded port', async () => {
        const forward = kubectl.start(['port-forward', 'pod/shell', ':8080']);
        let text = '';
        for (const stream of [forward.stdout, forward.stderr])
          stream?.on('data', (chunk) => (text += String(chunk)));
        await until('the forwarded port', () => {
          assert.equal(forward.exitCode, null, text);
          return /127\.0\.0\.1:(\d+)/.test(text);
        });
        const port = Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
        assert.equal(await fetchText(port, '/first'), 'hello /first\n');
        assert.equal(await fetchText(port, '/second'), 'hello /second\n');
        forward.kill();
      });

      it('is attached to when it is run with its input', async () => {
        const ask = ['/bin/sh', '-c', 'read word; echo "said-$word"'];
        const said = await kubectl.run(
          [
            ...['run', 'asked', `--image=${SHELL_IMAGE}`, '--restart=Never', '--rm', '-i'],
            ...['--command', '--', ...ask],
          ],
          'hello\n',
        );
        assert.match(said.stdout, /said-hello/, said.stderr);
      });
    });
  }
});

/** One request to a local port. */
const fetchText = (port: number, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body));
    });
    sent.on('error', reject);
    sent.end();
  });
