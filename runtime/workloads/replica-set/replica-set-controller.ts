/** Wires the ReplicaSet plan to the API. Between a ReplicaSet's new number and its first Pod nothing waits. */
import { type ReplicaSet, replicaSetKind } from '../../apis/apps/types.ts';
import { type Pod, podKind } from '../../apis/core/types.ts';
import { matchesSelector } from '../../apis/meta/label-selector.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { PodExpectations } from '../pod-expectations.ts';
import { planReplicaSet } from './replica-set-plan.ts';

export function makeReplicaSetController(
  context: ControllerContext,
  nodeName: string | undefined,
): Controller {
  const { client, informers, clock, random, logger } = context;
  const replicaSets = informers.informer(replicaSetKind);
  const pods = informers.informer(podKind);
  const recorder = new EventRecorder({ client, component: 'replicaset-controller', clock, logger });
  const expectations = new PodExpectations(pods);
  const controller = new Controller({
    name: 'replicaset',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const replicaSet = replicaSets.get(namespace, name);
      if (!replicaSet) return {};
      const plan = planReplicaSet(replicaSet, expectations.list(namespace), {
        nodeName,
        nowMs: clock.now(),
        random,
      });
      return expectations.during(plan, () => applyPlan(plan, { client, recorder }));
    },
  });
  controller.watch(replicaSets);
  controller.watch(pods, (pod) => keysOf(pod));
  return controller;

  /** The owner; or, of a Pod that nobody of ours owns yet, every set that may want it. */
  function keysOf(pod: Pod): readonly string[] {
    const { namespace = '', ownerReferences, labels } = pod.metadata;
    const owner = ownerReferences?.find((ref) => ref.controller);
    if (owner?.kind === 'ReplicaSet') return [keyOf({ name: owner.name, namespace })];
    if (owner && owner.kind !== 'Deployment') return [];
    return replicaSets
      .list({ namespace })
      .filter((set: ReplicaSet) => matchesSelector(set.spec.selector, labels))
      .map((set) => keyOf(set.metadata));
  }
}
