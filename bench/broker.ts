/**
 * How many events a second the broker takes in durably, at 1 KB each, beside what one fdatasync for
 * each event allows on the same disk in the same run. The log itself and the whole ingress are
 * measured apart: the ingress shares this machine's cores with the client that loads it.
 */
import { open, mkdtemp, rm } from 'node:fs/promises';
import { request, Agent } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Broker } from '../runtime/apis/eventing/types.ts';
import { FileLog } from '../runtime/broker/file-log.ts';
import { startBroker } from '../runtime/broker/start-broker.ts';
import { systemClock } from '../runtime/std/clock.ts';
import { silentLogger } from '../runtime/std/logger.ts';
import type { Figure } from './support/figure.ts';

const EVENT = Buffer.alloc(1024, 'x');
/** Short on purpose: the machine is shared, and the median of several rounds is steadier than one long one. */
const ROUND_MS = 700;
const ROUNDS = 3;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'knit-bench-broker-'));
  try {
    const baseline = await rounds((round) => flushEach(path.join(directory, `flush-${round}`)));
    const comparison = { name: 'one fdatasync for each event', value: median(baseline) };
    const figures: Figure[] = [];
    const add = (figure: string, runs: readonly number[], goal: number): void => {
      const value = median(runs);
      const ratio = value / comparison.value;
      figures.push({
        figure,
        value,
        unit: 'events/s',
        comparison,
        ratio,
        goal: `a ratio of at least ${goal}`,
        met: ratio >= goal,
        runs: runs.length,
      });
    };
    for (const [inFlight, goal] of [
      [1, 0.5],
      [64, 10],
    ] as const) {
      const runs = await rounds((round) =>
        appendToLog(path.join(directory, `log-${inFlight}-${round}`), inFlight),
      );
      add(`log, 1 KB, ${inFlight} in flight`, runs, goal);
    }
    for (const [inFlight, goal] of [
      [1, 0.25],
      [64, 1],
    ] as const) {
      const runs = await rounds((round) =>
        postToIngress(path.join(directory, `ingress-${inFlight}-${round}`), inFlight),
      );
      add(`broker over HTTP, 1 KB, ${inFlight} in flight`, runs, goal);
    }
    return figures;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function rounds(measure: (round: number) => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let round = 0; round < ROUNDS; round++) results.push(await measure(round));
  return results;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The naive log: write one event, flush, next. */
async function flushEach(file: string): Promise<number> {
  const handle = await open(file, 'w');
  const rate = await load(1, async () => {
    await handle.write(EVENT);
    await handle.datasync();
  });
  await handle.close();
  return rate;
}

async function appendToLog(directory: string, inFlight: number): Promise<number> {
  const log = await FileLog.open({ directory, clock: systemClock, logger: silentLogger });
  const rate = await load(inFlight, () => log.append(EVENT));
  await log.close();
  return rate;
}

async function postToIngress(dataDir: string, inFlight: number): Promise<number> {
  const brokers: Broker[] = [
    {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Broker',
      metadata: { namespace: 'bench', name: 'default', uid: 'bench' },
    },
  ];
  const cache = (objects: readonly unknown[]) => ({
    hasSynced: true,
    list: () => objects as never,
    onChange: () => () => undefined,
  });
  const broker = await startBroker(
    {
      informers: { informer: (kind) => cache(kind.kind === 'Broker' ? brokers : []) },
      clock: systemClock,
      logger: silentLogger,
      signal: new AbortController().signal,
    },
    { dataDir, listen: { host: '127.0.0.1', port: 0 } },
  );
  await broker.settled();
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const rate = await load(inFlight, () => post(broker.port, agent));
  agent.destroy();
  await broker.close();
  return rate;
}

function post(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        port,
        agent,
        host: '127.0.0.1',
        method: 'POST',
        path: '/bench/default',
        headers: {
          'ce-specversion': '1.0',
          'ce-id': '1',
          'ce-source': '/bench',
          'ce-type': 'bench',
          'content-type': 'application/octet-stream',
          'content-length': EVENT.length,
        },
      },
      (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 202) resolve();
          else reject(new Error(`the broker answered ${response.statusCode ?? 0}`));
        });
      },
    );
    call.on('error', reject);
    call.end(EVENT);
  });
}

/** Calls `work` with so many in flight for one round; calls a second. */
async function load(inFlight: number, work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  let done = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startMs < ROUND_MS) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (done * 1000) / (performance.now() - startMs);
}
