/**
 * Wires the quota count to the API. Admission counts what comes; this counts what goes, and anew
 * whatever admission was mistaken in. A kind is watched from when the first quota names it.
 */
import { cronJobKind, jobKind } from '../../apis/batch/types.ts';
import {
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
} from '../../apis/apps/types.ts';
import {
  configMapKind,
  coreServiceKind,
  persistentVolumeClaimKind,
  podKind,
  replicationControllerKind,
  resourceQuotaKind,
  type ResourceQuota,
  secretKind,
  serviceAccountKind,
} from '../../apis/core/types.ts';
import { countedNames, usageOf } from '../../apis/core/quota-usage.ts';
import { isSameResources } from '../../apis/core/resource-list.ts';
import { isSameValue } from '../../apis/meta/field-rule.ts';
import { keyOf, splitKey, type KubeObject, type ResourceKind } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import type { Informer } from '../../kube/informer.ts';
import { applyPlan } from '../../kube/plan.ts';
import { planQuota } from './quota-plan.ts';

const countableKinds: readonly ResourceKind[] = [
  podKind,
  coreServiceKind,
  persistentVolumeClaimKind,
  configMapKind,
  secretKind,
  serviceAccountKind,
  replicationControllerKind,
  resourceQuotaKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
  daemonSetKind,
  jobKind,
  cronJobKind,
];
/** A kind that is watched since just now is counted when its objects have come. */
const UNSYNCED_RETRY_MS = 20;
/** As upstream: until then what was counted and then not stored stays counted. */
const RECOUNT_MS = 300_000;

export function makeQuotaController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context;
  const quotas = informers.informer(resourceQuotaKind);
  const recorder = new EventRecorder({ client, component: 'resourcequota', clock, logger });
  const watched = new Map<ResourceKind, Informer<KubeObject>>();

  const controller = new Controller({
    name: 'resourcequota',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const quota = quotas.get(namespace, name);
      if (!quota) return {};
      const named = kindsOf(quota).map((kind) => ({ kind, informer: watch(kind) }));
      if (named.some(({ informer }) => !informer.hasSynced))
        return { requeueAfterMs: UNSYNCED_RETRY_MS };
      const counted = named.map(({ kind, informer }) => ({
        kind,
        objects: informer.list({ namespace }),
      }));
      const plan = planQuota(quota, counted, clock.now());
      const result = await applyPlan(plan, { client, recorder });
      return { ...result, requeueAfterMs: RECOUNT_MS };
    },
  });

  function watch(kind: ResourceKind): Informer<KubeObject> {
    const known = watched.get(kind);
    if (known) return known;
    const informer = informers.informer(kind);
    watched.set(kind, informer);
    informer.onChange(({ type, object, old }) => {
      const now = clock.now();
      if (type === 'updated' && old)
        if (isSameResources(usageOf(kind, object, now), usageOf(kind, old, now))) return;
      const { namespace = '' } = object.metadata;
      for (const quota of quotas.list({ namespace }))
        if (kindsOf(quota).includes(kind)) controller.enqueue(keyOf(quota.metadata));
    });
    return informer;
  }

  // Not when admission has just counted: what it counted is stored a moment later.
  quotas.onChange(({ object, old }) => {
    if (old && isSameValue(old.spec, object.spec) && object.status?.hard !== undefined) return;
    controller.enqueue(keyOf(object.metadata));
  });
  return controller;
}

function kindsOf({ spec }: ResourceQuota): readonly ResourceKind[] {
  const names = Object.keys(spec?.hard ?? {});
  return countableKinds.filter((kind) => countedNames(kind, names).length > 0);
}
