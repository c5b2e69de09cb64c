/**
 * What a Route needs next: revisions for its traffic, a placeholder Service for each of its names,
 * and the Ingress that the gateway serves. Traffic moves at once; gradual rollout is not here.
 * Source: knative.dev/serving pkg/reconciler/route/route.go, v1/route_lifecycle.go.
 */
import type { CoreService } from '../../apis/core/types.ts';
import { coreServiceKind } from '../../apis/core/types.ts';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  markFalse,
  markTrue,
  markTrueWithReason,
  markUnknown,
  mirrorCondition,
} from '../../apis/meta/condition.ts';
import { isControlledBy } from '../../apis/meta/object.ts';
import type { Ingress } from '../../apis/networking/types.ts';
import { ingressKind } from '../../apis/networking/types.ts';
import {
  allTrafficAssigned,
  certificateProvisioned,
  ingressReady,
  routeConditions,
} from '../../apis/serving/conditions.ts';
import { applyRouteDefaults } from '../../apis/serving/defaults.ts';
import type { Route, TrafficTarget } from '../../apis/serving/types.ts';
import { routeKind } from '../../apis/serving/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { childUpdate } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { beginConditions, isObserved, statusActions, timestamp } from '../status.ts';
import { addressUrl, targetUrl } from './hosts.ts';
import { makeIngress } from './make-ingress.ts';
import { makePlaceholderService } from './make-placeholder-service.ts';
import type { ResolvedTarget, TrafficSources } from './traffic.ts';
import { resolveTraffic, splitsByTag } from './traffic.ts';

export interface ObservedRoute {
  readonly route: Route;
  readonly sources: TrafficSources;
  /** The Ingress under the Route's name, ours or not. */
  readonly ingress: Ingress | undefined;
  /** Placeholder Services of the Route, and whatever else has a name that one of them needs. */
  readonly services: readonly CoreService[];
}

const set = routeConditions;

export function planRoute(observed: ObservedRoute, config: ServingConfig, nowMs: number): Plan {
  const route = applyRouteDefaults(observed.route);
  const now = timestamp(nowMs);
  let conditions = beginConditions(set, route, now);
  if (!isObserved(route)) conditions = markIngressNotConfigured(conditions, now);
  const status: NonNullable<Route['status']> = {
    ...route.status,
    url: targetUrl(route, '', config),
    address: { url: addressUrl(route) },
  };
  const finish = (rest: Omit<Plan, 'events'> & { events?: readonly PlannedEvent[] }): Plan => ({
    ...rest,
    actions: [
      ...rest.actions,
      ...statusActions(routeKind, observed.route, { ...status, conditions: [...conditions] }),
    ],
    events: rest.events ?? [],
  });

  const resolved = resolveTraffic(route, observed.sources);
  if ('fault' in resolved) {
    const { status: verdict, reason, message } = resolved.fault;
    const mark = verdict === 'False' ? markFalse : markUnknown;
    conditions = mark(set, conditions, allTrafficAssigned, { reason, message, now });
    return finish({ actions: [] });
  }
  conditions = markTrue(set, conditions, allTrafficAssigned, now);
  status.traffic = resolved.targets.map((target) => statusTarget(route, target, config));
  conditions = markTrueWithReason(set, conditions, certificateProvisioned, {
    reason: 'TLSNotEnabled',
    message: 'external-domain-tls is not enabled',
    now,
  });

  const splits = splitsByTag(resolved.targets);
  const desiredServices = [...splits.keys()].map((tag) =>
    makePlaceholderService(route, tag, config),
  );
  const desiredIngress = makeIngress(route, splits, config);
  const foreign = findForeign(route, observed, desiredServices);
  if (foreign) {
    const what = foreign.kind === 'Service' ? 'placeholder Service' : foreign.kind;
    conditions = markFalse(set, conditions, ingressReady, {
      reason: 'NotOwned',
      message: `There is an existing ${what} "${foreign.metadata.name}" that we do not own.`,
      now,
    });
    return finish({
      actions: [],
      error: new Error(
        `route "${route.metadata.name}" does not own ${foreign.kind} "${foreign.metadata.name}"`,
      ),
    });
  }

  const { ingress } = observed;
  const ingressActions: readonly Action[] = ingress
    ? childUpdate(ingressKind, ingress, desiredIngress)
    : [{ type: 'create', kind: ingressKind, object: desiredIngress }];
  conditions =
    ingress && ingressActions.length === 0 && isObserved(ingress)
      ? mirrorIngress(conditions, ingress, now)
      : markIngressNotConfigured(conditions, now);
  const services = servicePlan(route, observed.services, desiredServices);
  return finish({
    actions: [...services.actions, ...ingressActions],
    events: [...services.events, ...(ingress ? [] : [createdEvent(route, desiredIngress)])],
  });
}

