/**
 * Which Routes a Revision serves: its `routes` annotation and routing state. Keyed by Revision and
 * derived from all Routes, so a deleted Route needs no finalizer to be forgotten.
 * Source: knative.dev/serving pkg/reconciler/labeler (behaviour).
 */
import { getCondition } from '../../apis/meta/condition.ts';
import type { RoutingState } from '../../apis/serving/labels.ts';
import {
  configurationLabelKey,
  routesAnnotationKey,
  routingStateLabelKey,
  routingStateModifiedAnnotationKey,
} from '../../apis/serving/labels.ts';
import type { Configuration, Revision, Route } from '../../apis/serving/types.ts';
import { revisionKind } from '../../apis/serving/types.ts';
import type { Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { joinRoutes, routesOf } from '../routes-annotation.ts';
import { isObserved, timestamp } from '../status.ts';

export interface ObservedRouting {
  readonly revision: Revision;
  readonly configuration: Configuration | undefined;
  /** Routes that refer to the Revision or its Configuration, or that it says it serves; others may be among them. */
  readonly routes: readonly Route[];
}

export function planLabels(observed: ObservedRouting, nowMs: number): Plan {
  const { revision, routes } = observed;
  const { labels = {}, annotations = {}, name, namespace = '' } = revision.metadata;
  const wanted = new Set(
    routes.filter((route) => isReferenced(route, observed)).map((route) => route.metadata.name),
  );
  for (const route of routesOf(revision)) if (mustStay(route, observed)) wanted.add(route);
  const joined = joinRoutes(wanted);
  const before = labels[routingStateLabelKey];
  const state = stateOf(before, wanted.size > 0);
  const isSame = state === before && joined === (annotations[routesAnnotationKey] ?? '');
  if (isSame) return emptyPlan;
  const body = {
    metadata: {
      labels: { [routingStateLabelKey]: state },
      annotations: {
        [routesAnnotationKey]: joined === '' ? null : joined,
        ...(state === before ? {} : { [routingStateModifiedAnnotationKey]: timestamp(nowMs) }),
      },
    },
  };
  return {
    actions: [{ type: 'patch', kind: revisionKind, namespace, name, patchType: 'merge', body }],
    events: [],
  };
}

/** A revision that no Route has ever asked for stays pending. */
function stateOf(before: string | undefined, isRouted: boolean): RoutingState {
  if (isRouted) return 'active';
  return before === undefined || before === 'pending' ? 'pending' : 'reserve';
}

/** By name in spec or status, or as the latest created or latest ready of a targeted Configuration. */
function isReferenced(route: Route, { revision, configuration }: ObservedRouting): boolean {
  const { name } = revision.metadata;
  const isNamed = [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])].some(
    (target) => target.revisionName === name,
  );
  if (isNamed) return true;
  const ofConfiguration = revision.metadata.labels?.[configurationLabelKey];
  const { latestReadyRevisionName, latestCreatedRevisionName } = configuration?.status ?? {};
  const isLatest = name === latestReadyRevisionName || name === latestCreatedRevisionName;
  return (
    isLatest &&
    (route.spec.traffic ?? []).some(
      (target) => !target.revisionName && target.configurationName === ofConfiguration,
    )
  );
}

/**
 * A Route is taken off only when it has settled, ready or failed, so that a revision keeps its pods
 * while traffic moves away. One that the Configuration announces may be about to be created.
 */
function mustStay(name: string, { routes, configuration }: ObservedRouting): boolean {
  const route = routes.find(({ metadata }) => metadata.name === name);
  if (!route) return configuration !== undefined && routesOf(configuration).includes(name);
  const status = getCondition(route.status?.conditions, 'Ready')?.status;
  return !isObserved(route) || status === undefined || status === 'Unknown';
}
