/**
 * The KPA's decision: from demand and ready pods to the number of pods that there should be. Pure;
 * bounds (min-scale, max-scale) and the way to zero are `plan-scale.ts`.
 * Source: knative.dev/serving pkg/autoscaler/scaling/autoscaler.go.
 */
export interface DeciderSpec {
  /** Load that one pod is meant to carry, in the units of the metric; more than 0. */
  readonly targetValue: number;
  /** Panic begins when demand is this many times the ready pods, e.g. 2. */
  readonly panicThreshold: number;
  readonly stableWindowMs: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  /** Smallest number of pods while there is any demand; 0 = none. */
  readonly activationScale: number;
  /** The highest decision of this period holds; 0 = off. */
  readonly scaleDownDelayMs: number;
  /** False for a revision that gets no traffic by any Route: it may fall to zero in one step. */
  readonly isReachable: boolean;
}

export interface Demand {
  /** Average over the stable and the panic window. */
  readonly stable: number;
  readonly panic: number;
  /** Requests that wait for a pod right now. */
  readonly queued: number;
  readonly readyPods: number;
  /** Since when demand has been watched without a gap. */
  readonly watchedSinceMs: number;
}

export interface DeciderState {
  /** When panic began or was last confirmed; undefined = not in panic. */
  readonly panicSinceMs: number | undefined;
  readonly maxPanicPods: number;
  /** Decisions of the last scale-down delay, oldest first. */
  readonly recent: readonly { readonly atMs: number; readonly desired: number }[];
}

export interface Decision {
  readonly desired: number;
  readonly state: DeciderState;
}

/**
 * The state to begin with. With several pods it begins in panic at their number: nothing is known of
 * the demand that brought them, so they stay for a stable window.
 */
export const initialDeciderState = (readyPods: number, nowMs: number): DeciderState => ({
  panicSinceMs: readyPods > 1 ? nowMs : undefined,
  maxPanicPods: readyPods > 1 ? readyPods : 0,
  recent: [],
});

export function decide(
  spec: DeciderSpec,
  demand: Demand,
  state: DeciderState,
  nowMs: number,
): Decision {
  const ready = Math.max(1, demand.readyPods);
  const maxUp = Math.ceil(spec.maxScaleUpRate * ready);
  const maxDown = spec.isReachable ? Math.floor(ready / spec.maxScaleDownRate) : 0;
  const clamp = (pods: number): number => Math.min(Math.max(pods, maxDown), maxUp);

  const stablePods = Math.ceil(demand.stable / spec.targetValue);
  const panicPods = Math.ceil(demand.panic / spec.targetValue);
  const activate = (demanded: number, pods: number): number =>
    spec.activationScale > 1 && demanded > 0 ? Math.max(pods, spec.activationScale) : pods;
  const desiredStable = activate(stablePods, clamp(stablePods));
  const desiredPanic = activate(panicPods, clamp(panicPods));

  const isOver = panicPods / ready >= spec.panicThreshold;
  let { panicSinceMs, maxPanicPods } = state;
  if (isOver) panicSinceMs = nowMs;
  else if (panicSinceMs !== undefined && panicSinceMs + spec.stableWindowMs < nowMs) {
    panicSinceMs = undefined;
    maxPanicPods = 0;
  }
  let desired = desiredStable;
  if (panicSinceMs !== undefined) {
    // In panic the number never falls: load that comes in bursts would find pods just gone.
    maxPanicPods = Math.max(maxPanicPods, desiredStable, desiredPanic);
    desired = maxPanicPods;
  }
  desired = Math.max(desired, floorOf(spec, demand, nowMs));
  const delayed = delayScaleDown(spec, state, { desired, nowMs });
  return {
    desired: delayed.desired,
    state: { panicSinceMs, maxPanicPods, recent: delayed.recent },
  };
}

/** A waiting request needs a pod, and a window that was not watched in full cannot say that it was idle. */
function floorOf(spec: DeciderSpec, demand: Demand, nowMs: number): number {
  if (demand.queued > 0) return Math.max(1, spec.activationScale);
  const isWatched = nowMs - demand.watchedSinceMs >= spec.stableWindowMs;
  return spec.isReachable && demand.readyPods > 0 && !isWatched ? 1 : 0;
}

function delayScaleDown(
  spec: DeciderSpec,
  state: DeciderState,
  latest: { readonly desired: number; readonly nowMs: number },
): { desired: number; recent: DeciderState['recent'] } {
  const { desired, nowMs } = latest;
  if (spec.scaleDownDelayMs === 0 || !spec.isReachable) return { desired, recent: [] };
  const recent = [
    // An earlier decision that is not higher can never be the highest again.
    ...state.recent.filter(
      (entry) => entry.desired > desired && nowMs - entry.atMs < spec.scaleDownDelayMs,
    ),
    { atMs: nowMs, desired },
  ];
  return { desired: recent[0]?.desired ?? desired, recent };
}
