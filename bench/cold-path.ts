/**
 * How long a function at zero takes to answer: from the patch of its Deployment's scale to the Pod's
 * Ready condition and to the first byte of an answer, with the real API server, agent and containers.
 * Beside it, in turns, the same server as a plain process of this machine, which is what the kernel
 * and Node.js take by themselves. The gateway is not part of it: bench/gateway.ts measures its hop.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cleanupAgent } from '../runtime/agent/cleanup-agent.ts';
import { startAgent } from '../runtime/agent/start-agent.ts';
import { startWorkloads } from '../runtime/workloads/start-workloads.ts';
import { type Deployment, deploymentKind } from '../runtime/apis/apps/types.ts';
import { type Pod, podKind } from '../runtime/apis/core/types.ts';
import { startApiServer } from '../runtime/apiserver/start-api-server.ts';
import { allDefinitions } from '../runtime/cli/all-definitions.ts';
import { KubeClient } from '../runtime/kube/client.ts';
import { InformerFactory } from '../runtime/kube/informer.ts';
import { systemClock } from '../runtime/std/clock.ts';
import { silentLogger } from '../runtime/std/logger.ts';
import {
  buildTestImage,
  removeTestImage,
  TEST_IMAGE,
  TEST_SERVER,
} from '../test/agent/test-image.ts';

export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  readonly comparison: { readonly name: string; readonly value: number };
  /** value / comparison. */
  readonly ratio: number;
  /** What the ratio must not exceed. */
  readonly goal: number;
  readonly met: boolean;
  readonly runs: readonly number[];
}

const BRIDGE = { name: 'knitc', cidr: '10.91.10.0/24' };
const ROUNDS = 15;
/** The first rounds fill page and module caches: a function that is called now and then finds them full. */
const WARM_UP_ROUNDS = 2;
/** Between the rounds: the one before is being cleaned up, which is no part of a cold start. */
const PAUSE_MS = 800;
const DIAL_RETRY_MS = 2;
/** Far more than a slow machine takes: a cold start that does not come is told, not waited for. */
const WAIT_LIMIT_MS = 60_000;
/** The container may add namespaces, mounts and a filter, but not as much again as the process itself. */
const GOAL = 2;

/** Prints where the time goes unless `json`; always returns the figures. */
export async function run(options: { json: boolean }): Promise<Figure[]> {
  const images = buildTestImage();
  // Every timer and process of the agent lets its process end, and there is no server here.
  const keepAlive = setInterval(() => {}, 60_000);
  const home = mkdtempSync(join(tmpdir(), 'knit-bench-cold-'));
  try {
    const { cold, plain } = await measure(home, images);
    if (!options.json) printSplit(cold);
    const comparison = { name: 'the same server as a plain process', value: median(plain) };
    const figure = (name: string, runs: readonly number[]): Figure => {
      const value = median(runs);
      const ratio = value / comparison.value;
      const met = ratio <= GOAL;
      return { figure: name, value, unit: 'ms', comparison, ratio, goal: GOAL, met, runs };
    };
    return [
      figure(
        'cold start, scale to Ready',
        cold.map(({ readyMs }) => readyMs),
      ),
      figure(
        'cold start, scale to first byte',
        cold.map(({ firstByteMs }) => firstByteMs),
      ),
    ];
  } finally {
    await cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
    rmSync(home, { recursive: true, force: true });
    removeTestImage(images);
    clearInterval(keepAlive);
  }
}

/** Milliseconds since the scale was patched. */
interface ColdStart {
  readonly podSeenMs: number;
  /** The runtime has made the container and is about to start its process. */
  readonly createdMs: number;
  /** The server's first line: Node.js has begun with its script. */
  readonly firstLineMs: number;
  readonly readyMs: number;
  readonly firstByteMs: number;
}

