/** Wires the labeler: a Route or Configuration that changes concerns the Revisions that it may reach. */
import type { KubeObject } from '../../apis/meta/object.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import { configurationLabelKey } from '../../apis/serving/labels.ts';
import type { Revision, Route } from '../../apis/serving/types.ts';
import { configurationKind, revisionKind, routeKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePlanController } from '../controllers.ts';
import { configurationsOfRoute, revisionsOfRoute } from '../route-references.ts';
import { routesOf } from '../routes-annotation.ts';
import { planLabels } from './labeler.ts';

export function makeLabelerController(context: ControllerContext): Controller {
  const revisions = context.informers.informer(revisionKind);
  const configurations = context.informers.informer(configurationKind);
  const routes = context.informers.informer(routeKind);
  const routesToConfiguration = routes.indexBy(configurationsOfRoute);
  const routesToRevision = routes.indexBy(revisionsOfRoute);
  const revisionsWithRoute = revisions.indexBy((revision) =>
    routesOf(revision).map((name) => keyOf({ ...revision.metadata, name })),
  );
  /** Those that refer to it or to its Configuration, and those which it says that it serves. */
  const routesOfRevision = (revision: Revision): readonly Route[] => {
    const { namespace = '', labels } = revision.metadata;
    const owner = labels?.[configurationLabelKey] ?? '';
    const named = routesOf(revision).map((name) => routes.get(namespace, name));
    return [
      ...new Set([
        ...routesToRevision(keyOf(revision.metadata)),
        ...routesToConfiguration(keyOf({ namespace, name: owner })),
        ...named.filter((route) => route !== undefined),
      ]),
    ];
  };
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
          routes: routesOfRevision(revision),
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
    const { namespace = '' } = route.metadata;
    const ofConfigurations = (route.spec.traffic ?? []).flatMap(({ configurationName }) =>
      configurationName
        ? revisions.list({ namespace, labels: { [configurationLabelKey]: configurationName } })
        : [],
    );
    return [
      ...revisionsOfRoute(route),
      ...[...ofConfigurations, ...revisionsWithRoute(keyOf(route.metadata))].map(({ metadata }) =>
        keyOf(metadata),
      ),
    ];
  };
  controller.watch(revisions);
  controller.watch(configurations, revisionsOf);
  controller.watch(routes, revisionsReachedBy);
  return controller;
}