const markIngressNotConfigured = (conditions: Conditions, now: string): Conditions =>
  markUnknown(set, conditions, ingressReady, {
    reason: 'IngressNotConfigured',
    message: 'Ingress has not yet been reconciled.',
    now,
  });

function mirrorIngress(conditions: Conditions, ingress: Ingress, now: string): Conditions {
  const condition = getCondition(ingress.status?.conditions, 'Ready');
  if (!condition) return markIngressNotConfigured(conditions, now);
  return mirrorCondition(set, conditions, ingressReady, { condition, now });
}

/** `url` is given for tags only: the main one is the Route's own. */
function statusTarget(route: Route, target: ResolvedTarget, config: ServingConfig): TrafficTarget {
  const { protocol: _protocol, ...rest } = target;
  return target.tag ? { ...rest, url: targetUrl(route, target.tag, config) } : rest;
}

function findForeign(
  route: Route,
  observed: ObservedRoute,
  desired: readonly CoreService[],
): Ingress | CoreService | undefined {
  const names = new Set(desired.map(({ metadata }) => metadata.name));
  const { ingress, services } = observed;
  const namesakes = services.filter(({ metadata }) => names.has(metadata.name));
  return [...(ingress ? [ingress] : []), ...namesakes].find(
    (child) => !isControlledBy(child, route),
  );
}

/** One Service per name; those of tags that are gone go too. */
function servicePlan(
  route: Route,
  actual: readonly CoreService[],
  desired: readonly CoreService[],
): { readonly actions: readonly Action[]; readonly events: readonly PlannedEvent[] } {
  const actions: Action[] = [];
  const events: PlannedEvent[] = [];
  const existing = new Map(actual.map((service) => [service.metadata.name, service]));
  for (const service of desired) {
    const found = existing.get(service.metadata.name);
    existing.delete(service.metadata.name);
    if (found) {
      actions.push(
        ...childUpdate(coreServiceKind, withoutServerFields(found), united(found, service)),
      );
      continue;
    }
    actions.push({ type: 'create', kind: coreServiceKind, object: service });
    events.push(createdEvent(route, service, 'placeholder service'));
  }
  for (const { metadata } of existing.values())
    actions.push({
      type: 'delete',
      kind: coreServiceKind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid,
    });
  return { actions, events };
}

/** Labels and annotations that others have put on a placeholder stay: visibility is set there by hand. */
const united = (found: CoreService, desired: CoreService): CoreService => ({
  ...desired,
  metadata: {
    ...desired.metadata,
    labels: { ...found.metadata.labels, ...desired.metadata.labels },
    annotations: { ...found.metadata.annotations, ...desired.metadata.annotations },
  },
});

/** A Kubernetes API server adds fields of its own to a Service's spec, e.g. `internalTrafficPolicy`. */
function withoutServerFields(service: CoreService): CoreService {
  const { type, externalName, sessionAffinity, ports } = service.spec;
  return {
    ...service,
    spec: {
      ...(type === undefined ? {} : { type }),
      ...(externalName === undefined ? {} : { externalName }),
      ...(sessionAffinity === undefined ? {} : { sessionAffinity }),
      ...(ports === undefined ? {} : { ports }),
    },
  };
}

const createdEvent = (
  route: Route,
  object: Ingress | CoreService,
  what: string = object.kind,
): PlannedEvent => ({
  object: route,
  type: 'Normal',
  reason: 'Created',
  message: `Created ${what} "${object.metadata.name}"`,
});
