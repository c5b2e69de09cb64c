/**
 * What a Revision needs next: its Deployment, its PodAutoscaler, and a status rolled up from them.
 * Source: knative.dev/serving pkg/reconciler/revision, v1/revision_lifecycle.go.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment } from '../../apis/apps/types.ts';
import { scaleTargetInitialized } from '../../apis/autoscaling/conditions.ts';
import type { PodAutoscaler } from '../../apis/autoscaling/types.ts';
import { podAutoscalerKind } from '../../apis/autoscaling/types.ts';
import { deploymentKind } from '../../apis/apps/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  isConditionTrue,
  markFalse,
  markTrue,
  markUnknown,
} from '../../apis/meta/condition.ts';
import { isControlledBy } from '../../apis/meta/object.ts';
import {
  containerHealthy,
  resourcesAvailable,
  revisionActive,
  revisionConditions,
} from '../../apis/serving/conditions.ts';
import { deploymentHashLabelKey } from '../../apis/serving/labels.ts';
import type { Revision } from '../../apis/serving/types.ts';
import { revisionKind } from '../../apis/serving/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { childUpdate } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { beginConditions, statusActions, timestamp } from '../status.ts';
import type { Digests } from './digest-resolver.ts';
import { makeDeployment } from './make-deployment.ts';
import { makePodAutoscaler, reachabilityOf } from './make-pod-autoscaler.ts';
import { diagnosePods } from './pod-diagnosis.ts';

export interface ObservedRevision {
  readonly revision: Revision;
  /** Objects under the children's names, ours or not. */
  readonly deployment: Deployment | undefined;
  readonly podAutoscaler: PodAutoscaler | undefined;
  readonly pods: readonly Pod[];
  /** What its images are, by digest. */
  readonly digests: Digests;
}

const set = revisionConditions;

export function planRevision(
  observed: ObservedRevision,
  config: ServingConfig,
  nowMs: number,
): Plan {
  const { deployment, podAutoscaler, digests } = observed;
  const now = timestamp(nowMs);
  if (digests.state !== 'resolved') return planUnresolved(observed.revision, digests, now);
  const revision = withLogUrl(withDigests(observed.revision, digests), config);
  let conditions = beginConditions(set, revision, now);
  const foreign = [deployment, podAutoscaler].find(
    (child) => child !== undefined && !isControlledBy(child, revision),
  );
  if (foreign) return planNotOwned(revision, foreign, now);

  if (!deployment) conditions = forgiveMissingImage(conditions, now);
  else
    conditions = markDeployment(conditions, {
      deployment,
      pods: observed.pods,
      isAlwaysSchedulable: config.deployment.isAlwaysSchedulable,
      now,
    });
  conditions = markAutoscaler(conditions, podAutoscaler, now);
  const status: NonNullable<Revision['status']> = {
    ...revision.status,
    ...scaleOf(podAutoscaler),
    conditions: [...conditions],
  };
  const isBroken =
    isFailed(conditions) &&
    (deployment?.spec.replicas ?? 0) > 0 &&
    (deployment?.status?.readyReplicas ?? 0) === 0;
  const desired = makePodAutoscaler(revision, reachabilityOf(revision, isBroken));
  const isFirstReady =
    isConditionTrue(conditions, 'Ready') && !isConditionTrue(revision.status?.conditions, 'Ready');
  return {
    actions: [
      ...deploymentActions(revision, deployment, config),
      ...(podAutoscaler
        ? childUpdate(podAutoscalerKind, podAutoscaler, desired)
        : [{ type: 'create', kind: podAutoscalerKind, object: desired } satisfies Action]),
      ...statusActions(revisionKind, observed.revision, status),
    ],
    events: isFirstReady
      ? [
          {
            object: revision,
            type: 'Normal',
            reason: 'RevisionReady',
            message: 'Revision becomes ready upon all resources being ready',
          },
        ]
      : [],
  };
}

/** Nothing is made for a Revision before it is known what it runs. */
function planUnresolved(
  revision: Revision,
  digests: Exclude<Digests, { state: 'resolved' }>,
  now: string,
): Plan {
  const before = beginConditions(set, revision, now);
  const isFailed = digests.state === 'failed';
  const message = isFailed ? digests.message : '';
  const conditions = isFailed
    ? markFalse(set, before, containerHealthy, { reason: 'ContainerMissing', message, now })
    : markUnknown(set, before, resourcesAvailable, { reason: 'ResolvingDigests', message, now });
  const status = { ...revision.status, conditions: [...conditions] };
  return {
    actions: statusActions(revisionKind, revision, status),
    events: [],
    ...(isFailed ? { error: new Error(message) } : {}),
  };
}

function withDigests(
  revision: Revision,
  { containerStatuses, initContainerStatuses }: Extract<Digests, { state: 'resolved' }>,
): Revision {
  const status: NonNullable<Revision['status']> = {
    ...revision.status,
    containerStatuses: [...containerStatuses],
  };
  if (initContainerStatuses.length > 0) status.initContainerStatuses = [...initContainerStatuses];
  return { ...revision, status };
}

function withLogUrl(revision: Revision, { logUrlTemplate }: ServingConfig): Revision {
  const { logUrl: _before, ...status } = revision.status ?? {};
  if (logUrlTemplate === '') return { ...revision, status };
  const logUrl = logUrlTemplate.replaceAll('${REVISION_UID}', revision.metadata.uid ?? '');
  return { ...revision, status: { ...status, logUrl } };
}

/** An image that was missing and is found: there is no pod yet that could refute the failure. */
function forgiveMissingImage(given: Conditions, now: string): Conditions {
  if (getCondition(given, containerHealthy)?.reason !== 'ContainerMissing') return given;
  return markUnknown(set, given, containerHealthy, { reason: 'Deploying', message: '', now });
}

