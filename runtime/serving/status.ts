/**
 * The frame around every reconcile of a Serving kind: conditions are initialised before, and
 * observedGeneration is set and the status written, if it differs, after.
 * Source: knative.dev/pkg reconciler (generated code), facts in docs of Knative's spec overview.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Condition, Conditions, ConditionSet } from '../apis/meta/condition.ts';
import { getCondition, initializeConditions, markUnknown } from '../apis/meta/condition.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { StatusBase } from '../apis/serving/types.ts';
import type { Action } from '../kube/plan.ts';

type WithStatus = KubeObject & { status?: StatusBase };

/** Timestamps of API objects have whole seconds. */
export const timestamp = (nowMs: number): string =>
  new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');

/**
 * Conditions to start from. A generation that was not observed before makes Ready Unknown, so that a
 * reconcile which fails half way does not leave the last generation's True standing.
 */
export function beginConditions(set: ConditionSet, object: WithStatus, now: string): Conditions {
  const conditions = initializeConditions(set, object.status?.conditions, now);
  if (object.status?.observedGeneration === object.metadata.generation) return conditions;
  return markUnknown(set, conditions, set.happy, {
    reason: 'NewObservedGenFailure',
    message: 'unsuccessfully observed a new generation',
    now,
  });
}

/** The write of `status` with these conditions, or nothing when the object says the same already. */
export function statusActions<T extends WithStatus>(
  kind: ResourceKind<T>,
  object: T,
  status: NonNullable<T['status']>,
): readonly Action[] {
  const next: StatusBase = {
    ...status,
    conditions: keepTransitionTimes(object.status?.conditions, status.conditions ?? []),
  };
  if (object.metadata.generation !== undefined)
    next.observedGeneration = object.metadata.generation;
  if (isDeepStrictEqual(object.status, next)) return [];
  return [{ type: 'updateStatus', kind, object: { ...object, status: next } }];
}

/**
 * A reconcile may set one condition several times on its way. What ends as it was before keeps its
 * transition time; otherwise every reconcile would write, and every write cause a reconcile.
 */
function keepTransitionTimes(before: Conditions | undefined, after: Conditions): Condition[] {
  return after.map((condition) => {
    const old = getCondition(before, condition.type);
    if (!old) return condition;
    const sameTime = { ...condition };
    if (old.lastTransitionTime === undefined) delete sameTime.lastTransitionTime;
    else sameTime.lastTransitionTime = old.lastTransitionTime;
    return isDeepStrictEqual(old, sameTime) ? old : condition;
  });
}

/** Whether the object's own controller has seen its present spec. */
export const isObserved = (object: WithStatus): boolean =>
  object.status?.observedGeneration === object.metadata.generation;
