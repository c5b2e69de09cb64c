/** Wires the Route controller: looked at when it, what its traffic refers to, or a child changes. */
import { coreServiceKind } from '../../apis/core/types.ts';
import { isControlledBy, keyOf, splitKey } from '../../apis/meta/object.ts';
import { ingressKind } from '../../apis/networking/types.ts';
import { routeLabelKey } from '../../apis/serving/labels.ts';
import { ingressName } from '../../apis/serving/names.ts';
import type { Configuration, Revision, Route } from '../../apis/serving/types.ts';
import { configurationKind, revisionKind, routeKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import type { Informer } from '../../kube/informer.ts';
import { controllerKeyOf, labelKeyOf, makePlanController } from '../controllers.ts';
import { configurationsOfRoute, revisionsOfRoute } from '../route-references.ts';
import type { ServingConfigSource } from '../serving-config.ts';
import { targetName } from './hosts.ts';
import type { ObservedRoute } from './route.ts';
import { planRoute } from './route.ts';
import type { TrafficSources } from './traffic.ts';

export function makeRouteController(
  context: ControllerContext,
  config: ServingConfigSource,
): Controller {
  const routes = context.informers.informer(routeKind);
  const configurations = context.informers.informer(configurationKind);
  const revisions = context.informers.informer(revisionKind);
  const ingresses = context.informers.informer(ingressKind);
  const services = context.informers.informer(coreServiceKind);

  const observe = (route: Route): ObservedRoute => {
    const { namespace = '', name } = route.metadata;
    const tags = ['', ...(route.spec.traffic ?? []).map(({ tag }) => tag ?? '')];
    const names = tags.map((tag) => targetName(route, tag, config.current));
    const ours = services
      .list({ namespace, labels: { [routeLabelKey]: name } })
      .filter((service) => isControlledBy(service, route));
    const namesakes = [...new Set(names)]
      .map((candidate) => services.get(namespace, candidate))
      .filter((service) => service !== undefined && !ours.includes(service));
    return {
      route,
      sources: observeSources(route, { configurations, revisions }),
      ingress: ingresses.get(namespace, ingressName(name)),
      services: [...ours, ...namesakes.filter((service) => service !== undefined)],
    };
  };

  const controller = makePlanController(context, {
    name: 'route-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const route = routes.get(namespace, name);
      if (!route || route.metadata.deletionTimestamp) return undefined;
      return planRoute(observe(route), config.current, context.clock.now());
    },
  });
  const routesToConfiguration = routes.indexBy(configurationsOfRoute);
  const routesToRevision = routes.indexBy(revisionsOfRoute);
  const keysOf = (found: readonly Route[]): string[] =>
    found.map(({ metadata }) => keyOf(metadata));
  controller.watch(routes);
  controller.watch(configurations, ({ metadata }) =>
    keysOf(routesToConfiguration(keyOf(metadata))),
  );
  controller.watch(revisions, ({ metadata }) => keysOf(routesToRevision(keyOf(metadata))));
  controller.watch(ingresses, controllerKeyOf('Route'));
  controller.watch(services, labelKeyOf(routeLabelKey));
  return controller;
}

function observeSources(
  route: Route,
  informers: {
    readonly configurations: Informer<Configuration>;
    readonly revisions: Informer<Revision>;
  },
): TrafficSources {
  const namespace = route.metadata.namespace ?? '';
  const configurations = new Map<string, Configuration>();
  const revisions = new Map<string, Revision>();
  const addRevision = (name: string | undefined): void => {
    const revision = name ? informers.revisions.get(namespace, name) : undefined;
    if (revision) revisions.set(revision.metadata.name, revision);
  };
  for (const { configurationName, revisionName } of route.spec.traffic ?? []) {
    addRevision(revisionName);
    const configuration = configurationName
      ? informers.configurations.get(namespace, configurationName)
      : undefined;
    if (!configuration) continue;
    configurations.set(configuration.metadata.name, configuration);
    addRevision(configuration.status?.latestReadyRevisionName);
  }
  return { configurations, revisions };
}
