/** Whatever is done to a Service, the plans come to rest, and rest means that they want nothing. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isObjectReady } from '../../runtime/apis/meta/condition.ts';
import type { Service } from '../../runtime/apis/serving/types.ts';
import { revisionKind, serviceKind } from '../../runtime/apis/serving/types.ts';
import { World, makeService } from './world.ts';

const serviceOf = (choice: {
  image: number;
  label: number;
  split: number;
  tag: boolean;
  named: boolean;
}): Service => {
  const { image, label, split, tag, named } = choice;
  const first = { revisionName: 'hello-00001', percent: split, ...(tag ? { tag: 'one' } : {}) };
  return makeService('hello', {
    image: `knit.local/hello:${image}`,
    ...(named ? { templateName: `hello-v${image}` } : {}),
    labels: { team: String(label) },
    ...(split > 0 ? { traffic: [first, { latestRevision: true, percent: 100 - split }] } : {}),
  });
};

const change = fc.record({
  image: fc.integer({ min: 1, max: 4 }),
  label: fc.integer({ min: 1, max: 2 }),
  split: fc.constantFrom(0, 0, 30, 100),
  tag: fc.boolean(),
  named: fc.boolean(),
});

describe('the plans of Serving', () => {
  it('want nothing more once the world has settled, after any series of changes', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.boolean(), (changes, isSecondBroken) => {
        const world = new World();
        if (isSecondBroken) world.broken.add('hello-00002');
        world.put(serviceKind, makeService('hello'));
        world.settle();
        for (const choice of changes) {
          world.put(serviceKind, serviceOf(choice));
          world.settle();
        }
        world.nowMs += 3_600_000;
        const actions = world.plans().flatMap((plan) => plan.actions);
        assert.deepEqual(actions, []);
        if (!isSecondBroken) assert.equal(isObjectReady(world.must(serviceKind, 'hello')), true);
      }),
      { numRuns: 60 },
    );
  });

  it('make the same of the same, twice in a row', () => {
    const world = new World();
    world.put(serviceKind, makeService('hello'));
    const once = world.plans();
    assert.deepEqual(world.plans(), once);
  });

  it('recreate a revision that somebody deletes', () => {
    const world = new World();
    world.put(serviceKind, makeService('hello'));
    world.settle();
    world.apply({ type: 'delete', kind: revisionKind, namespace: 'ns', name: 'hello-00001' });
    world.settle();
    assert.equal(isObjectReady(world.must(serviceKind, 'hello')), true);
  });
});
