/**
 * Gradual rollout: traffic for the latest revision of a Configuration moves from the one before in
 * steps, whose size follows from how long the first one per cent took. The state is JSON in an
 * annotation of the Ingress. Pure; no health is looked at. Source: knative.dev/serving
 * pkg/reconciler/route/traffic/rollout.go (state, arithmetic).
 */
export const rolloutAnnotationKey = 'networking.internal.knative.dev/rollout';

export interface RevisionRollout {
  readonly revisionName: string;
  /** Of the Route's traffic; all of a Configuration's add up to its own. */
  readonly percent: number;
}

/** Times are ns since the epoch, as upstream writes them; 0 and absent = not known yet. */
export interface StepParams {
  readonly starttime?: number;
  readonly nextStepTime?: number;
  readonly stepDuration?: number;
  readonly stepSize?: number;
}

export interface ConfigurationRollout {
  readonly configurationName: string;
  /** Absent for the main traffic. */
  readonly tag?: string;
  readonly percent: number;
  /** Oldest first; two or more while the rollout goes on. */
  readonly revisions?: readonly RevisionRollout[];
  readonly stepParams: StepParams;
}

export interface Rollout {
  /** Sorted by tag, then by name. */
  readonly configurations?: readonly ConfigurationRollout[];
}

/** What one target sends to the latest revision of its Configuration. */
export interface LatestTarget {
  readonly tag: string;
  readonly configurationName: string;
  readonly revisionName: string;
  readonly percent: number;
}

const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;

/** The state in which everything has moved already. */
export function makeRollout(targets: readonly LatestTarget[]): Rollout {
  const configurations = targets
    .filter(({ percent }) => percent > 0)
    .map(({ tag, configurationName, revisionName, percent }): ConfigurationRollout => ({
      configurationName,
      ...(tag === '' ? {} : { tag }),
      percent,
      revisions: [{ revisionName, percent }],
      stepParams: {},
    }))
    .sort(byTagAndName);
  return configurations.length === 0 ? {} : { configurations };
}

const byTagAndName = (a: ConfigurationRollout, b: ConfigurationRollout): number =>
  compare(a.tag ?? '', b.tag ?? '') || compare(a.configurationName, b.configurationName);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Undefined for what cannot be a state: written by hand, or by nobody. */
export function parseRollout(text: string | undefined): Rollout | undefined {
  if (!text) return undefined;
  try {
    const rollout = JSON.parse(text) as Rollout | null;
    const isValid =
      typeof rollout === 'object' && (rollout?.configurations ?? []).every(isConsistent);
    return isValid && rollout ? rollout : undefined;
  } catch {
    return undefined;
  }
}

function isConsistent({ percent, revisions = [], stepParams }: ConfigurationRollout): boolean {
  const { stepSize = 0 } = (stepParams as StepParams | undefined) ?? {};
  const sum = revisions.reduce((total, revision) => total + revision.percent, 0);
  return percent <= 100 && stepSize >= 0 && stepSize <= percent && sum === percent;
}

export const isRolloutDone = ({ configurations = [] }: Rollout): boolean =>
  configurations.every(({ revisions = [] }) => revisions.length < 2);

/** The Configuration's state under the tag, while it is under way. */
export function rolloutOf(
  { configurations = [] }: Rollout,
  tag: string,
  configurationName: string,
): readonly RevisionRollout[] | undefined {
  const found = configurations.find(
    (one) => (one.tag ?? '') === tag && one.configurationName === configurationName,
  );
  return (found?.revisions?.length ?? 0) > 1 ? found?.revisions : undefined;
}

/** The Ingress serves the first step: from how long that took follow the others. */
export function observeReady(
  { configurations = [] }: Rollout,
  durationSeconds: number,
  nowMs: number,
): Rollout {
  const nowNs = nowMs * NS_PER_MS;
  return {
    configurations: configurations.map((one) => {
      const { starttime = 0, stepDuration = 0 } = one.stepParams;
      if (stepDuration !== 0 || starttime === 0) return one;
      const firstSeconds = Math.max(1, Math.ceil((nowNs - starttime) / NS_PER_SECOND));
      return { ...one, stepParams: planSteps(one, { firstSeconds, durationSeconds, nowNs }) };
    }),
  };
}

/** E.g. 100 % in 4 steps: 1 % -> 26 % -> 51 % -> 76 % -> 100 %. */
function planSteps(
  { percent, stepParams }: ConfigurationRollout,
  options: {
    readonly firstSeconds: number;
    readonly durationSeconds: number;
    readonly nowNs: number;
  },
): StepParams {
  const { firstSeconds, durationSeconds, nowNs } = options;
  const leftSeconds = Math.max(1, durationSeconds - firstSeconds);
  const leftPercent = percent - 1;
  const steps = Math.min(leftPercent, Math.max(1, leftSeconds / firstSeconds));
  const stepDuration = Math.trunc((leftSeconds / steps) * NS_PER_SECOND);
  return {
    ...stepParams,
    nextStepTime: nowNs + stepDuration,
    stepDuration,
    stepSize: Math.round(leftPercent / steps),
  };
}

