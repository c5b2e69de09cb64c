/**
 * What a Deployment needs next, as a pure function: which Pods to create and delete, and its status.
 * Pods belong to the Deployment directly; ReplicaSet objects are not kept yet. Rolling updates
 * never go below the wanted number of ready Pods (maxUnavailable 0) and surge by a quarter.
 * Source: kubernetes pkg/controller/deployment (behaviour of conditions and of choosing victims).
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { type Deployment, deploymentKind } from '../../apis/apps/types.ts';
import { type Pod, podKind } from '../../apis/core/types.ts';
import { controllerRef } from '../../apis/meta/object.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
const SURGE_RATIO = 0.25;
const PROGRESS_DEADLINE_SECONDS_DEFAULT = 600;
/** Leaves room for the random suffix within 63 characters, so that the name fits a label. */
const NAME_PREFIX_LENGTH_MAX = 57;
const SUFFIX_LENGTH = 5;
/** No vowels, so that no words appear. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export interface ObservedDeployment {
  readonly deployment: Deployment;
  /** Pods that the Deployment controls, those being deleted included. */
  readonly pods: readonly Pod[];
  /** Names of pods whose deletion was asked for and is not visible yet. */
  readonly deletingNames?: ReadonlySet<string>;
}

export interface DeploymentPlanOptions {
  readonly nodeName: string;
  readonly nowMs: number;
  readonly random: Random;
}

/** Stable over key order: the same template always gives the same hash. */
export function templateHash(deployment: Deployment): string {
  const text = JSON.stringify(deployment.spec.template, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

export function planDeployment(observed: ObservedDeployment, options: DeploymentPlanOptions): Plan {
  const { deployment, pods, deletingNames } = observed;
  if (deployment.metadata.deletionTimestamp) return { actions: [], events: [] };
  const hash = templateHash(deployment);
  const isLeaving = (pod: Pod): boolean =>
    pod.metadata.deletionTimestamp !== undefined || deletingNames?.has(pod.metadata.name) === true;
  const isFinished = ({ status }: Pod): boolean =>
    status?.phase === 'Failed' || status?.phase === 'Succeeded';
  const active = pods.filter((pod) => !isLeaving(pod) && !isFinished(pod));
  const current = active.filter((pod) => pod.metadata.labels?.[TEMPLATE_HASH_LABEL] === hash);
  const outdated = active.filter((pod) => pod.metadata.labels?.[TEMPLATE_HASH_LABEL] !== hash);

  const wanted = deployment.spec.replicas ?? 1;
  const victims = [
    ...pods.filter((pod) => !isLeaving(pod) && isFinished(pod)),
    ...chooseVictims({ wanted, current, outdated }),
  ];
  const births = countBirths({ wanted, current, outdated });
  const actions: Action[] = [
    ...victims.map((pod) => deletePod(pod)),
    ...Array.from({ length: births }, () => createPod(deployment, hash, options)),
  ];
  const { status, requeueAfterMs } = makeStatus(deployment, { active, current, wanted }, options);
  if (!isDeepStrictEqual(status, deployment.status))
    actions.push({
      type: 'patch',
      kind: deploymentKind,
      namespace: deployment.metadata.namespace ?? '',
      name: deployment.metadata.name,
      patchType: 'merge',
      subresource: 'status',
      body: { status },
    });
  return { actions, events: [], requeueAfterMs };
}

export function isPodReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true
  );
}

interface Counted {
  readonly wanted: number;
  readonly current: readonly Pod[];
  readonly outdated: readonly Pod[];
}

function countBirths({ wanted, current, outdated }: Counted): number {
  const missing = wanted - current.length;
  if (missing <= 0) return 0;
  const surge = Math.max(1, Math.ceil(wanted * SURGE_RATIO));
  const room = outdated.length === 0 ? missing : wanted + surge - current.length - outdated.length;
  return Math.max(0, Math.min(missing, room));
}

function chooseVictims({ wanted, current, outdated }: Counted): Pod[] {
  const excess = [...current].sort(byWorth).slice(0, Math.max(0, current.length - wanted));
  const kept = current.length - excess.length;
  if (wanted === 0) return [...excess, ...outdated];
  // Old pods that do not serve are in nobody's way but the surge's; those that do must be replaced first.
  const unready = outdated.filter((pod) => !isPodReady(pod));
  const serving = outdated.filter(isPodReady).sort(byWorth);
  const readyCurrent = Math.min(kept, current.filter(isPodReady).length);
  const replaceable = Math.max(0, readyCurrent + serving.length - wanted);
  return [...excess, ...unready, ...serving.slice(0, replaceable)];
}

