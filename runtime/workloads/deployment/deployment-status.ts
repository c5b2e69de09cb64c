/**
 * A Deployment's status from its ReplicaSets: counts and the conditions Available and Progressing.
 * Pure. Source: k8s.io/kubernetes pkg/controller/deployment sync.go, progress.go (behaviour, words).
 */
import type { Deployment, ReplicaSet, WorkloadCondition } from '../../apis/apps/types.ts';
import { isoSeconds } from '../pod-facts.ts';
import { REPLICA_FAILURE } from '../replica-set/replica-set-plan.ts';
import { maxUnavailableOf, sizeOf, wantedOf } from './rollout.ts';

type Status = NonNullable<Deployment['status']>;
/** A deadline of this length is Knative's and kubectl's way to say that there is none. */
const NO_DEADLINE_SECONDS = 2_147_483_647;

export interface StatusInput {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly sets: readonly ReplicaSet[];
  /** The newest set was made, or found among earlier ones, just now. */
  readonly begun?: 'created' | 'found' | undefined;
  readonly currentName: string | undefined;
  readonly collisionCount: number | undefined;
  readonly nowMs: number;
}

export interface StatusResult {
  readonly status: Status;
  /** When the deadline for progress is due. */
  readonly requeueAfterMs?: number | undefined;
}

export function makeDeploymentStatus(input: StatusInput): StatusResult {
  const { deployment, current, sets, nowMs } = input;
  const now = isoSeconds(nowMs);
  const total = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((sum, set) => sum + (count(set) ?? 0), 0);
  const availableReplicas = total(({ status }) => status?.availableReplicas);
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: total(({ status }) => status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total(({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(sizeOf) - availableReplicas),
    ...(input.collisionCount ? { collisionCount: input.collisionCount } : {}),
  };
  const isAvailable = availableReplicas >= wantedOf(deployment) - maxUnavailableOf(deployment);
  const available = merge(
    deployment,
    {
      type: 'Available',
      status: isAvailable ? 'True' : 'False',
      reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: isAvailable
        ? 'Deployment has minimum availability.'
        : 'Deployment does not have minimum availability.',
    },
    now,
  );
  const progress = makeProgress(input, counts);
  return {
    status: {
      ...counts,
      conditions: [
        available,
        ...(progress.condition ? [progress.condition] : []),
        ...replicaFailures(input),
      ],
    },
    requeueAfterMs: progress.requeueAfterMs,
  };
}

/** What keeps a set from making its Pods: the newest set's word counts before the others'. */
function replicaFailures({ current, sets }: StatusInput): readonly WorkloadCondition[] {
  const of = (set: ReplicaSet | undefined): WorkloadCondition | undefined =>
    set?.status?.conditions?.find(({ type }) => type === REPLICA_FAILURE);
  const found = of(current) ?? sets.map(of).find((condition) => condition !== undefined);
  if (!found) return [];
  return [
    { ...found, ...(found.lastTransitionTime ? { lastUpdateTime: found.lastTransitionTime } : {}) },
  ];
}

function makeProgress(
  input: StatusInput,
  counts: Required<
    Pick<Status, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>
  >,
): { condition: WorkloadCondition | undefined; requeueAfterMs?: number } {
  const { deployment, begun, currentName, nowMs } = input;
  const { progressDeadlineSeconds = NO_DEADLINE_SECONDS, paused } = deployment.spec;
  if (progressDeadlineSeconds >= NO_DEADLINE_SECONDS) return { condition: undefined };
  const now = isoSeconds(nowMs);
  const before = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const say = (status: string, reason: string, message: string): WorkloadCondition =>
    merge(deployment, { type: 'Progressing', status, reason, message }, now);
  const subject = currentName
    ? `ReplicaSet "${currentName}"`
    : `Deployment "${deployment.metadata.name}"`;

  if (paused)
    return {
      condition:
        before?.reason === 'ProgressDeadlineExceeded'
          ? before
          : say('Unknown', 'DeploymentPaused', 'Deployment is paused'),
    };
  if (begun === 'created')
    return {
      condition: say('True', 'NewReplicaSetCreated', `Created new replica set "${currentName}"`),
      requeueAfterMs: progressDeadlineSeconds * 1000,
    };
  if (begun === 'found')
    return {
      condition: say('True', 'FoundNewReplicaSet', `Found new replica set "${currentName}"`),
      requeueAfterMs: progressDeadlineSeconds * 1000,
    };
  const resumed =
    before?.reason === 'DeploymentPaused'
      ? say('Unknown', 'DeploymentResumed', 'Deployment is resumed')
      : before;
  const isUpdated = counts.replicas === counts.updatedReplicas;
  // A rollout that was completed stays so while it is only scaled: waking from zero is no rollout.
  if (isUpdated && resumed?.reason === 'NewReplicaSetAvailable') return { condition: resumed };
  const wanted = wantedOf(deployment);
  const isComplete =
    counts.updatedReplicas === wanted && isUpdated && counts.availableReplicas >= wanted;
  if (isComplete)
    return {
      condition: say('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`),
    };
  const old = deployment.status;
  const hasMoved =
    resumed === undefined ||
    counts.updatedReplicas > (old?.updatedReplicas ?? 0) ||
    counts.readyReplicas > (old?.readyReplicas ?? 0) ||
    counts.availableReplicas > (old?.availableReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (old?.replicas ?? 0) - (old?.updatedReplicas ?? 0);
  if (hasMoved)
    return {
      condition: {
        ...say('True', 'ReplicaSetUpdated', `${subject} is progressing.`),
        lastUpdateTime: now,
      },
      requeueAfterMs: progressDeadlineSeconds * 1000,
    };
  if (resumed.reason === 'ProgressDeadlineExceeded') return { condition: resumed };
  const sinceMs =
    resumed.reason === 'NewReplicaSetAvailable'
      ? nowMs
      : Date.parse(resumed.lastUpdateTime ?? now) || nowMs;
  const leftMs = sinceMs + progressDeadlineSeconds * 1000 - nowMs;
  return leftMs > 0
    ? { condition: resumed, requeueAfterMs: leftMs }
    : {
        condition: say(
          'False',
          'ProgressDeadlineExceeded',
          `${subject} has timed out progressing.`,
        ),
      };
}

/** Times move as upstream's: a condition of the same status and reason is left as it is. */
function merge(deployment: Deployment, next: WorkloadCondition, now: string): WorkloadCondition {
  const before = deployment.status?.conditions?.find(({ type }) => type === next.type);
  if (before?.status === next.status && before.reason === next.reason) return before;
  return {
    ...next,
    lastUpdateTime: now,
    lastTransitionTime: before?.status === next.status ? (before.lastTransitionTime ?? now) : now,
  };
}