async function measure(
  home: string,
  images: string,
): Promise<{ cold: ColdStart[]; plain: number[] }> {
  const api = await startApiServer({
    dataDir: join(home, 'data'),
    // All of them: a controller starts once every kind that it watches is served.
    definitions: allDefinitions,
    clock: systemClock,
    logger: silentLogger,
  });
  const abort = new AbortController();
  const client = new KubeClient(api.transport);
  const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
  const informers = new InformerFactory(deps);
  informers.start(abort.signal);
  const agent = await startAgent(
    { ...deps, informers, signal: abort.signal },
    {
      home,
      driver: 'oci',
      nodeName: 'bench',
      bridge: BRIDGE,
      imageStoreRoot: images,
      bundlesRoot: join(home, 'bundles'),
      functionsRoot: join(home, 'functions'),
    },
  );
  const workloads = startWorkloads(
    { ...deps, informers, signal: abort.signal },
    { nodeName: 'bench' },
  );
  const cold: ColdStart[] = [];
  const plain: number[] = [];
  try {
    await client.create(deploymentKind, makeBenchDeployment());
    await pause();
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
      const one = await wake(home, client, informers);
      const other = await startPlain(home);
      if (round < WARM_UP_ROUNDS) continue;
      cold.push(one);
      plain.push(other);
    }
  } finally {
    await workloads.close();
    await agent.close({ stopPods: true });
    abort.abort();
    await api.close();
  }
  return { cold, plain };
}

/** One cold start, and back to zero. */
async function wake(
  home: string,
  client: KubeClient,
  informers: InformerFactory,
): Promise<ColdStart> {
  const pods = informers.informer(podKind);
  let podSeenMs = 0;
  const fromMs = performance.now();
  const ready = new Promise<Pod>((resolve) => {
    const stop = pods.onChange(({ type, object }) => {
      if (type === 'added') podSeenMs = performance.now() - fromMs;
      if (!isReady(object)) return;
      stop();
      resolve(object);
    });
  });
  await scale(client, 1);
  const pod = await within(ready, 'the Pod to become Ready');
  const readyMs = performance.now() - fromMs;
  await firstByte(pod.status?.podIP ?? '', 8080);
  const firstByteMs = performance.now() - fromMs;
  const root = join(home, 'pods', pod.metadata.uid ?? '', 'user');
  const since = (file: string): number =>
    statSync(join(root, file)).mtimeMs - performance.timeOrigin - fromMs;
  const result = {
    podSeenMs,
    createdMs: since('0/pid'),
    firstLineMs: since('0.log'),
    readyMs,
    firstByteMs,
  };
  const gone = new Promise<void>((resolve) => {
    const stop = pods.onChange(({ type }) => {
      if (type !== 'deleted') return;
      stop();
      resolve();
    });
  });
  await scale(client, 0);
  await within(gone, 'the Pod to be gone');
  await pause();
  return result;
}

/** From spawn to the first byte, without anything around it. */
async function startPlain(home: string): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const fromMs = performance.now();
  const child = spawn(process.execPath, ['-e', TEST_SERVER], {
    cwd: home,
    env: { PORT: String(port) },
    stdio: 'ignore',
  });
  while (!(await canConnect(port)))
    await new Promise((resolve) => setTimeout(resolve, DIAL_RETRY_MS));
  await firstByte('127.0.0.1', port);
  const durationMs = performance.now() - fromMs;
  child.kill('SIGKILL');
  await once(child, 'exit');
  await pause();
  return durationMs;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (isOpen: boolean) => (): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}

function firstByte(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = get({ host, port, path: '/', agent: false }, (response) => {
      response.once('data', () => {
        response.destroy();
        resolve();
      });
    });
    call.once('error', reject);
  });
}

/** @throws Error naming `what` after `WAIT_LIMIT_MS` */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`waited ${WAIT_LIMIT_MS / 1000} s for ${what}; see the agent's log`);
    timer = setTimeout(() => reject(error), WAIT_LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;

async function scale(client: KubeClient, replicas: number): Promise<void> {
  await client.patch(
    deploymentKind,
    { namespace: 'default', name: 'cold' },
    { type: 'merge', subresource: 'scale', body: { spec: { replicas } } },
  );
}

function makeBenchDeployment(): Deployment {
  const container = {
    name: 'user',
    image: TEST_IMAGE,
    ports: [{ containerPort: 8080 }],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 0 },
    resources: { limits: { memory: '512Mi' } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cold', namespace: 'default' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'cold' } },
      template: {
        metadata: { labels: { app: 'cold' } },
        spec: { terminationGracePeriodSeconds: 2, containers: [container] },
      },
    },
  };
}

function printSplit(cold: readonly ColdStart[]): void {
  const at = (key: keyof ColdStart): string => median(cold.map((one) => one[key])).toFixed(1);
  console.log(
    `cold start, median of ${cold.length}, ms after the scale: ` +
      `pod seen ${at('podSeenMs')}, container created ${at('createdMs')}, ` +
      `first line ${at('firstLineMs')}, Ready ${at('readyMs')}, first byte ${at('firstByteMs')}`,
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
