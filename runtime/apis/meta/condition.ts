/**
 * Knative's "living condition set": one happy condition and its dependents.
 * Pure: every function returns a new list. Source: knative.dev/pkg apis/condition_set.go (behaviour).
 */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  severity?: 'Warning' | 'Info';
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export type Conditions = readonly Condition[];

/** The happy condition (`Ready` or `Succeeded`) and what it depends on. */
export interface ConditionSet {
  readonly happy: string;
  readonly dependents: readonly string[];
}

export const livingConditionSet = (...dependents: string[]): ConditionSet => ({
  happy: 'Ready',
  dependents,
});
export const batchConditionSet = (...dependents: string[]): ConditionSet => ({
  happy: 'Succeeded',
  dependents,
});

export function getCondition(
  conditions: Conditions | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export const isConditionTrue = (conditions: Conditions | undefined, type: string): boolean =>
  getCondition(conditions, type)?.status === 'True';

/** What a client may rely on: Ready is True for the generation that it sees. */
export function isObjectReady(object: {
  metadata: { generation?: number };
  status?: { observedGeneration?: number; conditions?: Conditions };
}): boolean {
  return (
    object.status?.observedGeneration === object.metadata.generation &&
    isConditionTrue(object.status?.conditions, 'Ready')
  );
}

/** Adds every missing dependent and the happy condition as Unknown (dependents True if happy is True). */
export function initializeConditions(
  set: ConditionSet,
  conditions: Conditions | undefined,
  now: string,
): Conditions {
  let result: Conditions = conditions ?? [];
  const isHappy = isConditionTrue(result, set.happy);
  for (const type of set.dependents)
    if (!getCondition(result, type))
      result = upsert(set, result, { type, status: isHappy ? 'True' : 'Unknown' }, now);
  if (!getCondition(result, set.happy))
    result = upsert(set, result, { type: set.happy, status: 'Unknown' }, now);
  return result;
}

export function markTrue(
  set: ConditionSet,
  conditions: Conditions,
  type: string,
  now: string,
): Conditions {
  return recomputeHappy(set, upsert(set, conditions, { type, status: 'True' }, now), type, now);
}

/** True with a reason and message, which Knative uses for "does not apply" (e.g. `TLSNotEnabled`). */
export function markTrueWithReason(
  set: ConditionSet,
  conditions: Conditions,
  type: string,
  options: { reason: string; message: string; now: string },
): Conditions {
  const { reason, message, now } = options;
  const next = upsert(set, conditions, { type, status: 'True', reason, message }, now);
  return recomputeHappy(set, next, type, now);
}

export function markUnknown(
  set: ConditionSet,
  conditions: Conditions,
  type: string,
  options: { reason: string; message: string; now: string },
): Conditions {
  const { reason, message, now } = options;
  const next = upsert(set, conditions, { type, status: 'Unknown', reason, message }, now);
  const failed = set.dependents.some((name) => getCondition(next, name)?.status === 'False');
  if (failed) {
    if (getCondition(next, set.happy)?.status === 'False') return next;
    return upsert(set, next, { type: set.happy, status: 'False', reason, message }, now);
  }
  if (type !== set.happy && !set.dependents.includes(type)) return next;
  return upsert(set, next, { type: set.happy, status: 'Unknown', reason, message }, now);
}

export function markFalse(
  set: ConditionSet,
  conditions: Conditions,
  type: string,
  options: { reason: string; message: string; now: string },
): Conditions {
  const { reason, message, now } = options;
  const next = upsert(set, conditions, { type, status: 'False', reason, message }, now);
  if (type !== set.happy && !set.dependents.includes(type)) return next;
  return upsert(set, next, { type: set.happy, status: 'False', reason, message }, now);
}

/** Copies another object's condition into `type`: status, reason and message. Absent reads as Unknown. */
export function mirrorCondition(
  set: ConditionSet,
  conditions: Conditions,
  type: string,
  source: { condition: Condition | undefined; now: string },
): Conditions {
  const { condition, now } = source;
  const options = { reason: condition?.reason ?? '', message: condition?.message ?? '', now };
  if (!condition) return markUnknown(set, conditions, type, options);
  if (condition.status === 'True') return markTrue(set, conditions, type, now);
  if (condition.status === 'False') return markFalse(set, conditions, type, options);
  return markUnknown(set, conditions, type, options);
}

function recomputeHappy(
  set: ConditionSet,
  conditions: Conditions,
  changed: string,
  now: string,
): Conditions {
  if (changed !== set.happy && !set.dependents.includes(changed)) return conditions;
  const dependents = set.dependents
    .map((type) => getCondition(conditions, type))
    .filter((condition): condition is Condition => condition !== undefined)
    .sort((a, b) => (b.lastTransitionTime ?? '').localeCompare(a.lastTransitionTime ?? ''));
  const unhappy =
    dependents.find((condition) => condition.status === 'False') ??
    dependents.find((condition) => condition.status === 'Unknown');
  if (unhappy) {
    const { status, reason, message } = unhappy;
    const happy: Condition = { type: set.happy, status };
    if (reason !== undefined) happy.reason = reason;
    if (message !== undefined) happy.message = message;
    return upsert(set, conditions, happy, now);
  }
  const status = dependents.length < set.dependents.length ? 'Unknown' : 'True';
  return upsert(set, conditions, { type: set.happy, status }, now);
}

/** The transition time moves only when another field of the condition changes. */
function upsert(
  set: ConditionSet,
  conditions: Conditions,
  condition: Condition,
  now: string,
): Conditions {
  const clean: Condition = { type: condition.type, status: condition.status };
  if (condition.type !== set.happy && !set.dependents.includes(condition.type))
    clean.severity = 'Info';
  if (condition.reason) clean.reason = condition.reason;
  if (condition.message) clean.message = condition.message;
  const old = getCondition(conditions, condition.type);
  const isSame =
    old !== undefined &&
    old.status === clean.status &&
    (old.reason ?? '') === (clean.reason ?? '') &&
    (old.message ?? '') === (clean.message ?? '') &&
    (old.severity ?? '') === (clean.severity ?? '');
  clean.lastTransitionTime = isSame ? (old.lastTransitionTime ?? now) : now;
  return [...conditions.filter(({ type }) => type !== clean.type), clean].sort((a, b) =>
    a.type < b.type ? -1 : 1,
  );
}
