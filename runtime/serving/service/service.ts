/**
 * What a Service needs next: its Configuration, its Route, and a status that says how they are.
 * Source: knative.dev/serving pkg/reconciler/service/service.go, v1/service_lifecycle.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  isConditionTrue,
  markFalse,
  markUnknown,
  mirrorCondition,
} from '../../apis/meta/condition.ts';
import { isControlledBy } from '../../apis/meta/object.ts';
import {
  configurationsReady,
  routesReady,
  serviceConditions,
} from '../../apis/serving/conditions.ts';
import { applyServiceDefaults } from '../../apis/serving/defaults.ts';
import type {
  Configuration,
  Revision,
  Route,
  Service,
  StatusBase,
  TrafficTarget,
} from '../../apis/serving/types.ts';
import { configurationKind, routeKind, serviceKind } from '../../apis/serving/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { childUpdate } from '../child.ts';
import { beginConditions, isObserved, statusActions, timestamp } from '../status.ts';
import { makeConfiguration, makeRoute } from './make-children.ts';

export interface ObservedService {
  readonly service: Service;
  /** Objects under the children's names, ours or not. */
  readonly configuration: Configuration | undefined;
  readonly route: Route | undefined;
  /** The Revision under the name that the template gives, if it gives one. */
  readonly namedRevision: Revision | undefined;
}

/** A plan under construction: each step adds to it. */
interface Draft {
  readonly service: Service;
  readonly now: string;
  conditions: Conditions;
  status: NonNullable<Service['status']>;
  readonly actions: Action[];
  readonly events: PlannedEvent[];
  error?: Error;
}

export function planService(observed: ObservedService, nowMs: number): Plan {
  const service = applyServiceDefaults(observed.service);
  const now = timestamp(nowMs);
  const draft: Draft = {
    service,
    now,
    conditions: beginConditions(serviceConditions, service, now),
    status: { ...service.status },
    actions: [],
    events: [],
  };
  if (planConfiguration(draft, observed) && isNameAvailable(draft, observed))
    planRoute(draft, observed);
  const status = { ...draft.status, conditions: [...draft.conditions] };
  return {
    actions: [...draft.actions, ...statusActions(serviceKind, observed.service, status)],
    events: draft.events,
    error: draft.error,
  };
}

/** Returns whether the Route may be looked at. */
function planConfiguration(draft: Draft, observed: ObservedService): boolean {
  const { service, now } = draft;
  const actual = observed.configuration;
  const desired = makeConfiguration(service, actual);
  if (actual && !isControlledBy(actual, service)) {
    draft.conditions = markFalse(serviceConditions, draft.conditions, configurationsReady, {
      reason: 'NotOwned',
      message: `There is an existing Configuration "${actual.metadata.name}" that we do not own.`,
      now,
    });
    draft.error = new Error(
      `service "${service.metadata.name}" does not own configuration "${actual.metadata.name}"`,
    );
    return false;
  }
  const changes = planChild(draft, 'Configuration', { actual, desired });
  const isSpecChanged = !actual || !isDeepStrictEqual(actual.spec, desired.spec);
  draft.actions.push(...changes);
  if (!actual || isSpecChanged || !isObserved(actual)) {
    draft.conditions = markUnknown(serviceConditions, draft.conditions, configurationsReady, {
      reason: 'OutOfDate',
      message: 'The Configuration is still working to reflect the latest desired specification.',
      now,
    });
    // An explicitly named revision does not exist yet: the Route must not be pointed at it.
    if (service.spec.template.metadata?.name) return false;
  } else {
    const { latestCreatedRevisionName, latestReadyRevisionName } = actual.status ?? {};
    if (latestCreatedRevisionName)
      draft.status.latestCreatedRevisionName = latestCreatedRevisionName;
    if (latestReadyRevisionName) draft.status.latestReadyRevisionName = latestReadyRevisionName;
    draft.conditions = mirrorReady(draft, configurationsReady, actual);
  }
  return true;
}

function isNameAvailable(draft: Draft, observed: ObservedService): boolean {
  const name = draft.service.spec.template.metadata?.name;
  const { namedRevision, configuration } = observed;
  if (!name || !namedRevision) return true;
  if (configuration && isControlledBy(namedRevision, configuration)) return true;
  draft.conditions = markFalse(serviceConditions, draft.conditions, routesReady, {
    reason: 'RevisionNameTaken',
    message: `The revision name "${name}" is taken by a conflicting Revision, so traffic will not be migrated`,
    now: draft.now,
  });
  return false;
}

function planRoute(draft: Draft, observed: ObservedService): void {
  const { service, now } = draft;
  const actual = observed.route;
  const desired = makeRoute(service);
  if (actual && !isControlledBy(actual, service)) {
    draft.conditions = markFalse(serviceConditions, draft.conditions, routesReady, {
      reason: 'NotOwned',
      message: `There is an existing Route "${actual.metadata.name}" that we do not own.`,
      now,
    });
    draft.error = new Error(
      `service "${service.metadata.name}" does not own route "${actual.metadata.name}"`,
    );
    return;
  }
  draft.actions.push(...planChild(draft, 'Route', { actual, desired }));
  if (!actual || !isDeepStrictEqual(actual.spec, desired.spec) || !isObserved(actual)) {
    draft.conditions = markUnknown(serviceConditions, draft.conditions, routesReady, {
      reason: 'OutOfDate',
      message: 'The Route is still working to reflect the latest desired specification.',
      now,
    });
    return;
  }
  const { url, address, traffic } = actual.status ?? {};
  if (url) draft.status.url = url;
  if (address) draft.status.address = address;
  if (traffic) draft.status.traffic = traffic;
  draft.conditions = mirrorReady(draft, routesReady, actual);
  if (!isConditionTrue(draft.conditions, routesReady)) return;
  if (isTrafficMigrated(desired, observed.configuration, traffic ?? [])) return;
  draft.conditions = markUnknown(serviceConditions, draft.conditions, routesReady, {
    reason: 'TrafficNotMigrated',
    message: 'Traffic is not yet migrated to the latest revision.',
    now,
  });
}

/** Whether the Route serves what is asked for, with the latest revision being the one that is ready now. */
function isTrafficMigrated(
  route: Route,
  configuration: Configuration | undefined,
  actual: readonly TrafficTarget[],
): boolean {
  const latest = configuration?.status?.latestReadyRevisionName ?? '';
  const essence = (target: TrafficTarget): unknown => ({
    tag: target.tag ?? '',
    revisionName: target.revisionName || latest,
    percent: target.percent ?? 0,
  });
  return isDeepStrictEqual((route.spec.traffic ?? []).map(essence), actual.map(essence));
}

function planChild<T extends Configuration | Route>(
  draft: Draft,
  kindName: 'Configuration' | 'Route',
  child: { readonly actual: T | undefined; readonly desired: T },
): readonly Action[] {
  const kind = kindName === 'Configuration' ? configurationKind : routeKind;
  const { actual, desired } = child;
  if (actual)
    return childUpdate(kind as typeof configurationKind, actual as never, desired as never);
  draft.events.push({
    object: draft.service,
    type: 'Normal',
    reason: 'Created',
    message: `Created ${kindName} "${desired.metadata.name}"`,
  });
  return [{ type: 'create', kind, object: desired }];
}

const mirrorReady = (draft: Draft, type: string, child: { status?: StatusBase }): Conditions =>
  mirrorCondition(serviceConditions, draft.conditions, type, {
    condition: getCondition(child.status?.conditions, 'Ready'),
    now: draft.now,
  });
