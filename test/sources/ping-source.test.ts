import assert from 'node:assert/strict';
import type { PingSource } from '../../runtime/apis/sources/types.ts';
import type { CloudEvent } from '../../runtime/cloudevents/cloud-event.ts';
import { validateEvent } from '../../runtime/cloudevents/validate-event.ts';
import { PingAdapter } from '../../runtime/sources/ping/ping-adapter.ts';
import { makePingEvent, planPingSource } from '../../runtime/sources/ping/ping-source.ts';
import { parseSchedule } from '../../runtime/sources/ping/schedule.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const START = Date.parse('2024-05-01T12:00:30Z');
const source = (spec: Partial<PingSource['spec']> = {}): PingSource => ({
  apiVersion: 'sources.knative.dev/v1',
  kind: 'PingSource',
  metadata: { namespace: 'shop', name: 'tick', uid: 'p', generation: 1 },
  spec: { schedule: '* * * * *', sink: { uri: 'http://sink' }, ...spec },
  status: { sinkUri: 'http://sink' },
});

describe('a schedule', () => {
  const rows: readonly (readonly [string, string | undefined, string])[] = [
    ['* * * * *', undefined, '2024-05-01T12:01:00.000Z'],
    ['*/10 * * * * *', undefined, '2024-05-01T12:00:40.000Z'],
    ['@hourly', undefined, '2024-05-01T13:00:00.000Z'],
    ['0 9 * * *', 'Europe/Berlin', '2024-05-02T07:00:00.000Z'],
    ['0 0 13 * FRI', undefined, '2024-05-03T00:00:00.000Z'],
  ];
  for (const [expression, zone, next] of rows)
    it(`${expression}${zone ? ` in ${zone}` : ''} fires next at ${next}`, () => {
      const nextMs = parseSchedule(expression, zone).nextMs(START);
      assert.equal(new Date(nextMs ?? 0).toISOString(), next);
    });
  it('is refused with the reason when it is none', () => {
    assert.throws(() => parseSchedule('61 * * * *', undefined), Error);
    assert.throws(() => parseSchedule('@every 1m', undefined), /@every/);
  });
});

describe('a ping event', () => {
  const options = { id: '1', nowMs: START };
  it('has the type and source of upstream, data and content type', () => {
    const event = makePingEvent(
      source({ data: '{"a":1}', contentType: 'application/json' }),
      options,
    );
    validateEvent(event);
    assert.deepEqual(Object.fromEntries(event.attributes), {
      specversion: '1.0',
      id: '1',
      source: '/apis/v1/namespaces/shop/pingsources/tick',
      type: 'dev.knative.sources.ping',
      datacontenttype: 'application/json',
      time: '2024-05-01T12:00:30.000Z',
    });
    assert.equal(Buffer.from(event.data ?? []).toString(), '{"a":1}');
  });
  it('decodes dataBase64 and lets overrides win', () => {
    const spec = { dataBase64: 'aGk=', ceOverrides: { extensions: { type: 'x', region: 'eu' } } };
    const event = makePingEvent(source(spec), options);
    assert.equal(Buffer.from(event.data ?? []).toString(), 'hi');
    assert.equal(event.attributes.get('type'), 'x');
    assert.equal(event.attributes.get('region'), 'eu');
  });
});

