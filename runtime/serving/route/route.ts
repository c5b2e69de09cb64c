/**
 * What a Route needs next: revisions for its traffic, a placeholder Service for each of its names,
 * and the Ingress that the gateway serves.
 * Source: knative.dev/serving pkg/reconciler/route/route.go, v1/route_lifecycle.go.
 */
import type { CoreService } from '../../apis/core/types.ts';
import { coreServiceKind } from '../../apis/core/types.ts';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  isConditionTrue,
  markFalse,
  markTrue,
  markTrueWithReason,
  markUnknown,
  mirrorCondition,
} from '../../apis/meta/condition.ts';
import { parseGoDuration } from '../../apis/meta/go-duration.ts';
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
import {
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
} from '../../apis/serving/labels.ts';
import type { Route } from '../../apis/serving/types.ts';
import { routeKind } from '../../apis/serving/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { childUpdate } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { beginConditions, isObserved, statusActions, timestamp } from '../status.ts';
import { HostError, addressUrl, isTargetLocal, targetUrl } from './hosts.ts';
import { makeIngress } from './make-ingress.ts';
import { makePlaceholderService } from './make-placeholder-service.ts';
import {
  isRolloutDone,
  makeRollout,
  observeReady,
  parseRollout,
  rolloutAnnotationKey,
  stepRollout,
} from './rollout.ts';
import type { ResolvedTarget, TrafficSources } from './traffic.ts';
import { latestTargets, resolveTraffic, splitsByTag, statusTargets } from './traffic.ts';

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
  const draft: Draft = {
    route,
    observed,
    config,
    nowMs,
    now,
    conditions: beginConditions(set, route, now),
    status: { ...route.status },
  };
  if (!isObserved(route)) draft.conditions = markIngressNotConfigured(draft.conditions, now);
  try {
    return planTraffic(draft);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    draft.conditions = markFalse(set, draft.conditions, allTrafficAssigned, {
      reason: 'ErrorConfig',
      message: error.message,
      now,
    });
    return finish(draft, { actions: [], error });
  }
}

/** A plan under construction: each step adds to it. */
interface Draft {
  readonly route: Route;
  readonly observed: ObservedRoute;
  readonly config: ServingConfig;
  readonly nowMs: number;
  readonly now: string;
  conditions: Conditions;
  status: NonNullable<Route['status']>;
}

function finish(
  { observed, status, conditions }: Draft,
  rest: Omit<Plan, 'events'> & { events?: readonly PlannedEvent[] },
): Plan {
  const next = { ...status, conditions: [...conditions] };
  return {
    ...rest,
    actions: [...rest.actions, ...statusActions(routeKind, observed.route, next)],
    events: rest.events ?? [],
  };
}

/** @throws {HostError} when the configuration makes no host of the Route. */
function planTraffic(draft: Draft): Plan {
  const { route, observed, config, now } = draft;
  const isLocal = (tag: string): boolean =>
    isTargetLocal(route, tag, { services: observed.services, config });
  draft.status.url = targetUrl(route, '', { isLocal: isLocal(''), config });
  draft.status.address = { url: addressUrl(route, '', config) };
  const resolved = resolveTraffic(route, observed.sources);
  if ('fault' in resolved) {
    const { status: verdict, reason, message } = resolved.fault;
    const mark = verdict === 'False' ? markFalse : markUnknown;
    draft.conditions = mark(set, draft.conditions, allTrafficAssigned, { reason, message, now });
    return finish(draft, { actions: [] });
  }
  draft.conditions = markTrue(set, draft.conditions, allTrafficAssigned, now);
  draft.conditions = markTrueWithReason(set, draft.conditions, certificateProvisioned, {
    reason: 'TLSNotEnabled',
    message: 'external-domain-tls is not enabled',
    now,
  });
  const { rollout, nextStepMs } = planRollout(draft, resolved.targets);
  draft.status.traffic = resolved.targets.flatMap((target) =>
    statusTargets(target, rollout).map((one) =>
      target.tag
        ? { ...one, url: targetUrl(route, target.tag, { isLocal: isLocal(target.tag), config }) }
        : one,
    ),
  );
  const targets = [...splitsByTag(resolved.targets, rollout)].map(([tag, splits]) => ({
    tag,
    splits,
    isLocal: isLocal(tag),
  }));
  const plan = planChildren(draft, {
    ingress: makeIngress(route, targets, { rollout, config }),
    services: targets.map(({ tag }) => makePlaceholderService(route, tag, config)),
    isRollingOut: !isRolloutDone(rollout),
  });
  const requeueAfterMs =
    nextStepMs === undefined ? undefined : Math.max(1, nextStepMs - draft.nowMs);
  return { ...plan, requeueAfterMs };
}

