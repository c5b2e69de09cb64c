/** Histories of gradual rollouts, made from seeds, for upstream's arithmetic and for ours. */
import { seededRandom } from '../../../../runtime/std/random.ts';
import type { Rollout } from '../../../../runtime/serving/route/rollout.ts';
import { makeRollout } from '../../../../runtime/serving/route/rollout.ts';

export interface RolloutStep {
  readonly goal: Rollout;
  readonly nowNs: number;
  readonly observeReady: boolean;
  readonly durationSeconds: number;
}

export interface RolloutCase {
  readonly title: string;
  readonly kind: 'Rollout';
  readonly steps: readonly RolloutStep[];
}

const SEEDS = 60;
const STEPS = 25;
const START_MS = Date.parse('2026-01-01T00:00:00Z');

function makeCase(seed: number): RolloutCase {
  const random = seededRandom(seed);
  const upTo = (max: number): number => Math.floor(random() * (max + 1));
  const durationSeconds = [10, 60, 120, 600][upTo(3)] ?? 60;
  let nowMs = START_MS;
  let revision = 1;
  let percent = [100, 100, 40, 2, 1][upTo(4)] ?? 100;
  const hasTag = random() < 0.3;
  const steps: RolloutStep[] = [];
  for (let index = 0; index < STEPS; index += 1) {
    if (index > 0 && random() < 0.15) revision += 1;
    if (index > 0 && random() < 0.08) percent = [100, 70, 30, 5, 1, 0][upTo(5)] ?? 100;
    const latest = { configurationName: 'a', revisionName: `a-${revision}` };
    const targets = [
      { tag: '', ...latest, percent },
      ...(percent < 100 && random() < 0.9
        ? [{ tag: '', configurationName: 'b', revisionName: 'b-1', percent: 100 - percent }]
        : []),
      ...(hasTag ? [{ tag: 'next', ...latest, percent: 100 }] : []),
    ];
    steps.push({
      goal: makeRollout(targets),
      nowNs: nowMs * 1e6,
      observeReady: random() < 0.7,
      durationSeconds,
    });
    nowMs += [200, 1_000, 3_000, 15_000, 60_000][upTo(4)] ?? 1_000;
  }
  return { title: `rollout history ${seed}`, kind: 'Rollout', steps };
}

/** Histories at which upstream itself crashes: a target that lost its last revision gains traffic again. */
const crashing = new Set([13, 46, 55]);

export const rolloutCases: readonly RolloutCase[] = Array.from(
  { length: SEEDS },
  (_, index) => index + 1,
)
  .filter((seed) => !crashing.has(seed))
  .map(makeCase);
