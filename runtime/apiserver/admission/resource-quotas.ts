/**
 * ResourceQuotas: what would use more than its namespace may is refused, and what is let in is counted
 * in the same tick, so that no two can share the last place. Deletions are counted by the quota
 * controller (runtime/workloads/quota), which also repairs what was counted and then not stored.
 * Source: k8s.io/apiserver pkg/admission/plugin/resourcequota (behaviour, words).
 */
import { countedNames, isInScope, missingResources, usageOf } from '../../apis/core/quota-usage.ts';
import {
  addResources,
  compareResources,
  formatResources,
  pickResources,
  withoutResources,
  type ResourceList,
} from '../../apis/core/resource-list.ts';
import { resourceQuotaKind, type Pod, type ResourceQuota } from '../../apis/core/types.ts';
import type { Clock } from '../../std/clock.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';

const QUOTAS = `${resourceQuotaKind.group}/${resourceQuotaKind.plural}`;

/** Must be the last plugin: what comes after it could refuse what is counted already. */
export function makeResourceQuotas(store: Store, clock: Clock): AdmissionPlugin {
  return {
    validate(request) {
      if (!request.resource.definition.namespaced || store.count(QUOTAS) === 0) return;
      if (!isCounted(request)) return;
      const quotas = store.list(QUOTAS, request.namespace) as readonly ResourceQuota[];
      const charged = quotas.flatMap((quota) => charge(quota, request, clock.now()) ?? []);
      if (request.dryRun) return;
      for (const { quota, used } of charged)
        store.put(
          QUOTAS,
          { ...quota, metadata: { ...quota.metadata }, status: { ...quota.status, used } } as never,
          'behind',
        );
    },
  };
}

/** Which writes may use up more of a quota. */
function isCounted({
  resource,
  subresource,
  operation,
  object,
  oldObject,
}: AdmissionRequest): boolean {
  if (!object || subresource !== undefined) return false;
  if (operation === 'CREATE') return true;
  if (operation !== 'UPDATE' || resource.group !== '') return false;
  if (resource.plural === 'services' || resource.plural === 'persistentvolumeclaims') return true;
  // A deadline moves a Pod from one scope into another.
  const hasDeadline = (pod: unknown): boolean =>
    (pod as Pod).spec['activeDeadlineSeconds'] !== undefined;
  return resource.plural === 'pods' && hasDeadline(object) !== hasDeadline(oldObject);
}

/** @returns undefined when nothing of it is used. @throws {StatusError} 403 */
function charge(
  quota: ResourceQuota,
  { resource, object, oldObject, name }: AdmissionRequest,
  nowMs: number,
): { quota: ResourceQuota; used: ResourceList } | undefined {
  if (!object) return undefined;
  const { hard = {}, used = {} } = quota.status ?? {};
  const names = countedNames(resource, Object.keys(hard));
  if (names.length === 0 || !isInScope(quota, resource, object)) return undefined;
  const refuse = (problem: string): StatusError => StatusError.forbidden(resource, name, problem);
  const quotaName = quota.metadata.name;
  if (resource.storeName === '/pods') {
    const missing = missingResources(object as Pod, names);
    if (missing !== '') throw refuse(`failed quota: ${quotaName}: must specify ${missing}`);
  }
  if (names.some((key) => used[key] === undefined))
    throw refuse(`status unknown for quota: ${quotaName}, resources: ${names.sort().join(',')}`);
  const usage = usageOf(resource, object, nowMs);
  const negative = Object.keys(usage).filter((key) => compareResources(usage[key], '0') < 0);
  if (negative.length > 0)
    throw refuse(`quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  const before =
    oldObject && isInScope(quota, resource, oldObject) ? usageOf(resource, oldObject, nowMs) : {};
  const requested = nonZero(
    pickResources(withoutResources(usage, before), new Set(Object.keys(hard))),
  );
  if (Object.keys(requested).length === 0) return undefined;
  const after = addResources(used, requested);
  const exceeded = new Set(
    Object.keys(requested).filter((key) => compareResources(after[key], hard[key]) > 0),
  );
  if (exceeded.size === 0) return { quota, used: after };
  const show = (list: ResourceList): string => formatResources(pickResources(list, exceeded));
  throw refuse(
    `exceeded quota: ${quotaName}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`,
  );
}

const nonZero = (list: ResourceList): ResourceList =>
  Object.fromEntries(
    Object.entries(list).filter(([, amount]) => compareResources(amount, '0') !== 0),
  );
