/** The stream on which gateways report. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import type { StatMessage } from '../../runtime/apis/autoscaling/stat.ts';
import { parseStatMessage } from '../../runtime/autoscaler/parse-stat-message.ts';
import { StatCollector } from '../../runtime/autoscaler/stat-collector.ts';
import { startStatServer } from '../../runtime/autoscaler/stat-server.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const line = (queued: number, key = 'ns/r'): string =>
  `${JSON.stringify({ gateway: 'g', timestampMs: 1, poke: true, stats: [{ key, averageConcurrentRequests: 1, requestCount: 1, queued }] })}\n`;

describe('the stat server', () => {
  const seen: string[] = [];
  let waiter: (() => void) | undefined;
  const note = (what: string): void => {
    seen.push(what);
    waiter?.();
  };
  const until = async (what: string): Promise<void> => {
    while (!seen.includes(what))
      await new Promise<void>((resolve) => {
        waiter = resolve;
      });
  };
  let server: Awaited<ReturnType<typeof startStatServer>>;
  const post = (): http.ClientRequest => {
    const request = http.request({
      port: server.port,
      method: 'POST',
      path: '/stats',
      agent: false,
    });
    request.on('error', () => undefined);
    return request;
  };

  before(async () => {
    server = await startStatServer({
      port: 0,
      logger: silentLogger,
      listener: {
        onConnect: () => note('connect'),
        onMessage: (_connection, message) => note(`queued ${message.stats[0]?.queued}`),
        onDisconnect: () => note('disconnect'),
      },
    });
  });
  beforeEach(() => {
    seen.length = 0;
  });
  after(() => server.close());

  it('hands on each line as it comes, however it is cut', async () => {
    const request = post();
    const text = line(7);
    request.write(text.slice(0, 20));
    await until('connect');
    request.write(text.slice(20) + line(8));
    await until('queued 8');
    assert.deepEqual(seen, ['connect', 'queued 7', 'queued 8']);
    request.destroy();
    await until('disconnect');
  });

  it('answers 400 to what is no report', async () => {
    const request = post();
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    request.write('{"stats":[{"key":"no-slash"}]}\n');
    const [response] = await answered;
    response.resume();
    assert.equal(response.statusCode, 400);
    await until('disconnect');
  });

  it('answers 200 when the stream ends', async () => {
    const request = post();
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    request.end(line(1));
    const [response] = await answered;
    response.resume();
    assert.equal(response.statusCode, 200);
  });
});

describe('parseStatMessage', () => {
  it('refuses numbers that are none', () => {
    assert.throws(() => parseStatMessage(line(-1)), /"queued" of a stat message must be a number/);
    assert.throws(() => parseStatMessage('[]'), /a list "stats"/);
    assert.throws(() => parseStatMessage('{'), SyntaxError);
  });
});

describe('the stat collector', () => {
  const spec = {
    metric: 'concurrency',
    stableWindowMs: 60_000,
    panicWindowMs: 6_000,
    aggregation: 'linear',
  } as const;
  const report = (queued: number, concurrency: number, poke = false): StatMessage => ({
    gateway: 'g',
    timestampMs: 0,
    poke,
    stats: [{ key: 'ns/r', averageConcurrentRequests: concurrency, requestCount: 0, queued }],
  });
  const [one, two] = [{}, {}];
  const now = 1_000_000;

  it('knows nothing, rather than zero, while no gateway is connected', () => {
    const collector = new StatCollector();
    collector.track('ns/r', spec);
    assert.equal(collector.read('ns/r', now), undefined);
    collector.connect(one, now);
    collector.recordSilence('ns/r', now);
    assert.deepEqual(collector.read('ns/r', now), { stable: 0, panic: 0, queued: 0 });
    collector.disconnect(one);
    assert.equal(collector.read('ns/r', now), undefined);
  });

  it('knows nothing of a revision that has had neither a request nor a pod', () => {
    const collector = new StatCollector();
    collector.track('ns/r', spec);
    collector.connect(one, now);
    assert.equal(collector.read('ns/r', now), undefined);
    collector.record(one, report(1, 0), now);
    assert.deepEqual(collector.read('ns/r', now), { stable: 0, panic: 0, queued: 1 });
  });

  it('adds up what several gateways report, and forgets what a lost one had waiting', () => {
    const collector = new StatCollector();
    collector.track('ns/r', spec);
    for (const [connection, amount] of [
      [one, 3],
      [two, 4],
    ] as const) {
      collector.connect(connection, now);
      collector.record(connection, report(amount, amount), now);
    }
    assert.deepEqual(collector.read('ns/r', now), { stable: 7, panic: 7, queued: 7 });
    collector.disconnect(one);
    assert.equal(collector.queued('ns/r', now), 4);
  });

  it('takes what a report in turn leaves out as not waiting', () => {
    const collector = new StatCollector();
    collector.connect(one, now);
    collector.record(one, report(3, 3, true), now);
    collector.record(one, { ...report(0, 0), stats: [] }, now);
    assert.equal(collector.queued('ns/r', now), 0);
  });

  it('does not believe for longer than 10 s that something waits', () => {
    const collector = new StatCollector();
    collector.connect(one, now);
    collector.record(one, report(3, 3, true), now);
    assert.equal(collector.queued('ns/r', now + 9_999), 3);
    assert.equal(collector.queued('ns/r', now + 10_000), 0);
  });
});
