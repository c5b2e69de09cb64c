/**
 * The API server over TLS, side by side with Kubernetes' own (kube-apiserver and etcd, flushing as in
 * production) where that is built: see test/differential/build-kube.ts and KNIT_KUBE_CACHE. The
 * clients run here, both servers in processes of their own, one after the other.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, kubeCache, programs } from '../test/differential/build-kube.ts';
import { startRealApiServer } from '../test/differential/real-api-server.ts';
import { ApiClients, makeGate, type ApiEndpoint, type Load } from './support/api-load.ts';
import type { StartedApiServer } from './support/api-server-process.ts';
import { percentile, type Figure } from './support/figure.ts';

const SERIAL_WRITES = 500;
const CONCURRENT_WRITES = 4_000;
const WRITERS = 64;
const GETS = 4_000;
const LISTED = 1_000;
const LISTS = 60;
const WATCHERS = 100;
const WATCHED_WRITES = 200;
const STORED_AT_START = 10_000;
const START_GOAL_MS = 400;
const MEMORY_GOAL = 0.2;

const namespace = '/api/v1/namespaces/default';
const filler = 'x'.repeat(600);
const objectOf = (name: string, value: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { app: 'bench' } },
    data: { value, filler },
  });

interface Row {
  readonly figure: string;
  readonly unit: 'ms' | 'requests/s' | 'events/s' | 'MiB';
  readonly value: number;
  readonly runs: number;
}

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const ours = await measureOurs();
  const missing = await missingPrograms();
  const theirs = missing.length === 0 ? await measureReal() : [];
  if (missing.length > 0)
    console.error(
      `not measured: kube-apiserver, since ${missing.join(', ')} is not built in ${kubeCache()} (npm run test:differential builds it)`,
    );
  return ours.map((row) => compare(row, theirs));
}

function compare({ figure, value, unit, runs }: Row, theirs: readonly Row[]): Figure {
  const real = theirs.find((row) => row.figure === figure);
  if (figure.startsWith('start with'))
    return { figure, value, unit, runs, goal: `${START_GOAL_MS} ms`, met: value <= START_GOAL_MS };
  if (!real) return { figure, value, unit, runs };
  const ratio = value / real.value;
  const isMore = unit.endsWith('/s');
  const [goal, met] =
    unit === 'MiB'
      ? [`ratio at most ${MEMORY_GOAL}`, ratio <= MEMORY_GOAL]
      : isMore
        ? ['more', ratio > 1]
        : ['less', ratio < 1];
  const comparison = { name: 'kube-apiserver with etcd', value: real.value };
  return { figure, value, unit, runs, comparison, ratio, goal, met };
}

async function missingPrograms(): Promise<string[]> {
  const found = await Promise.all(programs.map((program) => findProgram(program)));
  return programs.filter((_program, index) => found[index] === undefined);
}

async function measureOurs(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'knit-bench-api-'));
  let server: ChildProcess | undefined;
  try {
    const first = await startOurs(directory);
    server = first.process;
    const rows = await measure(first.started, [server.pid ?? 0]);
    await fill(first.started);
    server.disconnect();
    await once(server, 'exit');
    const second = await startOurs(directory);
    server = second.process;
    return [
      ...rows,
      {
        figure: `start with ${STORED_AT_START} objects, to ready`,
        value: second.started.startMs,
        unit: 'ms',
        runs: 1,
      },
    ];
  } finally {
    server?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startOurs(
  directory: string,
): Promise<{ process: ChildProcess; started: StartedApiServer }> {
  const path = fileURLToPath(new URL('support/api-server-process.js', import.meta.url));
  const child = fork(path, [directory]);
  const [started] = (await once(child, 'message')) as [StartedApiServer];
  return { process: child, started };
}

async function fill(endpoint: ApiEndpoint): Promise<void> {
  const clients = new ApiClients(endpoint, WRITERS);
  const { length } = JSON.parse((await clients.send('GET', '/api/v1/configmaps')).toString())
    .items as unknown[];
  await clients.run(WRITERS, STORED_AT_START - length, (index) =>
    clients.send('POST', `${namespace}/configmaps`, objectOf(`filled-${index}`, 'x')),
  );
  await clients.close();
}

async function measureReal(): Promise<Row[]> {
  const server = await startRealApiServer({ flushes: true });
  try {
    const { url, ca, tokens, pids } = server;
    return await measure({ url, ca, token: tokens['admin'] ?? '' }, pids);
  } finally {
    await server.close();
  }
}

async function measure(endpoint: ApiEndpoint, pids: readonly number[]): Promise<Row[]> {
  const clients = new ApiClients(endpoint, WRITERS);
  const path = `${namespace}/configmaps`;
  const rows: Row[] = [];
  const create = (prefix: string) => (index: number) =>
    clients.send('POST', path, objectOf(`${prefix}-${index}`, 'created'));
  // Code paths and connections are warm before the first figure.
  await clients.run(WRITERS, 500, create('warm'));
  rows.push(...latencyRows('create, 1 client', await clients.run(1, SERIAL_WRITES, create('one'))));
  rows.push(...rows64('create', await clients.run(WRITERS, CONCURRENT_WRITES, create('many'))));
  rows.push(
    ...rows64(
      'update',
      await clients.run(WRITERS, CONCURRENT_WRITES, (index) =>
        clients.send('PUT', `${path}/many-${index}`, objectOf(`many-${index}`, 'updated')),
      ),
    ),
  );
  const get = (index: number): Promise<Buffer> =>
    clients.send('GET', `${path}/many-${index % CONCURRENT_WRITES}`);
  rows.push(...latencyRows('get, 1 client', await clients.run(1, SERIAL_WRITES, get)));
  rows.push(...rows64('get', await clients.run(WRITERS, GETS, get)));
  const list = (): Promise<Buffer> => clients.send('GET', `${path}?limit=${LISTED}`);
  rows.push(...latencyRows(`list of ${LISTED}, 1 client`, await clients.run(1, LISTS, list)));
  await clients.close();
  rows.push(await measureWatches(endpoint));
  rows.push({
    figure: 'resident memory after that',
    unit: 'MiB',
    value: pids.reduce((sum, pid) => sum + residentMiB(pid), 0),
    runs: 1,
  });
  return rows;
}

/** Every write is an event for every watcher; counted until the last one has the last. */
async function measureWatches(endpoint: ApiEndpoint): Promise<Row> {
  const writers = new ApiClients(endpoint, 8);
  const watchers = new ApiClients(endpoint, WATCHERS);
  const target = WATCHERS * WATCHED_WRITES;
  let events = 0;
  const gate = makeGate(() => events >= target);
  const name = 'watched';
  const from = JSON.parse((await writers.send('GET', `${namespace}/configmaps?limit=1`)).toString())
    .metadata.resourceVersion as string;
  const query = `watch=true&resourceVersion=${from}&labelSelector=watched%3Dyes`;
  const stops = await Promise.all(
    Array.from({ length: WATCHERS }, () =>
      watchers.watch(`${namespace}/configmaps?${query}`, (count) => {
        events += count;
        gate.check();
      }),
    ),
  );
  const startedAt = performance.now();
  const body = (index: number): string =>
    objectOf(`${name}-${index}`, 'x').replace('"app":"bench"', '"watched":"yes"');
  await writers.run(8, WATCHED_WRITES, (index) =>
    writers.send('POST', `${namespace}/configmaps`, body(index)),
  );
  await gate.opened;
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const stop of stops) stop();
  await watchers.close();
  await writers.close();
  return {
    figure: `events to ${WATCHERS} watchers, 8 clients writing`,
    unit: 'events/s',
    value: events / seconds,
    runs: events,
  };
}

const latencyRows = (what: string, { latencies }: Load): Row[] =>
  (['p50', 'p99'] as const).map((name) => ({
    figure: `${what}, ${name}`,
    unit: 'ms',
    value: percentile(latencies, name === 'p50' ? 0.5 : 0.99),
    runs: latencies.length,
  }));

const rows64 = (verb: string, load: Load): Row[] => [
  {
    figure: `${verb}, ${WRITERS} clients`,
    unit: 'requests/s',
    value: load.latencies.length / load.seconds,
    runs: load.latencies.length,
  },
  ...latencyRows(`${verb}, ${WRITERS} clients`, load),
];

function residentMiB(pid: number): number {
  const [, kib = '0'] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
