/** Wires the Deployment plan to the API: looked at when it, one of its ReplicaSets or a Pod of an old one changes. */
import { deploymentKind, replicaSetKind } from '../../apis/apps/types.ts';
import { podKind } from '../../apis/core/types.ts';
import { matchesSelector } from '../../apis/meta/label-selector.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { planDeployment } from './deployment-plan.ts';

export function makeDeploymentController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context;
  const deployments = informers.informer(deploymentKind);
  const replicaSets = informers.informer(replicaSetKind);
  const pods = informers.informer(podKind);
  const recorder = new EventRecorder({ client, component: 'deployment-controller', clock, logger });
  const controller = new Controller({
    name: 'deployment',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const deployment = deployments.get(namespace, name);
      if (!deployment) return {};
      const plan = planDeployment(
        {
          deployment,
          replicaSets: replicaSets.list({ namespace }),
          pods: pods.list({ namespace }),
        },
        { nowMs: clock.now() },
      );
      return applyPlan(plan, { client, recorder });
    },
  });
  controller.watch(deployments);
  controller.watch(replicaSets, ({ metadata }) => {
    const { namespace = '', ownerReferences, labels } = metadata;
    const owner = ownerReferences?.find((ref) => ref.controller);
    if (owner) return owner.kind === 'Deployment' ? [keyOf({ name: owner.name, namespace })] : [];
    return deployments
      .list({ namespace })
      .filter(({ spec }) => matchesSelector(spec.selector, labels))
      .map((deployment) => keyOf(deployment.metadata));
  });
  pods.onChange(({ type, object }) => {
    // Recreate waits for the last Pod of the old template; everything else the ReplicaSets tell.
    if (type !== 'deleted') return;
    const { namespace = '', ownerReferences } = object.metadata;
    const owner = ownerReferences?.find((ref) => ref.controller);
    if (owner?.kind !== 'ReplicaSet') return;
    const set = replicaSets.get(namespace, owner.name);
    const name = set?.metadata.ownerReferences?.find((ref) => ref.controller)?.name;
    if (name && deployments.get(namespace, name)?.spec.strategy?.type === 'Recreate')
      controller.enqueue(keyOf({ name, namespace }));
  });
  return controller;
}