describe('the ping adapter', () => {
  let clock: FakeClock;
  let sent: { url: string; event: CloudEvent; atMs: number }[];
  let status: number | undefined;
  let adapter: PingAdapter;
  beforeEach(() => {
    clock = new FakeClock(START);
    sent = [];
    status = 202;
    adapter = new PingAdapter({
      clock,
      random: () => 0.5,
      logger: silentLogger,
      sender: {
        send: (url, event) => {
          sent.push({ url, event, atMs: clock.now() });
          return Promise.resolve({ status, headers: {}, body: Buffer.alloc(0) });
        },
      },
    });
  });
  afterEach(() => adapter.close());

  it('sends at each tick, 0 to 499 ms late', async () => {
    adapter.set('shop/tick', source());
    await clock.advanceAsync(150_000, 250);
    assert.deepEqual(
      sent.map(({ atMs }) => atMs - START),
      [30_250, 90_250],
    );
    assert.notEqual(sent[0]?.event.attributes.get('id'), sent[1]?.event.attributes.get('id'));
  });
  it('loses no tick when the same source is set again', async () => {
    adapter.set('shop/tick', source());
    await clock.advanceAsync(29_000, 1000);
    adapter.set('shop/tick', source());
    await clock.advanceAsync(2_000, 250);
    assert.equal(sent.length, 1);
  });
  it('follows a changed schedule and stops when removed', async () => {
    adapter.set('shop/tick', source());
    adapter.set('shop/tick', source({ schedule: '*/10 * * * * *' }));
    await clock.advanceAsync(10_250, 250);
    assert.equal(sent.length, 1);
    adapter.remove('shop/tick');
    await clock.advanceAsync(120_000, 1000);
    assert.equal(sent.length, 1);
  });
  it('retries five times from 50 ms, doubling, then gives the tick up', async () => {
    status = 503;
    adapter.set('shop/tick', source());
    await clock.advanceAsync(35_000, 50);
    const delays = sent.map(({ atMs }, index) => atMs - (sent[index - 1]?.atMs ?? atMs));
    assert.deepEqual(delays, [0, 50, 100, 200, 400, 800]);
    assert.equal(new Set(sent.map(({ event }) => event.attributes.get('id'))).size, 1);
  });
  it('does not retry what is refused for good', async () => {
    status = 400;
    adapter.set('shop/tick', source());
    await clock.advanceAsync(35_000, 250);
    assert.equal(sent.length, 1);
  });
  it('makes up for no ticks that fell into a sleep of the machine', async () => {
    adapter.set('shop/tick', source());
    clock.advance(30_000);
    await clock.advanceAsync(1_000, 250);
    sent.length = 0;
    // One timer that fires an hour late.
    const late = new FakeClock(START);
    const lateAdapter = new PingAdapter({
      clock: {
        now: () => late.now(),
        every: late.every.bind(late),
        after: (ms, callback) => late.after(ms + 3_600_000, callback),
      },
      random: () => 0,
      logger: silentLogger,
      sender: {
        send: (url, event) => {
          sent.push({ url, event, atMs: late.now() });
          return Promise.resolve({ status, headers: {}, body: Buffer.alloc(0) });
        },
      },
    });
    lateAdapter.set('shop/tick', source());
    await late.advanceAsync(3 * 3_600_000 + 120_000, 60_000);
    assert(sent.length <= 2);
    await lateAdapter.close();
  });
});

describe('the PingSource controller', () => {
  const observed = {
    source: source(),
    sink: { type: 'resolved', url: 'http://sink' },
    scheduleError: undefined,
  } as const;
  const written = (plan: ReturnType<typeof planPingSource>): PingSource => {
    const [action] = plan.actions;
    assert(action?.type === 'updateStatus');
    return action.object as PingSource;
  };
  it('reports sink, event attributes and readiness', () => {
    const { status } = written(planPingSource(observed, START));
    assert.equal(status?.sinkUri, 'http://sink');
    assert.deepEqual(status?.ceAttributes, [
      { type: 'dev.knative.sources.ping', source: '/apis/v1/namespaces/shop/pingsources/tick' },
    ]);
    assert.deepEqual(
      status?.conditions?.map(({ type, status: state }) => `${type} ${state}`),
      ['Deployed True', 'OIDCIdentityCreated True', 'Ready True', 'SinkProvided True'],
    );
  });
  it('says that the sink is missing, and that the schedule is none', () => {
    const sink = { type: 'unresolved', reason: 'NotFound', message: 'gone' } as const;
    const { status } = written(planPingSource({ ...observed, sink, scheduleError: 'bad' }, START));
    const reasons = status?.conditions?.map(({ type, reason }) => `${type} ${reason ?? ''}`);
    assert(reasons?.includes('SinkProvided SinkNotFound'));
    assert(reasons?.includes('Deployed InvalidSchedule'));
    assert.equal(status?.sinkUri, undefined);
  });
  it('plans nothing on its own result', () => {
    const done = written(planPingSource(observed, START));
    assert.deepEqual(planPingSource({ ...observed, source: done }, START + 1000).actions, []);
  });
});
