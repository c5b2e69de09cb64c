/**
 * What controllers with Pods of their own say of each Pod that they make, delete, or fail to. Pure.
 * Source: k8s.io/kubernetes pkg/controller/controller_utils.go, statefulset/stateful_pod_control.go (words).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { PlannedEvent } from '../kube/event-recorder.ts';
import type { Action } from '../kube/plan.ts';

/** @returns undefined for what is nobody's news, such as a status. */
export function eventOf(owner: KubeObject, action: Action): PlannedEvent | undefined {
  const deed = deedOf(action);
  if (!deed) return undefined;
  const { verb, kind, name } = deed;
  const reason = verb === 'create' ? 'SuccessfulCreate' : 'SuccessfulDelete';
  const isPod = kind === 'Pod';
  if (owner.kind === 'StatefulSet') {
    const set = `StatefulSet ${owner.metadata.name}`;
    const message = isPod
      ? `${verb} Pod ${name} in ${set} successful`
      : `${verb} Claim ${name} in ${set} success`;
    return { object: owner, type: 'Normal', reason, message };
  }
  if (!isPod) return undefined;
  const message = verb === 'create' ? `Created pod: ${name}` : `Deleted pod: ${name}`;
  return { object: owner, type: 'Normal', reason, message };
}

/** A Pod that was not made or not deleted, and why. @returns undefined for other actions. */
export function failureOf(
  owner: KubeObject,
  action: Action | undefined,
  error: unknown,
): PlannedEvent | undefined {
  const deed = action && deedOf(action);
  if (!deed) return undefined;
  const { verb, kind, name } = deed;
  const reason = verb === 'create' ? 'FailedCreate' : 'FailedDelete';
  const problem = error instanceof Error ? error.message : String(error);
  const message =
    owner.kind === 'StatefulSet'
      ? `${verb} ${kind === 'Pod' ? 'Pod' : 'Claim'} ${name} in StatefulSet ${owner.metadata.name} failed error: ${problem}`
      : `Error ${verb === 'create' ? 'creating' : 'deleting'}: ${problem}`;
  return { object: owner, type: 'Warning', reason, message };
}

interface Deed {
  readonly verb: 'create' | 'delete';
  readonly kind: string;
  readonly name: string;
}

const told = new Set(['Pod', 'PersistentVolumeClaim']);

function deedOf(action: Action): Deed | undefined {
  if (action.type !== 'create' && action.type !== 'delete') return undefined;
  const { kind } = action.kind;
  if (!told.has(kind)) return undefined;
  const name = action.type === 'create' ? action.object.metadata.name : action.name;
  return { verb: action.type, kind, name };
}
