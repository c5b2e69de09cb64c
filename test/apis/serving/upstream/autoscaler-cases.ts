/** Histories of load, made from seeds, for upstream's windows and decisions and for ours. */
import type { DeciderSpec } from '../../../../runtime/autoscaler/decide.ts';
import type { Aggregation } from '../../../../runtime/autoscaler/metric-window.ts';
import { seededRandom } from '../../../../runtime/std/random.ts';

export interface WindowStep {
  readonly atMs: number;
  /** Recorded; a step without a value asks for the average. */
  readonly value?: number;
}
export interface WindowCase {
  readonly title: string;
  readonly kind: 'Window';
  readonly aggregation: Aggregation;
  readonly windowSeconds: number;
  readonly steps: readonly WindowStep[];
}

export interface DecideStep {
  readonly atMs: number;
  readonly stable: number;
  readonly panic: number;
  readonly readyPods: number;
}
export interface DecideCase {
  readonly title: string;
  readonly kind: 'Decide';
  readonly spec: DeciderSpec;
  readonly steps: readonly DecideStep[];
}

const WINDOW_SEEDS = 60;
const DECIDE_SEEDS = 60;
const STEPS = 60;
/** Of a whole second, as clocks of buckets are. */
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const TICK_MS = 2_000;

type Random = () => number;
const upTo = (random: Random, max: number): number => Math.floor(random() * (max + 1));
const oneOf = <T>(random: Random, ...choices: readonly [T, ...T[]]): T =>
  choices[upTo(random, choices.length - 1)] ?? choices[0];

function makeWindow(seed: number): WindowCase {
  const random = seededRandom(seed);
  const windowSeconds = oneOf(random, 6, 10, 60);
  let atMs = START_MS;
  const steps: WindowStep[] = [];
  for (let index = 0; index < STEPS; index += 1) {
    atMs += oneOf(random, 0, 300, 1_000, 1_000, 2_500, 9_000, 70_000);
    if (random() < 0.55) steps.push({ atMs, value: upTo(random, 1_000) / 8 });
    else steps.push({ atMs });
  }
  const aggregation = seed % 2 === 0 ? 'linear' : 'weighted-exponential';
  const title = `${aggregation} window ${seed}`;
  return { title, kind: 'Window', aggregation, windowSeconds, steps };
}

function makeDecide(seed: number): DecideCase {
  const random = seededRandom(seed);
  const spec: DeciderSpec = {
    targetValue: oneOf(random, 0.7, 1, 7, 70),
    panicThreshold: oneOf(random, 2, 1.1, 10),
    stableWindowMs: oneOf(random, 60_000, 6_000, 20_000),
    maxScaleUpRate: oneOf(random, 1_000, 10, 1.5),
    maxScaleDownRate: oneOf(random, 2, 1.2, 10),
    activationScale: oneOf(random, 0, 0, 3),
    scaleDownDelayMs: oneOf(random, 0, 0, 10_000, 60_000),
    isReachable: random() < 0.8,
  };
  let readyPods = 1;
  let load = 0;
  const steps = Array.from({ length: STEPS }, (_, index): DecideStep => {
    if (random() < 0.25) load = oneOf(random, 0, 1, 5, 50, 400) * random();
    if (random() < 0.5) readyPods = upTo(random, 12);
    return {
      atMs: START_MS + index * TICK_MS,
      stable: load * (0.5 + random() / 2),
      panic: load * (0.5 + random()),
      readyPods: index === 0 ? 1 : readyPods,
    };
  });
  return { title: `decisions ${seed}`, kind: 'Decide', spec, steps };
}

const seeds = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1);

export const windowCases: readonly WindowCase[] = seeds(WINDOW_SEEDS).map(makeWindow);
export const decideCases: readonly DecideCase[] = seeds(DECIDE_SEEDS).map(makeDecide);
