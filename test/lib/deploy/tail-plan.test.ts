import assert from 'node:assert/strict';
import { TailPlan, type TailStep } from '../../../lib/deploy/tail-plan.ts';
import type { Pod } from '../../../runtime/apis/core/types.ts';

const pod = (state?: 'running' | 'waiting' | 'terminated', restartCount = 0, uid = 'a'): Pod =>
  ({
    metadata: { name: uid, uid },
    spec: { containers: [{ name: 'c', image: 'i' }] },
    status: state ? { containerStatuses: [{ restartCount, state: { [state]: {} } }] } : {},
  }) as unknown as Pod;

describe('What --tail reads', () => {
  let plan: TailPlan;
  const next = (type: 'added' | 'updated' | 'deleted', object: Pod): TailStep[] =>
    plan.next(type, object);
  beforeEach(() => (plan = new TailPlan()));

  it('is a pod while it runs, and not again when it changes or goes', () => {
    assert.deepEqual(next('added', pod()), []);
    assert.deepEqual(next('updated', pod('running')), ['follow']);
    assert.deepEqual(next('updated', pod('running')), []);
    plan.end('follow');
    assert.deepEqual(next('updated', pod('running')), []);
    assert.deepEqual(next('deleted', pod('running')), []);
  });

  it('is what is left of a pod that was never seen running', () => {
    assert.deepEqual(next('added', pod()), []);
    assert.deepEqual(next('deleted', pod('terminated')), ['whole']);
    assert.deepEqual(next('deleted', pod('terminated')), []);
  });

  it('is each attempt of a container once, also one that was too short to be seen', () => {
    assert.deepEqual(next('added', pod('running', 0)), ['follow']);
    assert.deepEqual(next('updated', pod('waiting', 1)), []);
    assert.deepEqual(next('updated', pod('running', 1)), ['follow']);
    assert.deepEqual(next('updated', pod('waiting', 3)), ['previous']);
    assert.deepEqual(next('updated', pod('running', 3)), ['follow']);
  });

  it('is at most 64 pods at once, and the others when they are gone', () => {
    for (let index = 0; index < 64; index++)
      assert.deepEqual(next('added', pod('running', 0, `p${index}`)), ['follow']);
    assert.deepEqual(next('added', pod('running', 0, 'late')), []);
    assert.deepEqual(next('deleted', pod('running', 0, 'late')), ['whole']);
    plan.end('follow');
    assert.deepEqual(next('added', pod('running', 0, 'later')), ['follow']);
  });
});
