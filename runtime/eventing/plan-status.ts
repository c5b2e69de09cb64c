/** The plan of a reconciler that owns nothing but its object's status: one write, or none when nothing differs. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Plan } from '../kube/plan.ts';
import { emptyPlan } from '../kube/plan.ts';

export function planStatus<T extends KubeObject & { status?: unknown }>(
  kind: ResourceKind<T>,
  object: T,
  status: NonNullable<T['status']>,
): Plan {
  if (isDeepStrictEqual(object.status, status)) return emptyPlan;
  const updated: KubeObject = Object.assign({}, object, { status });
  return {
    actions: [{ type: 'updateStatus', kind, object: updated }],
    events: [],
  };
}
