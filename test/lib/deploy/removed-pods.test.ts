import assert from 'node:assert/strict';
import { selectRemovedPods } from '../../../lib/deploy/removed-pods.ts';
import type { Event } from '../../../runtime/apis/core/types.ts';
import { childName } from '../../../runtime/apis/meta/child-name.ts';

const started = (pod: string, second: number, container = 'user-container'): Event => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: `${pod}.${container}`, namespace: 'shop' },
  involvedObject: {
    kind: 'Pod',
    namespace: 'shop',
    name: pod,
    uid: `uid-of-${pod}`,
    fieldPath: `spec.containers{${container}}`,
  },
  reason: 'Started',
  firstTimestamp: `2026-01-31T08:00:0${second}Z`,
});

const select = (
  events: Event[],
  options: Partial<Parameters<typeof selectRemovedPods>[1]> = {},
): string[] =>
  selectRemovedPods(events, {
    services: ['cart', 'cart-00001', 'billing'],
    presentUids: new Set(),
    revisions: [],
    ...options,
  }).map(({ service, name }) => `${service}: ${name}`);

describe('The removed pods of functions', () => {
  const pod = 'cart-00003-deployment-5d9c7b4f8d-abcde';

  it('are found by the Events of their containers, in the order of their starts', () => {
    const other = 'billing-00001-deployment-5d9c7b4f8d-fghij';
    assert.deepEqual(select([started(other, 5), started(pod, 3)]), [
      `cart: ${pod}`,
      `billing: ${other}`,
    ]);
  });

  it('are each there once, whatever containers and restarts they had', () => {
    const events = [started(pod, 1, 'queue-proxy'), started(pod, 1), started(pod, 2)];
    assert.deepEqual(select(events), [`cart: ${pod}`]);
  });

  it('are not those that still exist, and not those of anybody else', () => {
    assert.deepEqual(select([started(pod, 1)], { presentUids: new Set([`uid-of-${pod}`]) }), []);
    const strangers = ['cart-00003-x', 'cart-deployment-1-a', 'cartoon-00001-deployment-1-a', 'x'];
    assert.deepEqual(select(strangers.map((name) => started(name, 1))), []);
  });

  it('belong to the function whose revision it is, also where one name begins with another', () => {
    const ambiguous = 'cart-00001-00002-deployment-5d9c7b4f8d-abcde';
    assert.deepEqual(select([started(ambiguous, 1)]), [`cart-00001: ${ambiguous}`]);
  });

  it('are known by a revision of any name, and by one too long for its pods', () => {
    const revision = `cart-${'very-long-'.repeat(5)}name`;
    const deployment = childName(revision, '-deployment');
    const long = `${`${deployment}-5d9c7b4f8d`.slice(0, 57)}-abcde`;
    assert.deepEqual(select([started(long, 1)]), []);
    const revisions = [{ name: revision, service: 'cart' }];
    assert.deepEqual(select([started(long, 1)], { revisions }), [`cart: ${long}`]);
  });

  it('are the newest 200', () => {
    const many = Array.from({ length: 203 }, (_one, index) => {
      const event = started(`cart-00001-deployment-x-${index}`, 0);
      return { ...event, firstTimestamp: new Date(1e12 + index * 1000).toISOString() };
    });
    const found = select(many);
    assert.deepEqual([found.length, found[0]], [200, 'cart: cart-00001-deployment-x-3']);
  });
});