/**
 * From the state before to what traffic should look like now. `goal` has one revision for each
 * Configuration, the latest that is ready.
 * @returns `nextStepMs`: when to look again, ms since the epoch; undefined when nothing is under way.
 */
export function stepRollout(
  goal: Rollout,
  before: Rollout | undefined,
  nowMs: number,
): { readonly rollout: Rollout; readonly nextStepMs: number | undefined } {
  const previous = before?.configurations ?? [];
  if (previous.length === 0) return { rollout: goal, nextStepMs: undefined };
  const configurations = (goal.configurations ?? []).map((wanted) => {
    const old = previous.find(
      (one) =>
        (one.tag ?? '') === (wanted.tag ?? '') &&
        one.configurationName === wanted.configurationName,
    );
    // One per cent cannot move in steps.
    return old && wanted.percent > 1 ? stepConfiguration(wanted, old, nowMs * NS_PER_MS) : wanted;
  });
  const nextSteps = configurations
    .map(({ stepParams }) => stepParams.nextStepTime ?? 0)
    .filter((time) => time > 0);
  return {
    rollout: configurations.length === 0 ? {} : { configurations },
    nextStepMs: nextSteps.length === 0 ? undefined : Math.min(...nextSteps) / NS_PER_MS,
  };
}

function stepConfiguration(
  goal: ConfigurationRollout,
  before: ConfigurationRollout,
  nowNs: number,
): ConfigurationRollout {
  const wanted = goal.revisions?.[0]?.revisionName ?? '';
  const present = adjustPercent(before, goal.percent);
  const newest = before.revisions?.at(-1)?.revisionName;
  if (newest !== undefined && newest !== wanted) return begin(goal, present, nowNs);
  if (present.length < 2) return goal;
  const { stepSize = 0 } = before.stepParams;
  const going = { ...goal, revisions: present, stepParams: before.stepParams };
  // Before the first step is served there is no pace yet.
  return stepSize > 0 ? advance(going, nowNs) : going;
}

/** What the Configuration gains goes to the newest, what it loses is taken from the oldest. */
function adjustPercent(
  { percent, revisions = [] }: ConfigurationRollout,
  goal: number,
): readonly RevisionRollout[] {
  if (goal >= percent)
    return revisions.map((revision, index) =>
      index === revisions.length - 1
        ? { ...revision, percent: revision.percent + goal - percent }
        : revision,
    );
  let excess = percent - goal;
  return revisions.flatMap((revision) => {
    const taken = Math.min(excess, revision.percent);
    excess -= taken;
    return taken === revision.percent && taken > 0
      ? []
      : [{ ...revision, percent: revision.percent - taken }];
  });
}

/** A new revision begins with one per cent, taken from the newest that has any; the pace is found anew. */
function begin(
  goal: ConfigurationRollout,
  present: readonly RevisionRollout[],
  nowNs: number,
): ConfigurationRollout {
  const giver = present.findLastIndex(({ percent }) => percent > 0);
  const others = present
    .map((revision, index) =>
      index === giver ? { ...revision, percent: revision.percent - 1 } : revision,
    )
    .filter(({ percent }) => percent > 0);
  const revisionName = goal.revisions?.[0]?.revisionName ?? '';
  return {
    ...goal,
    revisions: [...others, { revisionName, percent: 1 }],
    stepParams: { starttime: nowNs },
  };
}

/** Moves one step's worth to the newest when it is time, from the newest of the others first. */
function advance(going: ConfigurationRollout, nowNs: number): ConfigurationRollout {
  const { revisions = [], stepParams, percent } = going;
  const { nextStepTime = 0, stepSize = 0, stepDuration = 0 } = stepParams;
  const newest = revisions.at(-1);
  if (nowNs < nextStepTime || revisions.length < 2 || !newest) return going;
  let left = stepSize;
  const others = revisions
    .slice(0, -1)
    .toReversed()
    .map((revision) => {
      const taken = Math.min(left, revision.percent);
      left -= taken;
      return { ...revision, percent: revision.percent - taken };
    })
    .filter((revision) => revision.percent > 0)
    .toReversed();
  const reached = Math.min(percent, newest.percent + stepSize);
  const isOver = others.length === 0;
  return {
    ...going,
    revisions: [...others, { ...newest, percent: isOver ? percent : reached }],
    stepParams: isOver ? {} : { ...stepParams, nextStepTime: nowNs + stepDuration },
  };
}
