/** Wires the labeler: a Route or Configuration that changes concerns the Revisions that it may reach. */
import type { KubeObject } from '../../apis/meta/object.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import { configurationLabelKey } from '../../apis/serving/labels.ts';
import type { Route } from '../../apis/serving/types.ts';
import { configurationKind, revisionKind, routeKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePlanController } from '../controllers.ts';
import { routesOf } from '../routes-annotation.ts';
import { planLabels } from './labeler.ts';

export function makeLabelerController(context: ControllerContext): Controller {
  const revisions = context.informers.informer(revisionKind);
  const configurations = context.informers.informer(configurationKind);
  const routes = context.informers.informer(routeKind);
  const controller = makePlanController(context, {
    name: 'labeler-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const revision = revisions.get(namespace, name);
      if (!revision || revision.metadata.deletionTimestamp) return undefined;
      const owner = revision.metadata.labels?.[configurationLabelKey] ?? '';
      return planLabels(
        {
          revision,
          configuration: configurations.get(namespace, owner),
          routes: routes.list({ namespace }),
        },
        context.clock.now(),
      );
    },
  });
  const revisionsOf = (configuration: KubeObject): string[] =>
    revisions
      .list({
        namespace: configuration.metadata.namespace ?? '',
        labels: { [configurationLabelKey]: configuration.metadata.name },
      })
      .map(({ metadata }) => keyOf(metadata));
  /** Those that it names, those of its Configurations, and those which say that it routes to them. */
  const revisionsReachedBy = (route: Route): string[] => {
    const { namespace = '', name } = route.metadata;
    const targets = [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])];
    const isConcerned = (revision: KubeObject): boolean =>
      routesOf(revision).includes(name) ||
      targets.some(
        ({ revisionName, configurationName }) =>
          revisionName === revision.metadata.name ||
          (configurationName ?? '') === revision.metadata.labels?.[configurationLabelKey],
      );
    return revisions
      .list({ namespace })
      .filter(isConcerned)
      .map(({ metadata }) => keyOf(metadata));
  };
  controller.watch(revisions);
  controller.watch(configurations, revisionsOf);
  controller.watch(routes, revisionsReachedBy);
  return controller;
}
