/** Wires the Configuration controller: looked at when it or one of its Revisions changes. */
import { splitKey } from '../../apis/meta/object.ts';
import { configurationLabelKey } from '../../apis/serving/labels.ts';
import { configurationKind, revisionKind, routeKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { labelKeyOf, makePlanController } from '../controllers.ts';
import { configurationsOfRoute } from '../route-references.ts';
import type { ServingConfigSource } from '../serving-config.ts';
import { planConfiguration } from './configuration.ts';

export function makeConfigurationController(
  context: ControllerContext,
  config: ServingConfigSource,
): Controller {
  const configurations = context.informers.informer(configurationKind);
  const revisions = context.informers.informer(revisionKind);
  const routesTo = context.informers.informer(routeKind).indexBy(configurationsOfRoute);
  const controller = makePlanController(context, {
    name: 'configuration-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const configuration = configurations.get(namespace, name);
      if (!configuration || configuration.metadata.deletionTimestamp) return undefined;
      const named = configuration.spec.template.metadata?.name;
      const observed = {
        configuration,
        revisions: revisions.list({ namespace, labels: { [configurationLabelKey]: name } }),
        namedRevision: named ? revisions.get(namespace, named) : undefined,
        routes: routesTo(key),
      };
      return planConfiguration(observed, config.current, context.clock.now());
    },
  });
  controller.watch(configurations);
  controller.watch(revisions, labelKeyOf(configurationLabelKey));
  return controller;
}
