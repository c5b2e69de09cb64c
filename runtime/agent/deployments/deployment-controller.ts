/** Wires the Deployment plan to the API: watches Deployments and their Pods, creates and deletes Pods. */
import { deploymentKind } from '../../apis/apps/types.ts';
import { type Pod, podKind } from '../../apis/core/types.ts';
import { isControlledBy, keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { planDeployment } from './deployment-plan.ts';

const SYNC_POLL_MS = 10;

/** The Deployment controller of this node; run it with the context's signal. */
export function makeDeploymentController(context: ControllerContext, nodeName: string): Controller {
  const { client, informers, clock, random, logger } = context;
  const deployments = informers.informer(deploymentKind);
  const pods = informers.informer(podKind);
  const recorder = new EventRecorder({ client, component: 'deployment-controller', clock, logger });
  // What was asked for and is not in the cache yet; without it a slow watch would make pods twice.
  const births = new Map<string, Pod>();
  const deaths = new Set<string>();

  const controller = new Controller({
    name: 'deployment',
    clock,
    logger,
    reconcile: async (key) => {
      // Before its first list the cache shows no pods: planning now would make every pod a second time.
      if (!pods.hasSynced || !deployments.hasSynced) return { requeueAfterMs: SYNC_POLL_MS };
      const { namespace, name } = splitKey(key);
      const deployment = deployments.get(namespace, name);
      if (!deployment) {
        await deleteOrphans(namespace, name);
        return {};
      }
      const owned = [...pods.list({ namespace }), ...births.values()].filter(
        (pod) => pod.metadata.namespace === namespace && isControlledBy(pod, deployment),
      );
      const plan = planDeployment(
        { deployment, pods: owned, deletingNames: deaths },
        { nodeName, nowMs: clock.now(), random },
      );
      for (const action of plan.actions)
        if (action.type === 'create')
          births.set(keyOf(action.object.metadata), action.object as Pod);
        else if (action.type === 'delete') deaths.add(action.name);
      try {
        return await applyPlan(plan, { client, recorder });
      } catch (error) {
        // Whatever did not happen is planned again from the cache.
        for (const action of plan.actions)
          if (action.type === 'create') births.delete(keyOf(action.object.metadata));
          else if (action.type === 'delete') deaths.delete(action.name);
        throw error;
      }
    },
  });

  async function deleteOrphans(namespace: string, name: string): Promise<void> {
    for (const pod of pods.list({ namespace })) {
      const owner = pod.metadata.ownerReferences?.find((ref) => ref.controller);
      if (owner?.kind !== 'Deployment' || owner.name !== name) continue;
      if (pod.metadata.deletionTimestamp) continue;
      await client.delete(
        podKind,
        { namespace, name: pod.metadata.name },
        pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid },
      );
    }
  }

  pods.onChange(({ type, object }) => {
    births.delete(keyOf(object.metadata));
    if (type === 'deleted' || object.metadata.deletionTimestamp)
      deaths.delete(object.metadata.name);
  });
  controller.watch(deployments);
  controller.watch(pods, (pod) =>
    (pod.metadata.ownerReferences ?? [])
      .filter((ref) => ref.controller === true && ref.kind === 'Deployment')
      .map((ref) => keyOf({ name: ref.name, namespace: pod.metadata.namespace ?? '' })),
  );
  return controller;
}
