/** A probe's verdict over several attempts, as a pure state machine. Source: kubelet prober/worker.go (behaviour). */
import type { Probe } from '../../apis/core/types.ts';

export type ProbeVerdict = 'unknown' | 'success' | 'failure';

export interface ProbeState {
  readonly verdict: ProbeVerdict;
  /** Attempts in a row with the last result. */
  readonly runLength: number;
  readonly wasSuccess: boolean | undefined;
}

export const initialProbeState: ProbeState = {
  verdict: 'unknown',
  runLength: 0,
  wasSuccess: undefined,
};

const SUCCESS_THRESHOLD_DEFAULT = 1;
const FAILURE_THRESHOLD_DEFAULT = 3;

/** A result counts when it has repeated as often as its threshold says; until then the verdict stands. */
export function advanceProbe(state: ProbeState, isSuccess: boolean, probe: Probe): ProbeState {
  const runLength = state.wasSuccess === isSuccess ? state.runLength + 1 : 1;
  const threshold = isSuccess
    ? (probe.successThreshold ?? SUCCESS_THRESHOLD_DEFAULT)
    : (probe.failureThreshold ?? FAILURE_THRESHOLD_DEFAULT);
  const verdict =
    runLength >= Math.max(1, threshold) ? (isSuccess ? 'success' : 'failure') : state.verdict;
  return { verdict, runLength, wasSuccess: isSuccess };
}

const PERIOD_SECONDS_DEFAULT = 10;
/** No container listens sooner: making it takes this long, and attempts would only slow that down. */
const EAGER_FIRST_MS = 10;
/** Half of it is what a cold start waits for nothing; an attempt costs a third of a ms. */
const EAGER_MS = 3;
/** So long (some 200 ms) it is the common case, a function that starts; then it is a slow one. */
const EAGER_ATTEMPTS = 60;
const EAGER_MS_MAX = 50;

/** Knative's meaning of `periodSeconds: 0`: as often as it takes until the first success. */
export const isEager = (probe: Probe): boolean => (probe.periodSeconds ?? 0) === 0;

/** Wait before attempt number `attempt` (from 0), in ms. `mayBeEager` is false for liveness. */
export function probeDelayMs(
  probe: Probe,
  state: ProbeState,
  attempt: number,
  mayBeEager: boolean,
): number {
  if (mayBeEager && isEager(probe) && state.verdict !== 'success') {
    // A command takes processes of its own, which the start would wait for.
    if (probe.exec) return EAGER_MS_MAX;
    if (attempt === 0) return EAGER_FIRST_MS;
    return attempt < EAGER_ATTEMPTS ? EAGER_MS : EAGER_MS_MAX;
  }
  const periodMs = (probe.periodSeconds || PERIOD_SECONDS_DEFAULT) * 1000;
  if (attempt > 0) return periodMs;
  const initialMs = (probe.initialDelaySeconds ?? 0) * 1000;
  // A liveness probe in the first milliseconds could only end what has not begun.
  return initialMs === 0 && !mayBeEager ? periodMs : initialMs;
}
