import assert from 'node:assert/strict';
import { GatewayError } from '../../runtime/gateway/gateway-error.ts';
import type { PodTarget } from '../../runtime/gateway/pod-target.ts';
import { Throttler } from '../../runtime/gateway/throttler.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { seededRandom } from '../../runtime/std/random.ts';

const pod = (name: string): { name: string; address: { host: string; port: number } } => ({
  name,
  address: { host: '127.0.0.1', port: 1 },
});

class Request {
  pod: PodTarget | undefined;
  onPod(granted: PodTarget): void {
    this.pod = granted;
  }
}

describe('throttler', () => {
  let clock: FakeClock;
  let starved: number;
  const make = (containerConcurrency: number, queueDepthMax?: number): Throttler =>
    new Throttler({
      containerConcurrency,
      clock,
      random: seededRandom(7),
      onStarved: () => (starved += 1),
      ...(queueDepthMax === undefined ? {} : { queueDepthMax }),
    });
  const ask = (throttler: Throttler): Request => {
    const request = new Request();
    request.pod = throttler.acquire(request);
    return request;
  };

  beforeEach(() => {
    clock = new FakeClock();
    starved = 0;
  });

  describe('with no pod', () => {
    it('queues and says so for each request', () => {
      const throttler = make(0);
      ask(throttler);
      ask(throttler);
      assert.equal(throttler.queued, 2);
      assert.equal(starved, 2);
    });

    it('serves in the order of arrival when a pod comes', () => {
      const throttler = make(1);
      const [first, second] = [ask(throttler), ask(throttler)];
      throttler.setPods([pod('a')]);
      assert.equal(first.pod?.name, 'a');
      assert.equal(second.pod, undefined);
      throttler.release(first.pod);
      assert.equal(second.pod!.name, 'a');
    });

    it('forgets a request that was cancelled', () => {
      const throttler = make(1);
      const [first, second] = [ask(throttler), ask(throttler)];
      assert.equal(throttler.cancel(first), true);
      throttler.setPods([pod('a')]);
      assert.equal(first.pod, undefined);
      assert.equal(second.pod?.name, 'a');
    });

    it("refuses beyond the depth of the queue with Knative's text", () => {
      const throttler = make(0, 2);
      ask(throttler);
      ask(throttler);
      assert.throws(
        () => ask(throttler),
        (error: GatewayError) => {
          assert.equal(error.status, 503);
          assert.equal(error.message, 'pending request queue full');
          return true;
        },
      );
    });

    it('says so again when the last pod goes while requests wait', () => {
      const throttler = make(1);
      throttler.setPods([pod('a')]);
      ask(throttler);
      ask(throttler);
      assert.equal(starved, 0);
      throttler.setPods([]);
      assert.equal(starved, 1);
    });
  });

  describe('with a limit per pod', () => {
    it('never exceeds it and goes round', () => {
      const throttler = make(2);
      throttler.setPods([pod('a'), pod('b')]);
      const names = [1, 2, 3, 4].map(() => ask(throttler).pod?.name);
      assert.deepEqual(names, ['a', 'b', 'a', 'b']);
      assert.equal(ask(throttler).pod, undefined);
      assert.equal(throttler.inFlight, 4);
    });

    it('counts what is in a pod that stays when others come and go', () => {
      const throttler = make(1);
      throttler.setPods([pod('a')]);
      ask(throttler);
      throttler.setPods([pod('a'), pod('b')]);
      assert.equal(ask(throttler).pod?.name, 'b');
      assert.equal(ask(throttler).pod, undefined);
    });

    it('gives a slot that ends in a pod that is gone to nobody', () => {
      const throttler = make(1);
      throttler.setPods([pod('a')]);
      const first = ask(throttler);
      const second = ask(throttler);
      throttler.setPods([]);
      throttler.release(first.pod!);
      assert.equal(second.pod, undefined);
      assert.equal(first.pod?.isGone, true);
    });

    it('lets nobody overtake those that wait', () => {
      const throttler = make(1);
      throttler.setPods([pod('a')]);
      const first = ask(throttler);
      const second = ask(throttler);
      const third = ask(throttler);
      throttler.release(first.pod!);
      assert.ok(second.pod);
      assert.equal(third.pod, undefined);
    });
  });

  describe('without a limit', () => {
    it('prefers the pod of two with less to do', () => {
      const throttler = make(0);
      throttler.setPods([pod('a'), pod('b')]);
      const counts: Record<string, number> = { a: 0, b: 0 };
      for (let count = 0; count < 100; count++) counts[ask(throttler).pod!.name]! += 1;
      assert.deepEqual(counts, { a: 50, b: 50 });
    });
  });

  describe('when a pod cannot be reached', () => {
    it('passes it over for 50 ms, then twice as long each time', () => {
      const throttler = make(1);
      throttler.setPods([pod('a'), pod('b')]);
      const first = ask(throttler);
      assert.equal(first.pod?.name, 'a');
      throttler.releaseUnreachable(first.pod);
      assert.equal(ask(throttler).pod?.name, 'b');
      const waiting = ask(throttler);
      assert.equal(waiting.pod, undefined);
      clock.advance(50);
      const again = waiting.pod as PodTarget | undefined;
      assert.equal(again?.name, 'a');
      throttler.releaseUnreachable(again);
      const later = ask(throttler);
      clock.advance(99);
      assert.equal(later.pod, undefined);
      clock.advance(1);
      assert.ok(later.pod);
    });
  });
});
