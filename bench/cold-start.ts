/**
 * From an HTTP request at zero replicas to its answer, through the real gateway, autoscaler, agent and
 * crun. The comparison, measured between the calls: a bare `node server.js` from exec to first answer.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runtime, ServiceFolder, until } from '../test/e2e/harness.ts';
import { percentile } from './support/figure.ts';
import type { Figure } from './support/figure.ts';

/** Functions and rounds: 30 samples, with six seconds of idling between two rounds. */
const FUNCTIONS = 10;
const ROUNDS = 3;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const runtime = new Runtime();
  const major = process.versions.node.split('.')[0];
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `f${index}`);
  const folder = new ServiceFolder(runtime, {
    'package.json': '{ "private": true }\n',
    'serverless.yml': [
      'service: cold',
      'plugins: [serverless-knit]',
      `provider: { name: knative, runtime: nodejs${major}.x, scale: { window: 6s } }`,
      'functions:',
      ...names.map((name) => `  ${name}: { handler: hello.handler }`),
      '',
    ].join('\n'),
    'hello.js': "exports.handler = async () => ({ statusCode: 200, body: 'hello' });\n",
  });
  const bare = makeBareServer();
  try {
    const up = await runtime.up();
    if (up.code !== 0) throw new Error(up.stderr);
    const deployed = await folder.sls('osls@4', 'deploy');
    if (deployed.code !== 0) throw new Error(deployed.stdout + deployed.stderr);
    const cold: number[] = [];
    const comparison: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await until('every function at zero', async () => (await podsOf(runtime)) === 0);
      for (const name of names) {
        cold.push(await timed(() => runtime.http(`${name}.cold-dev.localhost`, '/')));
        comparison.push(await bare.startOnce());
      }
    }
    return [figureOf('median', 0.5, cold, comparison), figureOf('p95', 0.95, cold, comparison)];
  } finally {
    bare.remove();
    folder.remove();
    await runtime.remove();
  }
}

function figureOf(
  name: string,
  share: number,
  cold: readonly number[],
  comparison: readonly number[],
): Figure {
  const value = percentile(cold, share);
  const against = percentile(comparison, 0.5);
  return {
    figure: `request at zero replicas to its answer, ${name}`,
    value,
    unit: 'ms',
    comparison: { name: 'bare node server.js, median', value: against },
    ratio: value / against,
    runs: cold.length,
  };
}

async function podsOf(runtime: Runtime): Promise<number> {
  return (await runtime.list('/api/v1/namespaces/cold-dev/pods')).length;
}

/** `node server.js` as a child process, from spawn to its first answer over HTTP. */
function makeBareServer(): { startOnce(): Promise<number>; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'knit-bare-'));
  const script = join(folder, 'server.js');
  const text =
    "const server = require('node:http').createServer((q, s) => s.end('hello'));\n" +
    "server.listen(0, '127.0.0.1', () => console.log(server.address().port));\n";
  writeFileSync(script, text);
  return {
    startOnce: () =>
      timed(async () => {
        const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'ignore'] });
        const port = await new Promise<number>((resolve) =>
          child.stdout.once('data', (chunk: Buffer) => resolve(Number(String(chunk)))),
        );
        await new Promise<void>((resolve, reject) => {
          request({ host: '127.0.0.1', port }, (response) => {
            response.resume();
            response.on('end', () => resolve());
          })
            .on('error', reject)
            .end();
        });
        child.kill('SIGKILL');
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
