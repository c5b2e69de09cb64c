import assert from 'node:assert/strict';
import {
  EVENT_TTL_MS,
  EVENTS_PER_NAMESPACE_MAX,
  selectExpired,
} from '../../runtime/apiserver/event-expiry.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';

const nowMs = Date.parse('2026-01-31T08:00:00Z');
const at = (ms: number): string => new Date(ms).toISOString();
const event = (
  name: string,
  createdMs: number,
  more: object = {},
  namespace = 'a',
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace, creationTimestamp: at(createdMs) },
  ...more,
});
const names = (events: KubeObject[]): string[] => events.map(({ metadata }) => metadata.name);

describe('Events', () => {
  it('expire a day after they were written last', () => {
    const old = nowMs - EVENT_TTL_MS - 1;
    assert.deepEqual(
      names(
        selectExpired(
          [
            event('old', old),
            event('repeated', old, { lastTimestamp: at(nowMs) }),
            event('new style', old, { series: { lastObservedTime: at(nowMs) } }),
            event('at the limit', nowMs - EVENT_TTL_MS),
          ],
          nowMs,
        ),
      ),
      ['old'],
    );
  });

  it('make room, the oldest first, in a namespace that has too many', () => {
    const many = Array.from({ length: EVENTS_PER_NAMESPACE_MAX + 2 }, (_one, index) =>
      event(`e${index}`, nowMs - index),
    );
    const expired = selectExpired([...many, event('other', nowMs - 1e6, {}, 'b')], nowMs);
    assert.deepEqual(names(expired), [
      `e${EVENTS_PER_NAMESPACE_MAX}`,
      `e${EVENTS_PER_NAMESPACE_MAX + 1}`,
    ]);
  });
});
