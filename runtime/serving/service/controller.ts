/** Wires the Service controller: a Service is looked at when it, its children or a named Revision change. */
import { splitKey } from '../../apis/meta/object.ts';
import { serviceLabelKey } from '../../apis/serving/labels.ts';
import { configurationName, routeName } from '../../apis/serving/names.ts';
import {
  configurationKind,
  revisionKind,
  routeKind,
  serviceKind,
} from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { controllerKeyOf, labelKeyOf, makePlanController } from '../controllers.ts';
import { planService } from './service.ts';

export function makeServiceController(context: ControllerContext): Controller {
  const services = context.informers.informer(serviceKind);
  const configurations = context.informers.informer(configurationKind);
  const routes = context.informers.informer(routeKind);
  const revisions = context.informers.informer(revisionKind);
  const controller = makePlanController(context, {
    name: 'service-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      if (!service || service.metadata.deletionTimestamp) return undefined;
      const named = service.spec.template.metadata?.name;
      return planService(
        {
          service,
          configuration: configurations.get(namespace, configurationName(name)),
          route: routes.get(namespace, routeName(name)),
          namedRevision: named ? revisions.get(namespace, named) : undefined,
        },
        context.clock.now(),
      );
    },
  });
  controller.watch(services);
  controller.watch(configurations, controllerKeyOf('Service'));
  controller.watch(routes, controllerKeyOf('Service'));
  controller.watch(revisions, labelKeyOf(serviceLabelKey));
  return controller;
}