/** Least worth keeping first: not ready before ready, then young before old. */
function byWorth(a: Pod, b: Pod): number {
  const byReady = Number(isPodReady(a)) - Number(isPodReady(b));
  if (byReady !== 0) return byReady;
  const [bornA, bornB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (bornA !== bornB) return bornA > bornB ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function createPod(deployment: Deployment, hash: string, options: DeploymentPlanOptions): Action {
  const { template } = deployment.spec;
  const prefix = `${deployment.metadata.name}-${hash}`.slice(0, NAME_PREFIX_LENGTH_MAX);
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_ALPHABET[Math.floor(options.random() * SUFFIX_ALPHABET.length)],
  ).join('');
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${prefix}-${suffix}`,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash },
      ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
      ownerReferences: [
        { ...controllerRef(deployment), apiVersion: 'apps/v1', kind: deploymentKind.kind },
      ],
    },
    // One node: placing the pod at once saves the scheduler's round trip.
    spec: { ...template.spec, nodeName: options.nodeName },
  };
  return { type: 'create', kind: podKind, object: pod };
}

function deletePod({ metadata }: Pod): Action {
  const { namespace = '', name, uid } = metadata;
  return { type: 'delete', kind: podKind, namespace, name, uid };
}

type Status = NonNullable<Deployment['status']>;
type DeploymentCondition = NonNullable<Status['conditions']>[number];

function makeStatus(
  deployment: Deployment,
  counted: { active: readonly Pod[]; current: readonly Pod[]; wanted: number },
  options: DeploymentPlanOptions,
): { status: Status; requeueAfterMs?: number | undefined } {
  const { active, current, wanted } = counted;
  const now = new Date(options.nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const ready = active.filter(isPodReady).length;
  const old = deployment.status;
  const counts = {
    replicas: active.length,
    updatedReplicas: current.length,
    readyReplicas: ready,
    availableReplicas: ready,
    unavailableReplicas: Math.max(0, active.length - ready),
  };
  const set = (condition: DeploymentCondition): DeploymentCondition => {
    const before = old?.conditions?.find(({ type }) => type === condition.type);
    const isSameStatus = before?.status === condition.status;
    const isSame = isSameStatus && before?.reason === condition.reason;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? (isSame ? before?.lastUpdateTime : now) ?? now,
      lastTransitionTime: (isSameStatus ? before?.lastTransitionTime : now) ?? now,
    };
  };
  const isAvailable = ready >= wanted;
  const available = set({
    type: 'Available',
    status: isAvailable ? 'True' : 'False',
    reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: isAvailable
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
  });
  const progress = makeProgress(deployment, { counts, wanted, now }, options.nowMs);
  const status: Status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...counts,
    conditions: [available, set(progress.condition)],
  };
  return { status, requeueAfterMs: progress.requeueAfterMs };
}

function makeProgress(
  deployment: Deployment,
  observed: {
    counts: Required<
      Pick<Status, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>
    >;
    wanted: number;
    now: string;
  },
  nowMs: number,
): { condition: DeploymentCondition; requeueAfterMs?: number } {
  const { counts, wanted, now } = observed;
  const name = deployment.metadata.name;
  const before = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const condition = (status: string, reason: string, what: string): DeploymentCondition => ({
    type: 'Progressing',
    status,
    reason,
    message: `Deployment "${name}" ${what}.`,
  });
  const isUpdated = counts.updatedReplicas === counts.replicas;
  const isComplete = isUpdated && counts.replicas === wanted && counts.availableReplicas >= wanted;
  // A rollout that was completed stays so while it is only scaled: waking from zero is no rollout.
  if (isComplete || (isUpdated && before?.reason === 'NewReplicaSetAvailable'))
    return {
      condition: condition('True', 'NewReplicaSetAvailable', 'has successfully progressed'),
    };

  const old = deployment.status;
  const hasMoved =
    before === undefined ||
    before.reason === 'NewReplicaSetAvailable' ||
    counts.updatedReplicas > (old?.updatedReplicas ?? 0) ||
    counts.readyReplicas > (old?.readyReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (old?.replicas ?? 0) - (old?.updatedReplicas ?? 0);
  const deadlineMs =
    (deployment.spec.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS_DEFAULT) * 1000;
  if (hasMoved)
    return {
      condition: {
        ...condition('True', 'ReplicaSetUpdated', 'is progressing'),
        lastUpdateTime: now,
      },
      requeueAfterMs: deadlineMs,
    };
  const leftMs = Date.parse(before.lastUpdateTime ?? now) + deadlineMs - nowMs;
  if (leftMs <= 0)
    return {
      condition: condition('False', 'ProgressDeadlineExceeded', 'has timed out progressing'),
    };
  return {
    condition: condition('True', 'ReplicaSetUpdated', 'is progressing'),
    requeueAfterMs: leftMs,
  };
}
