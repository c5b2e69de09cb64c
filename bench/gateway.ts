/**
 * What one hop through the gateway costs: requests per second over 64 connections, and the latency of
 * one connection, each beside the direct way, beside nginx with one worker, and beside a proxy made of
 * node:http, measured in the same run in turns. Load generator, proxies and upstream are processes of
 * their own. nginx is Debian's; without it on the machine (or named by KNIT_BENCH_NGINX) its rows are
 * left out.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import net from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from './support/figure.ts';
import { benchHost } from './support/gateway-process.ts';
import { startNginx } from './support/nginx.ts';

const CONNECTIONS = 64;
/** Many short rounds in turns: a busy machine changes its speed by the second. */
const ROUNDS = 9;
const ROUND_MS = 600;
const WARM_UP_MS = 500;
/** Raw sockets, own framing: a hop costs about as much as the upstream's own work and the client's. */
const DIRECT_RATE_GOAL = 0.4;
const PLAIN_PROXY_RATE_GOAL = 3;
/** nginx is what people put here otherwise: as many requests, and at most a tenth more time for each. */
const NGINX_RATE_GOAL = 1;
const NGINX_LATENCY_GOAL = 1.1;
/** One more hop is one more socket pair: at most about twice the direct time again. */
const DIRECT_LATENCY_GOAL = 3;

const request = `GET /bench HTTP/1.1\r\nHost: ${benchHost}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const children: ChildProcess[] = [];
  try {
    const upstream = await start(children, 'upstream');
    const nginx = await startNginx(upstream);
    if (nginx) children.push(nginx.process);
    const targets = {
      direct: upstream,
      gateway: await start(children, 'gateway', upstream),
      ...(nginx && { nginx: nginx.port }),
      plain: await start(children, 'plain-proxy', upstream),
    };
    const rates = await measure(targets, CONNECTIONS);
    const single = await measure(targets, 1);
    const direct = 'direct to the upstream';
    const plain = 'proxy of node:http with keep-alive agent';
    const beside = 'nginx, one worker, keep-alive to the upstream';
    const { nginx: nginxRate } = rates;
    const { nginx: nginxSingle } = single;
    return [
      ...(nginxRate === undefined || nginxSingle === undefined
        ? []
        : [
            rate(
              'gateway requests',
              rates.gateway,
              { name: beside, value: nginxRate },
              NGINX_RATE_GOAL,
            ),
            latency(single.gateway, { name: beside, value: nginxSingle }, NGINX_LATENCY_GOAL),
          ]),
      rate(
        'gateway requests',
        rates.gateway,
        { name: direct, value: rates.direct },
        DIRECT_RATE_GOAL,
      ),
      rate(
        'gateway requests',
        rates.gateway,
        { name: plain, value: rates.plain },
        PLAIN_PROXY_RATE_GOAL,
      ),
      latency(single.gateway, { name: direct, value: single.direct }, DIRECT_LATENCY_GOAL),
    ];
  } finally {
    for (const child of children)
      if (child.connected) child.disconnect();
      else child.kill();
  }
}

async function measure<T extends Record<string, number | undefined>>(
  targets: T,
  connections: number,
): Promise<T> {
  const entries = Object.entries(targets).flatMap(([name, port]) =>
    port === undefined ? [] : [[name, port] as const],
  );
  const results = new Map<string, number[]>(entries.map(([name]) => [name, []]));
  for (const [, port] of entries) await load(port, connections, WARM_UP_MS);
  // In turns, so that a neighbour's noise falls on all alike.
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, port] of entries)
      results.get(name)!.push(await load(port, connections, ROUND_MS));
  return Object.fromEntries([...results].map(([name, values]) => [name, median(values)])) as T;
}

/** Requests per second with one request in flight per connection. */
function load(port: number, connections: number, durationMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    const startNs = process.hrtime.bigint();
    const sockets = Array.from({ length: connections }, () => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      let expected = 0;
      let received = 0;
      socket.on('connect', () => socket.write(request, 'latin1'));
      socket.on('error', reject);
      socket.on('data', (bytes: Buffer) => {
        received += bytes.length;
        // Responses of one target are all alike: the first one tells how long they are.
        if (expected === 0) expected = responseBytes(bytes);
        if (received < expected) return;
        received = 0;
        count += 1;
        socket.write(request, 'latin1');
      });
      return socket;
    });
    setTimeout(() => {
      const seconds = Number(process.hrtime.bigint() - startNs) / 1e9;
      for (const socket of sockets) socket.destroy();
      resolve(count / seconds);
    }, durationMs);
  });
}

function responseBytes(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  if (!text.startsWith('HTTP/1.1 200') || length === undefined)
    throw new Error(`unexpected response: ${text.slice(0, 200)}`);
  return text.indexOf('\r\n\r\n') + 4 + Number(length);
}

async function start(children: ChildProcess[], role: string, upstream?: number): Promise<number> {
  const file = fileURLToPath(
    new URL(`./support/gateway-process${extname(import.meta.url)}`, import.meta.url),
  );
  const child = fork(file, [role, ...(upstream === undefined ? [] : [String(upstream)])]);
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('exit', (code) => reject(new Error(`${role} exited with ${code ?? 'a signal'}`)));
  });
}

type Comparison = NonNullable<Figure['comparison']>;

function rate(figure: string, value: number, comparison: Comparison, goal: number): Figure {
  const ratio = value / comparison.value;
  return {
    figure: `${figure}, ${CONNECTIONS} connections`,
    value: Math.round(value),
    unit: 'requests/s',
    comparison: { ...comparison, value: Math.round(comparison.value) },
    ratio: round2(ratio),
    goal: `a ratio of at least ${goal}`,
    met: ratio >= goal,
    runs: ROUNDS,
  };
}

/** With one connection the mean time of a request is the inverse of the rate. */
function latency(gatewayRate: number, direct: Comparison, goal: number): Figure {
  const toUs = (perSecond: number): number => Math.round(1e6 / perSecond);
  const ratio = direct.value / gatewayRate;
  return {
    figure: 'gateway mean latency, 1 connection',
    value: toUs(gatewayRate),
    unit: 'us',
    comparison: { name: direct.name, value: toUs(direct.value) },
    ratio: round2(ratio),
    goal: `a ratio of at most ${goal}`,
    met: ratio <= goal,
    runs: ROUNDS,
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const round2 = (value: number): number => Math.round(value * 100) / 100;
