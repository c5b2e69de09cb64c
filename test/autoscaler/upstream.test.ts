/** Windows and decisions agree with what upstream's own autoscaler was recorded to say of the same load. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { decide, initialDeciderState } from '../../runtime/autoscaler/decide.ts';
import { MetricWindow } from '../../runtime/autoscaler/metric-window.ts';
import { decideCases, windowCases } from '../apis/serving/upstream/autoscaler-cases.ts';

interface Recorded<T> {
  readonly title: string;
  readonly results: readonly T[];
}

const recordedIn = <T>(file: string): readonly Recorded<T>[] =>
  JSON.parse(
    readFileSync(new URL(`../apis/serving/upstream/${file}`, import.meta.url), 'utf8'),
  ) as readonly Recorded<T>[];

/** Upstream rounds linear averages to this, and sums in another order. */
const TOLERANCE = 2e-6;

describe("Upstream's windows", () => {
  const recorded = recordedIn<number | null>('windows.json');
  for (const [index, { title, aggregation, windowSeconds, steps }] of windowCases.entries())
    it(`average as ours: ${title}`, () => {
      assert.equal(recorded[index]?.title, title);
      const window = new MetricWindow(windowSeconds * 1_000, aggregation);
      const answers: (number | undefined)[] = [];
      for (const { atMs, value } of steps)
        if (value !== undefined) window.record(atMs, value);
        else answers.push(window.average(atMs));
      assert.equal(answers.length, recorded[index]?.results.length);
      for (const [at, theirs] of (recorded[index]?.results ?? []).entries()) {
        const ours = answers[at];
        if (theirs === null) assert.equal(ours, undefined, `question ${at}`);
        else assert.ok(Math.abs((ours ?? NaN) - theirs) < TOLERANCE, `${at}: ${ours}, ${theirs}`);
      }
    });
});

describe("Upstream's decisions", () => {
  const recorded = recordedIn<number>('decisions.json');
  for (const [index, { title, spec, steps }] of decideCases.entries())
    it(`are ours: ${title}`, () => {
      assert.equal(recorded[index]?.title, title);
      // Watched since long ago, and with nothing waiting, which upstream does not know.
      const watchedSinceMs = 0;
      let state = initialDeciderState(0, steps[0]?.atMs ?? 0);
      const ours = steps.map(({ atMs, ...load }) => {
        const decision = decide(spec, { ...load, queued: 0, watchedSinceMs }, state, atMs);
        ({ state } = decision);
        return decision.desired;
      });
      assert.deepEqual(ours, recorded[index]?.results);
    });
});
