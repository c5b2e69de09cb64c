/** Wires the Revision controller: looked at when it, its Deployment, PodAutoscaler or a Pod changes. */
import { deploymentKind } from '../../apis/apps/types.ts';
import { podAutoscalerKind } from '../../apis/autoscaling/types.ts';
import { podKind } from '../../apis/core/types.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import { revisionLabelKey } from '../../apis/serving/labels.ts';
import { deploymentName, podAutoscalerName } from '../../apis/serving/names.ts';
import { revisionKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { controllerKeyOf, labelKeyOf, makePlanController } from '../controllers.ts';
import type { ServingConfigSource } from '../serving-config.ts';
import type { ResolveImage } from './digest-resolver.ts';
import { DigestResolver } from './digest-resolver.ts';
import { planRevision } from './revision.ts';

export function makeRevisionController(
  context: ControllerContext,
  config: ServingConfigSource,
  resolveImage: ResolveImage,
): Controller {
  const revisions = context.informers.informer(revisionKind);
  const deployments = context.informers.informer(deploymentKind);
  const podAutoscalers = context.informers.informer(podAutoscalerKind);
  const pods = context.informers.informer(podKind);
  const digests = new DigestResolver(({ metadata }) => controller.enqueue(keyOf(metadata)));
  const controller: Controller = makePlanController(context, {
    name: 'revision-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const revision = revisions.get(namespace, name);
      if (!revision || revision.metadata.deletionTimestamp) return undefined;
      const observed = {
        revision,
        deployment: deployments.get(namespace, deploymentName(name)),
        podAutoscaler: podAutoscalers.get(namespace, podAutoscalerName(name)),
        pods: pods.list({ namespace, labels: { [revisionLabelKey]: name } }),
        digests: digests.resolve(revision, {
          resolveImage,
          skippedRegistries: config.current.deployment.skippedRegistries,
          timeoutMs: config.current.deployment.digestResolutionTimeoutMs,
        }),
      };
      return planRevision(observed, config.current, context.clock.now());
    },
  });
  revisions.onChange(({ type, object }) => {
    if (type === 'deleted') digests.forget(object);
  });
  controller.watch(revisions);
  controller.watch(deployments, controllerKeyOf('Revision'));
  controller.watch(podAutoscalers, controllerKeyOf('Revision'));
  controller.watch(pods, labelKeyOf(revisionLabelKey));
  return controller;
}
