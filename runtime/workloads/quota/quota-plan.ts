/**
 * What of a ResourceQuota is used: counted from the objects that are there. Pure. What objects of a
 * kind that nobody counts would use stays unsaid, and admission refuses them for it.
 * Source: k8s.io/kubernetes pkg/controller/resourcequota (behaviour).
 */
import { countedNames, isInScope, usageOf } from '../../apis/core/quota-usage.ts';
import { addResources, isSameResources, pickResources } from '../../apis/core/resource-list.ts';
import type { ResourceList } from '../../apis/core/resource-list.ts';
import { type ResourceQuota, resourceQuotaKind } from '../../apis/core/types.ts';
import type { KubeObject, ResourceKind } from '../../apis/meta/object.ts';
import { emptyPlan, type Plan } from '../../kube/plan.ts';

/** All objects of one kind in the quota's namespace. */
export interface CountedObjects {
  readonly kind: ResourceKind;
  readonly objects: readonly KubeObject[];
}

/** @param nowMs wall time */
export function planQuota(
  quota: ResourceQuota,
  counted: readonly CountedObjects[],
  nowMs: number,
): Plan {
  if (quota.metadata.deletionTimestamp) return emptyPlan;
  const hard = quota.spec?.hard ?? {};
  const names = Object.keys(hard);
  let used: ResourceList = {};
  for (const { kind, objects } of counted) {
    const own = new Set(countedNames(kind, names));
    for (const name of own) used = { [name]: '0', ...used };
    if (own.size === 0) continue;
    for (const object of objects)
      if (isInScope(quota, kind, object))
        used = addResources(used, pickResources(usageOf(kind, object, nowMs), own));
  }
  const before = quota.status ?? {};
  const isSame =
    before.hard !== undefined &&
    before.used !== undefined &&
    isSameResources(before.hard, hard) &&
    isSameResources(before.used, used);
  if (isSame) return emptyPlan;
  const object = { ...quota, status: { hard, used: { ...used } } };
  // An update, not a patch: names that are no longer limited go, and a newer count is not overwritten.
  return { actions: [{ type: 'updateStatus', kind: resourceQuotaKind, object }], events: [] };
}