function planNotOwned(revision: Revision, foreign: Deployment | PodAutoscaler, now: string): Plan {
  const { name } = foreign.metadata;
  const conditions = markFalse(set, beginConditions(set, revision, now), resourcesAvailable, {
    reason: 'NotOwned',
    message: `There is an existing ${foreign.kind} "${name}" that we do not own.`,
    now,
  });
  const status = { ...revision.status, conditions: [...conditions] };
  return {
    actions: statusActions(revisionKind, revision, status),
    events: [],
    error: new Error(
      `revision "${revision.metadata.name}" does not own ${foreign.kind.toLowerCase()} "${name}"`,
    ),
  };
}

/** Replicas and selector belong to others once the Deployment exists; foreign labels stay. */
function deploymentActions(
  revision: Revision,
  actual: Deployment | undefined,
  config: ServingConfig,
): readonly Action[] {
  const desired = makeDeployment(revision, config);
  if (!actual) return [{ type: 'create', kind: deploymentKind, object: desired }];
  const labels = { ...actual.metadata.labels, ...desired.metadata.labels };
  const annotations = { ...actual.metadata.annotations, ...desired.metadata.annotations };
  const isSame =
    actual.metadata.labels?.[deploymentHashLabelKey] ===
      desired.metadata.labels?.[deploymentHashLabelKey] &&
    isDeepStrictEqual(labels, actual.metadata.labels ?? {}) &&
    isDeepStrictEqual(annotations, actual.metadata.annotations ?? {});
  if (isSame) return [];
  const { replicas, selector } = actual.spec;
  const object: Deployment = {
    ...actual,
    metadata: { ...actual.metadata, labels, annotations },
    spec: { ...desired.spec, selector, ...(replicas === undefined ? {} : { replicas }) },
  };
  return [{ type: 'update', kind: deploymentKind, object }];
}

const isFailed = (conditions: Conditions): boolean =>
  [resourcesAvailable, containerHealthy].some(
    (type) => getCondition(conditions, type)?.status === 'False',
  );

function markDeployment(
  given: Conditions,
  options: {
    readonly deployment: Deployment;
    readonly pods: readonly Pod[];
    readonly isAlwaysSchedulable: boolean;
    readonly now: string;
  },
): Conditions {
  const { deployment, pods, isAlwaysSchedulable, now } = options;
  let conditions = forgiveFailures(given, deployment, now);
  for (const { type, status, reason = '', message = '' } of deployment.status?.conditions ?? [])
    if (
      (type === 'Progressing' && status === 'False') ||
      (type === 'ReplicaFailure' && status === 'True')
    )
      conditions = markFalse(set, conditions, resourcesAvailable, { reason, message, now });
  for (const { condition, reason, message } of diagnosePods(deployment, pods, isAlwaysSchedulable))
    conditions = markFalse(set, conditions, condition, { reason, message, now });
  return conditions;
}

/** A ready pod refutes what an earlier look found wrong; what is wrong now is found again after. */
function forgiveFailures(given: Conditions, deployment: Deployment, now: string): Conditions {
  if ((deployment.status?.readyReplicas ?? 0) === 0) return given;
  const healthy = markTrue(set, given, containerHealthy, now);
  if (getCondition(healthy, resourcesAvailable)?.status !== 'False') return healthy;
  return markUnknown(set, healthy, resourcesAvailable, { reason: 'Deploying', message: '', now });
}

function markAutoscaler(
  given: Conditions,
  podAutoscaler: PodAutoscaler | undefined,
  now: string,
): Conditions {
  const deploying = { reason: 'Deploying', message: '', now };
  const isBroken = isFailed(given);
  const ready = getCondition(podAutoscaler?.status?.conditions, 'Ready');
  let conditions = given;
  if (!ready) {
    conditions = markUnknown(set, conditions, revisionActive, deploying);
    return isBroken ? conditions : markUnknown(set, conditions, resourcesAvailable, deploying);
  }
  const { conditions: autoscalerConditions, serviceName = '' } = podAutoscaler?.status ?? {};
  const isInitialized = isConditionTrue(autoscalerConditions, scaleTargetInitialized);
  if (isInitialized && !isBroken) {
    conditions = markTrue(set, conditions, resourcesAvailable, now);
    conditions = markTrue(set, conditions, containerHealthy, now);
  }
  if (isConditionTrue(conditions, resourcesAvailable) && (!isInitialized || serviceName === ''))
    conditions = markUnknown(set, conditions, resourcesAvailable, deploying);
  const { reason = '', message = '' } = ready;
  if (ready.status === 'True') return markTrue(set, conditions, revisionActive, now);
  if (ready.status === 'Unknown')
    return markUnknown(set, conditions, revisionActive, { reason, message, now });
  conditions = markFalse(set, conditions, revisionActive, { reason, message, now });
  if (isInitialized || serviceName === '' || isBroken) return conditions;
  return markFalse(set, conditions, resourcesAvailable, {
    reason: 'ProgressDeadlineExceeded',
    message: 'Initial scale was never achieved',
    now,
  });
}

/** Negative scales mean "not known" and are left out. */
function scaleOf(podAutoscaler: PodAutoscaler | undefined): {
  actualReplicas?: number;
  desiredReplicas?: number;
} {
  const { actualScale, desiredScale } = podAutoscaler?.status ?? {};
  return {
    ...(actualScale === undefined || actualScale < 0 ? {} : { actualReplicas: actualScale }),
    ...(desiredScale === undefined || desiredScale < 0 ? {} : { desiredReplicas: desiredScale }),
  };
}
