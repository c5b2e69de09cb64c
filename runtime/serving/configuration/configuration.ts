/**
 * What a Configuration needs next: the Revision of its generation, and which of its Revisions is the
 * latest that is ready. Source: knative.dev/serving pkg/reconciler/configuration/configuration.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  isObjectReady,
  markFalse,
  markTrue,
  markUnknown,
} from '../../apis/meta/condition.ts';
import { isControlledBy } from '../../apis/meta/object.ts';
import { configurationConditions } from '../../apis/serving/conditions.ts';
import { applyConfigurationDefaults } from '../../apis/serving/defaults.ts';
import { configurationGenerationLabelKey } from '../../apis/serving/labels.ts';
import type { Configuration, Revision, Route } from '../../apis/serving/types.ts';
import { configurationKind, revisionKind } from '../../apis/serving/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { routesOf } from '../routes-annotation.ts';
import type { ServingConfig } from '../serving-config.ts';
import { beginConditions, statusActions, timestamp } from '../status.ts';
import { collectRevisions } from './garbage-collection.ts';
import { makeRevision } from './make-revision.ts';

export interface ObservedConfiguration {
  readonly configuration: Configuration;
  /** Revisions that carry the Configuration's label. */
  readonly revisions: readonly Revision[];
  /** Whatever has the explicit name that the template gives. */
  readonly namedRevision: Revision | undefined;
  /** Routes of the namespace that send traffic to the Configuration's latest revision. */
  readonly routes: readonly Route[];
}

export function planConfiguration(
  observed: ObservedConfiguration,
  config: ServingConfig,
  nowMs: number,
): Plan {
  const configuration = applyConfigurationDefaults(observed.configuration);
  const now = timestamp(nowMs);
  const found = findLatestCreated(observed, configuration);
  const conflict = found && !isAdoptable(found, configuration);
  if (conflict) return planConflict(observed, found.metadata.name, now);

  const actions: Action[] = [];
  const events: PlannedEvent[] = [];
  const routes = [
    ...routesOf(configuration),
    ...observed.routes.map((route) => route.metadata.name),
  ];
  const created = found ?? makeRevision(configuration, { routes, now });
  if (!found) {
    actions.push({ type: 'create', kind: revisionKind, object: created });
    const message = `Created Revision "${created.metadata.name}"`;
    events.push({ object: configuration, type: 'Normal', reason: 'Created', message });
  }
  const before = configuration.status ?? {};
  const latestReady = findLatestReady(observed, configuration, created);
  const ready = latestReady?.metadata.name ?? before.latestReadyRevisionName;
  const status: NonNullable<Configuration['status']> = {
    ...before,
    latestCreatedRevisionName: created.metadata.name,
    ...(ready === undefined ? {} : { latestReadyRevisionName: ready }),
  };
  const conditions = markReadiness({ configuration, created, ready, now });
  events.push(...readinessEvents({ configuration, created, ready, conditions }));
  actions.push(
    ...statusActions(configurationKind, observed.configuration, {
      ...status,
      conditions: [...conditions],
    }),
  );
  const garbage = collectRevisions(
    { configuration: { ...configuration, status }, revisions: observed.revisions },
    config.garbageCollection,
    nowMs,
  );
  for (const { metadata } of garbage)
    actions.push({
      type: 'delete',
      kind: revisionKind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid,
    });
  return { actions, events };
}

function findLatestCreated(
  observed: ObservedConfiguration,
  configuration: Configuration,
): Revision | undefined {
  if (configuration.spec.template.metadata?.name) return observed.namedRevision;
  const generation = String(configuration.metadata.generation ?? 1);
  return observed.revisions.find(
    ({ metadata }) => metadata.labels?.[configurationGenerationLabelKey] === generation,
  );
}

/** An existing revision of an explicit name is ours to use when it is ours and says the same. */
function isAdoptable(revision: Revision, configuration: Configuration): boolean {
  if (!isControlledBy(revision, configuration)) return false;
  if (!configuration.spec.template.metadata?.name) return true;
  const wanted = makeRevision(configuration, { routes: [], now: '' });
  return isDeepStrictEqual(revision.spec, wanted.spec);
}

