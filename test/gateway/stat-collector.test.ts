import assert from 'node:assert/strict';
import { ConcurrencyMeter } from '../../runtime/gateway/concurrency-meter.ts';
import type { RevisionTraffic } from '../../runtime/gateway/revision-traffic.ts';
import { RequestMetrics } from '../../runtime/gateway/request-metrics.ts';
import { StatCollector } from '../../runtime/gateway/stat-collector.ts';
import { Throttler } from '../../runtime/gateway/throttler.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';

describe('concurrency meter', () => {
  it('weighs concurrency by time: 2 for 250 ms and 1 for 500 ms of a second is 1', () => {
    const meter = new ConcurrencyMeter(0);
    meter.enter(0);
    meter.enter(0);
    meter.exit(250);
    meter.exit(750);
    assert.deepEqual(meter.read(1_000), { averageConcurrentRequests: 1, requestCount: 2 });
    assert.deepEqual(meter.read(2_000), { averageConcurrentRequests: 0, requestCount: 0 });
  });

  it('counts a request that lasts over several periods in each, and its arrival once', () => {
    const meter = new ConcurrencyMeter(0);
    meter.enter(500);
    assert.deepEqual(meter.read(1_000), { averageConcurrentRequests: 0.5, requestCount: 1 });
    assert.deepEqual(meter.read(2_000), { averageConcurrentRequests: 1, requestCount: 0 });
  });
});

describe('stat collector', () => {
  let clock: FakeClock;
  let traffic: RevisionTraffic;
  let meter: ConcurrencyMeter;
  let stats: StatCollector;

  beforeEach(() => {
    clock = new FakeClock(0);
    meter = new ConcurrencyMeter(0);
    const throttler = new Throttler({
      containerConcurrency: 0,
      clock,
      random: () => 0,
      onStarved: () => undefined,
    });
    traffic = {
      key: 'ns/rev',
      namespace: 'ns',
      name: 'rev',
      throttler,
      meter,
      metrics: new RequestMetrics(),
      labels: { service: '', configuration: '' },
    };
    stats = new StatCollector('gateway-1');
  });

  it('reports a revision with traffic, once more with zeros, then not at all', () => {
    meter.enter(0);
    meter.exit(500);
    assert.deepEqual(stats.collect([traffic], 1_000), {
      gateway: 'gateway-1',
      timestampMs: 1_000,
      poke: false,
      stats: [{ key: 'ns/rev', averageConcurrentRequests: 0.5, requestCount: 1, queued: 0 }],
    });
    assert.equal(stats.collect([traffic], 2_000)?.stats[0]?.averageConcurrentRequests, 0);
    assert.equal(stats.collect([traffic], 3_000), undefined);
  });

  it('pokes with one request and takes it off the next report', () => {
    meter.enter(0);
    assert.equal(stats.poke(traffic, 0)?.stats[0]?.requestCount, 1);
    assert.equal(stats.poke(traffic, 1), undefined);
    const report = stats.collect([traffic], 1_000);
    assert.deepEqual(report?.stats[0], {
      key: 'ns/rev',
      averageConcurrentRequests: 0,
      requestCount: 0,
      queued: 0,
    });
    assert.equal(stats.collect([traffic], 2_000)?.stats[0]?.averageConcurrentRequests, 1);
  });

  it('tells a new autoscaler of every revision whose requests wait', () => {
    assert.equal(stats.waiting([traffic], 0), undefined);
    meter.enter(0);
    traffic.throttler.acquire({ onPod: () => undefined });
    const message = stats.waiting([traffic], 0);
    assert.equal(message?.poke, true);
    assert.equal(message.stats[0]?.queued, 1);
  });
});
