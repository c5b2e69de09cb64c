/**
 * How long `knit up` and `sls deploy` take, as a user waits for them, and what the runtime's processes
 * hold in memory at rest. The comparison for deployments is `sls print`: what the host itself takes.
 */
import { readFileSync } from 'node:fs';
import { Runtime, ServiceFolder } from '../test/e2e/harness.ts';
import { copyShop, repositoryFile } from './support/example-shop.ts';
import { percentile } from './support/figure.ts';
import type { Figure } from './support/figure.ts';

const NO_CHANGE_RUNS = 5;
const PRINT_RUNS = 3;
/** The memory that counts is that of a runtime which nobody uses for a while. */
const REST_MS = 20_000;
const MEBIBYTE = 1024 * 1024;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const runtime = new Runtime();
  let folder: ServiceFolder | undefined;
  try {
    const upMs = await timed(() => runtime.up());
    const rest = await memoryAtRest(runtime);
    folder = copyShop(runtime);
    const sls = async (...args: string[]): Promise<number> =>
      timed(async () => {
        const outcome = await (folder as ServiceFolder).sls('osls@4', ...args);
        if (outcome.code !== 0) throw new Error(outcome.stdout + outcome.stderr);
        return outcome;
      });
    const prints: number[] = [];
    for (let i = 0; i < PRINT_RUNS; i++) prints.push(await sls('print'));
    const print = { name: 'sls print', value: percentile(prints, 0.5) };
    const firstMs = await sls('deploy');
    const baseMs = await secondService(runtime);
    const same: number[] = [];
    for (let i = 0; i < NO_CHANGE_RUNS; i++) same.push(await sls('deploy'));
    const handler = 'examples/shop/catalog.mjs';
    folder.write(handler, `${readFileSync(repositoryFile(handler), 'utf8')}\n// changed\n`);
    const changedMs = await sls('deploy');
    const deploy = (figure: string, value: number, goal: string | undefined, runs = 1): Figure => ({
      figure,
      value: value / 1000,
      unit: 's',
      comparison: { name: print.name, value: print.value / 1000 },
      ratio: value / print.value,
      ...(goal === undefined ? {} : { goal: `< ${goal} s`, met: value < Number(goal) * 1000 }),
      runs,
    });
    const noChangeMs = percentile(same, 0.5);
    return [
      {
        figure: 'knit up, until ready',
        value: upMs / 1000,
        unit: 's',
        goal: '< 3 s',
        met: upMs < 3_000,
        runs: 1,
      },
      deploy('first sls deploy of the shop, base images included', firstMs, undefined),
      deploy('first sls deploy of another service, base image there', baseMs, undefined),
      deploy('sls deploy with one line changed', changedMs, undefined),
      deploy('sls deploy with nothing changed', noChangeMs, '2', NO_CHANGE_RUNS),
      ...rest,
    ];
  } finally {
    folder?.remove();
    await runtime.remove();
  }
}

async function memoryAtRest(runtime: Runtime): Promise<Figure[]> {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const { processes } = (await runtime.status()) as {
    processes: { name: string; rssBytes: number }[];
  };
  const rows = processes.map(({ name, rssBytes }): Figure => ({
    figure: `resident memory at rest, ${name}`,
    value: rssBytes / MEBIBYTE,
    unit: 'MiB',
    runs: 1,
  }));
  const total = processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / MEBIBYTE;
  return [...rows, { figure: 'resident memory at rest, all', value: total, unit: 'MiB', runs: 1 }];
}

/** A service of one function, deployed when the base image is there already. */
async function secondService(runtime: Runtime): Promise<number> {
  const major = process.versions.node.split('.')[0];
  const folder = new ServiceFolder(runtime, {
    'serverless.yml':
      'service: second\nplugins: [serverless-knit]\n' +
      `provider: { name: knative, runtime: nodejs${major}.x }\n` +
      'functions: { hello: { handler: hello.handler } }\n',
    'hello.js': 'exports.handler = async () => ({});\n',
  });
  try {
    return await timed(async () => {
      const outcome = await folder.sls('osls@4', 'deploy');
      if (outcome.code !== 0) throw new Error(outcome.stdout + outcome.stderr);
    });
  } finally {
    folder.remove();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