function planConflict(observed: ObservedConfiguration, name: string, now: string): Plan {
  const { configuration } = observed;
  const cause = `revisions.serving.knative.dev "${name}" already exists`;
  const conditions = markFalse(
    configurationConditions,
    beginConditions(configurationConditions, configuration, now),
    'Ready',
    {
      reason: 'RevisionFailed',
      message: `Revision creation failed with message: ${cause}.`,
      now,
    },
  );
  const actions = statusActions(configurationKind, configuration, {
    ...configuration.status,
    conditions: [...conditions],
  });
  return {
    actions,
    // The retries of the queue would repeat the event: say it when the status changes.
    events:
      actions.length === 0
        ? []
        : [
            {
              object: configuration,
              type: 'Warning',
              reason: 'CreationFailed',
              message: `Failed to create Revision: ${cause}`,
            },
          ],
    error: new Error(`failed to create revision "${name}": ${cause}`),
  };
}

/**
 * The newest ready revision from the present latest-ready on. It never moves backwards, but for an
 * explicitly named revision, which is how one rolls back by name.
 */
function findLatestReady(
  observed: ObservedConfiguration,
  configuration: Configuration,
  created: Revision,
): Revision | undefined {
  if (isObjectReady(created)) return created;
  const floorName = configuration.status?.latestReadyRevisionName;
  const floorRevision = observed.revisions.find(({ metadata }) => metadata.name === floorName);
  const floor = floorRevision ? generationOf(floorRevision) : 0;
  return observed.revisions
    .filter((revision) => generationOf(revision) >= floor && isObjectReady(revision))
    .sort((a, b) => generationOf(b) - generationOf(a))[0];
}

const generationOf = (revision: Revision): number =>
  Number(revision.metadata.labels?.[configurationGenerationLabelKey] ?? 0);

interface Readiness {
  readonly configuration: Configuration;
  readonly created: Revision;
  /** Name of the latest ready revision. */
  readonly ready: string | undefined;
}

function markReadiness(options: Readiness & { readonly now: string }): Conditions {
  const { configuration, created, ready, now } = options;
  const set = configurationConditions;
  const conditions = beginConditions(set, configuration, now);
  const { name } = created.metadata;
  const condition = getCondition(created.status?.conditions, 'Ready');
  if (condition?.status === 'False') {
    const message = `Revision "${name}" failed with message: ${condition.message ?? ''}.`;
    return markFalse(set, conditions, 'Ready', { reason: 'RevisionFailed', message, now });
  }
  if (isObjectReady(created)) return markTrue(set, conditions, 'Ready', now);
  if (ready !== name)
    return markUnknown(set, conditions, 'Ready', { reason: '', message: '', now });
  const { reason = '', message = '' } = condition ?? {};
  return markUnknown(set, conditions, 'Ready', { reason, message, now });
}

function readinessEvents(
  options: Readiness & { readonly conditions: Conditions },
): readonly PlannedEvent[] {
  const { configuration, created, ready, conditions } = options;
  const before = configuration.status;
  const events: PlannedEvent[] = [];
  if (ready !== undefined && ready !== before?.latestReadyRevisionName) {
    if (before?.latestReadyRevisionName === undefined)
      events.push({
        object: configuration,
        type: 'Normal',
        reason: 'ConfigurationReady',
        message: 'Configuration becomes ready',
      });
    events.push({
      object: configuration,
      type: 'Normal',
      reason: 'LatestReadyUpdate',
      message: `LatestReadyRevisionName updated to "${ready}"`,
    });
  }
  const wasFailed = getCondition(before?.conditions, 'Ready')?.status === 'False';
  if (getCondition(conditions, 'Ready')?.status === 'False' && !wasFailed)
    events.push({
      object: configuration,
      type: 'Warning',
      reason: 'LatestCreatedFailed',
      message: `Latest created revision "${created.metadata.name}" has failed`,
    });
  return events;
}
