/** The KPA's decision, number by number. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { DeciderSpec, Demand } from '../../runtime/autoscaler/decide.ts';
import { decide, initialDeciderState } from '../../runtime/autoscaler/decide.ts';

const spec: DeciderSpec = {
  targetValue: 70,
  panicThreshold: 2,
  stableWindowMs: 60_000,
  maxScaleUpRate: 1_000,
  maxScaleDownRate: 2,
  activationScale: 0,
  scaleDownDelayMs: 0,
  isReachable: true,
};
const now = 10_000_000;
const demand = (given: Partial<Demand>): Demand => ({
  stable: 0,
  panic: 0,
  queued: 0,
  readyPods: 1,
  watchedSinceMs: 0,
  ...given,
});
const calm = initialDeciderState(0, now);
const desired = (given: Partial<Demand>, options: Partial<DeciderSpec> = {}): number =>
  decide({ ...spec, ...options }, demand(given), calm, now).desired;

describe('decide', () => {
  describe('in the stable state', () => {
    for (const [title, given, options, expected] of [
      ['wants one pod per 70 requests at once', { stable: 140, panic: 140, readyPods: 2 }, {}, 2],
      ['rounds up', { stable: 141, panic: 141, readyPods: 2 }, {}, 3],
      [
        'grows by the rate at most',
        { stable: 7_000, panic: 0, readyPods: 1 },
        { maxScaleUpRate: 10 },
        10,
      ],
      ['halves at most', { stable: 70, readyPods: 10 }, {}, 5],
      ['reaches zero from one pod', { readyPods: 1 }, {}, 0],
      ['drops at once what no Route reaches', { readyPods: 10 }, { isReachable: false }, 0],
      [
        'goes to the activation scale on any demand',
        { stable: 1, readyPods: 0 },
        { activationScale: 4 },
        4,
      ],
      [
        'stays at zero without demand, whatever the activation scale',
        { readyPods: 0 },
        { activationScale: 4 },
        0,
      ],
    ] as [string, Partial<Demand>, Partial<DeciderSpec>, number][])
      it(title, () => assert.equal(desired(given, options), expected));
  });

  describe('when requests wait', () => {
    it('wants a pod, though the windows know of nothing', () => {
      assert.equal(desired({ queued: 1, readyPods: 0 }), 1);
    });
    it('wants a pod for a revision that no Route reaches', () => {
      assert.equal(desired({ queued: 1, readyPods: 0 }, { isReachable: false }), 1);
    });
  });

  describe('when demand has been watched for less than the stable window', () => {
    it('keeps the last pod, since it cannot know that it was idle', () => {
      assert.equal(desired({ readyPods: 1, watchedSinceMs: now - 59_000 }), 1);
      assert.equal(desired({ readyPods: 1, watchedSinceMs: now - 60_000 }), 0);
    });
  });

  describe('when the panic window exceeds twice the ready pods', () => {
    const burst = decide(spec, demand({ stable: 70, panic: 700, readyPods: 1 }), calm, now);

    it('scales to 10 pods at once', () => assert.equal(burst.desired, 10));

    it('holds them for the stable window and not longer', () => {
      const quiet = demand({ stable: 70, panic: 0, readyPods: 10 });
      const held = decide(spec, quiet, burst.state, now + 60_000);
      assert.equal(held.desired, 10);
      const over = decide(spec, quiet, held.state, now + 60_001);
      assert.equal(over.desired, 5);
      assert.equal(over.state.panicSinceMs, undefined);
    });

    it('extends the panic for as long as it is over', () => {
      const again = decide(
        spec,
        demand({ panic: 2_000, readyPods: 10 }),
        burst.state,
        now + 50_000,
      );
      assert.equal(again.desired, 29);
      const later = decide(spec, demand({ readyPods: 29 }), again.state, now + 100_000);
      assert.equal(later.desired, 29);
    });
  });

  it('begins in panic when it finds several pods, so as not to drop them', () => {
    const found = initialDeciderState(5, now);
    assert.equal(decide(spec, demand({ readyPods: 5 }), found, now + 60_000).desired, 5);
    assert.equal(decide(spec, demand({ readyPods: 5 }), found, now + 60_001).desired, 2);
  });

  it('holds the highest decision of the scale-down delay', () => {
    const delayed = { ...spec, scaleDownDelayMs: 10_000 };
    const high = decide(delayed, demand({ stable: 280, readyPods: 4 }), calm, now);
    const low = decide(delayed, demand({ stable: 140, readyPods: 4 }), high.state, now + 9_999);
    assert.equal(low.desired, 4);
    const after = decide(delayed, demand({ stable: 140, readyPods: 4 }), low.state, now + 10_000);
    assert.equal(after.desired, 2);
  });

  it('never answers a waiting request with zero, nor leaves its bounds', () => {
    const amount = fc.double({ min: 0, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(
        amount,
        amount,
        fc.nat({ max: 50 }),
        fc.nat({ max: 200 }),
        fc.boolean(),
        (stable, panic, queued, readyPods, isReachable) => {
          const result = decide(
            { ...spec, isReachable },
            demand({ stable, panic, queued, readyPods }),
            initialDeciderState(readyPods, now),
            now,
          ).desired;
          assert.equal(Number.isInteger(result), true);
          if (queued > 0) assert.equal(result >= 1, true);
          assert.equal(result <= 1_000 * Math.max(1, readyPods), true);
        },
      ),
    );
  });
});
