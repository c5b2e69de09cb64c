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
/** An eager probe starts here, since a container needs some 40 ms to listen, and doubles to the maximum. */
const EAGER_MS_MIN = 2;
const EAGER_MS_MAX = 50;
/** The first this many attempts stay at the minimum's order: they decide how long a cold start waits. */
const EAGER_ATTEMPTS = 20;

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
    if (attempt < EAGER_ATTEMPTS) return Math.min(10, EAGER_MS_MIN + attempt);
    return EAGER_MS_MAX;
  }
  const periodMs = (probe.periodSeconds || PERIOD_SECONDS_DEFAULT) * 1000;
  if (attempt > 0) return periodMs;
  const initialMs = (probe.initialDelaySeconds ?? 0) * 1000;
  // A liveness probe in the first milliseconds could only end what has not begun.
  return initialMs === 0 && !mayBeEager ? periodMs : initialMs;
}
