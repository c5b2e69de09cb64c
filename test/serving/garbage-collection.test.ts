/** Which old revisions go. */
import assert from 'node:assert/strict';
import type { Configuration, Revision } from '../../runtime/apis/serving/types.ts';
import { collectRevisions } from '../../runtime/serving/configuration/garbage-collection.ts';
import type { GarbageCollectionConfig } from '../../runtime/apis/serving/config-gc.ts';
import { defaultGarbageCollection } from '../../runtime/apis/serving/config-gc.ts';

const HOUR_MS = 3_600_000;
const now = Date.parse('2026-03-01T00:00:00Z');

const revision = (
  number: number,
  options: { state?: string; ageHours: number; noGc?: boolean },
): Revision => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Revision',
  metadata: {
    name: `r-${number}`,
    namespace: 'ns',
    creationTimestamp: new Date(now - options.ageHours * HOUR_MS).toISOString(),
    labels: { 'serving.knative.dev/routingState': options.state ?? 'reserve' },
    annotations: options.noGc ? { 'serving.knative.dev/no-gc': 'true' } : {},
  },
  spec: { containers: [] },
});
const configuration: Configuration = {
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Configuration',
  metadata: { name: 'r', namespace: 'ns' },
  spec: { template: { spec: { containers: [] } } },
  status: { latestReadyRevisionName: 'r-0' },
};
const collect = (revisions: Revision[], config: Partial<GarbageCollectionConfig> = {}): string[] =>
  collectRevisions(
    { configuration, revisions },
    { ...defaultGarbageCollection, ...config },
    now,
  ).map(({ metadata }) => metadata.name);
const many = (count: number, ageHours: (number: number) => number): Revision[] =>
  Array.from({ length: count }, (_, index) =>
    revision(index + 1, { ageHours: ageHours(index + 1) }),
  );

describe('garbage collection of revisions', () => {
  it('keeps the newest 20 that nobody uses', () => {
    assert.deepEqual(collect(many(23, (number) => 1_000 - number)), ['r-1', 'r-2', 'r-3']);
  });
  it('keeps what is younger than 48 h', () => {
    assert.deepEqual(collect(many(25, (number) => (number <= 2 ? 49 : 47))), ['r-1', 'r-2']);
  });
  it('keeps what is routed to, pending, exempt, or the latest ready', () => {
    const old = { ageHours: 10_000 };
    const kept = [
      revision(0, old),
      revision(1, { ...old, state: 'active' }),
      revision(2, { ...old, state: 'pending' }),
      revision(3, { ...old, noGc: true }),
    ];
    assert.deepEqual(collect([...kept, revision(4, old)], { minNonActive: 0 }), ['r-4']);
  });
  it('deletes the oldest beyond the maximum, whatever their age', () => {
    assert.deepEqual(
      collect(
        many(5, (number) => 10 - number),
        { minNonActive: 0, maxNonActive: 3 },
      ),
      ['r-1', 'r-2'],
    );
  });
  it('deletes at once with no minimum, a maximum of 0 and no ages', () => {
    const config = {
      minNonActive: 0,
      maxNonActive: 0,
      retainSinceCreateMs: undefined,
      retainSinceLastActiveMs: undefined,
    };
    assert.equal(
      collect(
        many(3, () => 0),
        config,
      ).length,
      3,
    );
  });
  it('is off when everything is disabled', () => {
    const config = {
      maxNonActive: undefined,
      retainSinceCreateMs: undefined,
      retainSinceLastActiveMs: undefined,
    };
    assert.deepEqual(
      collect(
        many(50, () => 10_000),
        config,
      ),
      [],
    );
  });
});
