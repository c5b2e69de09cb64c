import assert from 'node:assert/strict';
import { mapBounded } from '../../../lib/deploy/map-bounded.ts';

describe('tasks, so many at a time', () => {
  it('give their results in the order of the items, never more than the limit under way', async () => {
    let underWay = 0;
    let most = 0;
    const results = await mapBounded([3, 1, 2], 2, async (item) => {
      most = Math.max(most, ++underWay);
      for (let i = 0; i < item; i++) await Promise.resolve();
      underWay--;
      return item * 10;
    });
    assert.deepEqual(results, [30, 10, 20]);
    assert.equal(most, 2);
  });

  it('throw the first error after the others have ended, and start no more', async () => {
    const ended: string[] = [];
    const started: string[] = [];
    const run = mapBounded(['fails', 'waits', 'never'], 2, async (item, signal) => {
      started.push(item);
      if (item === 'fails') throw new Error('first');
      await new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      );
      ended.push(item);
      throw new Error('second');
    });
    await assert.rejects(run, /first/);
    assert.deepEqual([started, ended], [['fails', 'waits'], ['waits']]);
  });
});