/** Where traffic for the latest revisions has got to. Without a duration it moves at once. */
function planRollout(
  { route, observed, config, nowMs }: Draft,
  targets: readonly ResolvedTarget[],
): ReturnType<typeof stepRollout> {
  const goal = makeRollout(latestTargets(targets));
  const { ingress } = observed;
  const durationSeconds = rolloutSecondsOf(route) ?? config.network.rolloutDurationSeconds;
  if (durationSeconds <= 0 || !ingress) return { rollout: goal, nextStepMs: undefined };
  let before = parseRollout(ingress.metadata.annotations?.[rolloutAnnotationKey]);
  const isServed = isObserved(ingress) && isConditionTrue(ingress.status?.conditions, 'Ready');
  if (before && isServed && !isConditionTrue(observed.route.status?.conditions, ingressReady))
    before = observeReady(before, durationSeconds, nowMs);
  return stepRollout(goal, before, nowMs);
}

/** Undefined, or 0, leaves it to the configuration. */
function rolloutSecondsOf({ metadata }: Route): number | undefined {
  const text =
    metadata.annotations?.[rolloutDurationAnnotationKey] ??
    metadata.annotations?.[rolloutDurationAlternateKey];
  const seconds = (parseGoDuration(text ?? '') ?? 0) / 1_000;
  return seconds > 0 ? seconds : undefined;
}

function planChildren(
  draft: Draft,
  desired: {
    readonly ingress: Ingress;
    readonly services: readonly CoreService[];
    readonly isRollingOut: boolean;
  },
): Plan {
  const { route, observed, now } = draft;
  const foreign = findForeign(route, observed, desired.services);
  if (foreign) {
    const what = foreign.kind === 'Service' ? 'placeholder Service' : foreign.kind;
    draft.conditions = markFalse(set, draft.conditions, ingressReady, {
      reason: 'NotOwned',
      message: `There is an existing ${what} "${foreign.metadata.name}" that we do not own.`,
      now,
    });
    return finish(draft, {
      actions: [],
      error: new Error(
        `route "${route.metadata.name}" does not own ${foreign.kind} "${foreign.metadata.name}"`,
      ),
    });
  }
  const { ingress } = observed;
  const ingressActions: readonly Action[] = ingress
    ? childUpdate(ingressKind, ingress, desired.ingress)
    : [{ type: 'create', kind: ingressKind, object: desired.ingress }];
  if (desired.isRollingOut)
    draft.conditions = markUnknown(set, draft.conditions, ingressReady, {
      reason: 'RolloutInProgress',
      message: 'A gradual rollout of the latest revision(s) is in progress.',
      now,
    });
  else
    draft.conditions =
      ingress && ingressActions.length === 0 && isObserved(ingress)
        ? mirrorIngress(draft.conditions, ingress, now)
        : markIngressNotConfigured(draft.conditions, now);
  const services = servicePlan(route, observed.services, desired.services);
  return finish(draft, {
    actions: [...services.actions, ...ingressActions],
    events: [...services.events, ...(ingress ? [] : [createdEvent(route, desired.ingress)])],
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
