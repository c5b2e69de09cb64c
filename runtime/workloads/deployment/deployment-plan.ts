/**
 * What a Deployment needs next: its ReplicaSets' numbers first, so that a scale-up reaches its Pods
 * in the same turn, then revisions, clean-up and status. One step per look, as upstream: the
 * ReplicaSets' own changes bring the next. Pure.
 * Source: k8s.io/kubernetes pkg/controller/deployment (behaviour).
 */
import {
  type Deployment,
  deploymentKind,
  type ReplicaSet,
  replicaSetKind,
} from '../../apis/apps/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import { matchesSelector } from '../../apis/meta/label-selector.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { deletePod, ownerRefOf } from '../make-pod.ts';
import { isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';
import { makeDeploymentStatus } from './deployment-status.ts';
import {
  findCurrent,
  makeReplicaSet,
  REVISION_ANNOTATION,
  replicaSetName,
  revisionOf,
  sizeAnnotations,
  TEMPLATE_HASH_LABEL,
  templateHash,
} from './new-replica-set.ts';
import {
  newSize,
  planSizes,
  scaleProportionally,
  sizeOf,
  type Sizes,
  wantedOf,
} from './rollout.ts';

const HISTORY_LIMIT_DEFAULT = 10;

export interface ObservedDeployment {
  readonly deployment: Deployment;
  /** All ReplicaSets of the namespace. */
  readonly replicaSets: readonly ReplicaSet[];
  /** All Pods of the namespace. */
  readonly pods: readonly Pod[];
}

export function planDeployment(observed: ObservedDeployment, options: { nowMs: number }): Plan {
  const { deployment } = observed;
  if (deployment.metadata.deletionTimestamp) return emptyPlan;
  const { sets, adoptions } = claimSets(observed);
  const current = findCurrent(deployment, sets);
  const old = sets.filter((set) => set !== current);
  const { paused = false } = deployment.spec;
  const latest = Math.max(0, ...old.map(revisionOf));
  const revision = current && revisionOf(current) > latest ? revisionOf(current) : latest + 1;

  const actions: Action[] = [];
  let begun: 'created' | 'found' | undefined;
  let named = current?.metadata.name;
  let collisionCount = deployment.status?.collisionCount;
  if (current) {
    const sizes = paused
      ? scaleProportionally({ deployment, current, old })
      : planSizes({ deployment, current, old, oldPodCount: countPods(observed, old) });
    actions.push(...resize(deployment, sizes, { current, revision }));
    if (revisionOf(current) !== revision && !paused) begun = 'found';
  } else if (!paused) {
    const birth = giveBirth(observed, old, revision);
    actions.push(birth.action);
    ({ collisionCount } = birth);
    named = birth.name;
    begun = 'created';
  } else {
    const active = old.filter((set) => sizeOf(set) > 0);
    const only = active.length === 1 ? active[0] : undefined;
    if (only) actions.push(...resize(deployment, new Map([[only, wantedOf(deployment)]])));
  }
  actions.push(...adoptions, ...deleteLegacyPods(observed, current));
  if (!paused) actions.push(...number(deployment, revision), ...forget(deployment, current, old));
  const { status, requeueAfterMs } = makeDeploymentStatus({
    deployment,
    current,
    sets,
    begun,
    currentName: named,
    collisionCount,
    nowMs: options.nowMs,
  });
  actions.push(...patchStatus(deploymentKind, deployment, status));
  return { actions, events: scalings(observed, actions), requeueAfterMs };
}

/** A set that changes its number is news of the Deployment. */
function scalings(
  { deployment, replicaSets }: ObservedDeployment,
  actions: readonly Action[],
): readonly PlannedEvent[] {
  return actions.flatMap((action): PlannedEvent[] => {
    const [name, to] =
      action.type === 'create' && action.kind === replicaSetKind
        ? [action.object.metadata.name, (action.object as ReplicaSet).spec.replicas]
        : action.type === 'patch' && action.kind === replicaSetKind
          ? [action.name, (action.body as Partial<ReplicaSet>).spec?.replicas]
          : [];
    if (name === undefined || to === undefined) return [];
    const before = replicaSets.find(({ metadata }) => metadata.name === name);
    const from = before ? sizeOf(before) : 0;
    if (from === to) return [];
    const direction = from < to ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${name} from ${from} to ${to}`;
    return [{ object: deployment, type: 'Normal', reason: 'ScalingReplicaSet', message }];
  });
}

/** Sets that are ours, oldest first, and those without an owner that match. */
function claimSets({ deployment, replicaSets }: ObservedDeployment): {
  sets: readonly ReplicaSet[];
  adoptions: readonly Action[];
} {
  const adoptions: Action[] = [];
  const sets = replicaSets.filter((set) => {
    const { metadata } = set;
    const controller = metadata.ownerReferences?.find((ref) => ref.controller);
    if (controller) return controller.uid === deployment.metadata.uid;
    if (metadata.deletionTimestamp) return false;
    if (!matchesSelector(deployment.spec.selector, metadata.labels)) return false;
    adoptions.push({
      type: 'patch',
      kind: replicaSetKind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      patchType: 'merge',
      body: {
        metadata: {
          uid: metadata.uid,
          ownerReferences: [
            ...(metadata.ownerReferences ?? []),
            ownerRefOf(deployment, deploymentKind),
          ],
        },
      },
    });
    return true;
  });
  const age = ({ metadata }: ReplicaSet): string =>
    `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
  return { sets: sets.sort((a, b) => (age(a) < age(b) ? -1 : 1)), adoptions };
}

function giveBirth(
  { deployment, replicaSets }: ObservedDeployment,
  old: readonly ReplicaSet[],
  revision: number,
): { action: Action; name: string; collisionCount: number | undefined } {
  const taken = new Set(replicaSets.map(({ metadata }) => metadata.name));
  let collisionCount = deployment.status?.collisionCount ?? 0;
  let hash = templateHash(deployment.spec.template, collisionCount);
  while (taken.has(replicaSetName(deployment, hash)))
    hash = templateHash(deployment.spec.template, ++collisionCount);
  // With Recreate the old ones go first; the set is there, and empty, until they are gone.
  const isBlocked =
    deployment.spec.strategy?.type === 'Recreate' && old.some((set) => sizeOf(set) > 0);
  const replicas = isBlocked ? 0 : newSize(deployment, undefined, old);
  const object = makeReplicaSet(deployment, { hash, replicas, revision });
  return {
    action: { type: 'create', kind: replicaSetKind, object },
    name: object.metadata.name,
    collisionCount: collisionCount === 0 ? undefined : collisionCount,
  };
}

/** Sizes, with what was wanted when they were chosen; the newest set also gets its number. */
function resize(
  deployment: Deployment,
  sizes: Sizes,
  newest?: { readonly current: ReplicaSet; readonly revision: number },
): readonly Action[] {
  const targets = new Map(sizes);
  if (newest && revisionOf(newest.current) !== newest.revision && !targets.has(newest.current))
    targets.set(newest.current, sizeOf(newest.current));
  const wanted = sizeAnnotations(deployment);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  return [...targets].flatMap(([set, size]): Action[] => {
    const isNewest = set === newest?.current;
    const annotations = isNewest
      ? { ...wanted, [REVISION_ANNOTATION]: String(newest.revision) }
      : wanted;
    const isSame =
      sizeOf(set) === size &&
      (!isNewest || (set.spec.minReadySeconds ?? 0) === minReadySeconds) &&
      Object.entries(annotations).every(
        ([key, value]) => set.metadata.annotations?.[key] === value,
      );
    if (isSame) return [];
    return [
      {
        type: 'patch',
        kind: replicaSetKind,
        namespace: set.metadata.namespace ?? '',
        name: set.metadata.name,
        patchType: 'merge',
        body: {
          metadata: { annotations },
          spec: { replicas: size, ...(isNewest && minReadySeconds ? { minReadySeconds } : {}) },
        },
      },
    ];
  });
}

/** The Deployment carries the number of its newest revision, which `kubectl rollout` reads. */
function number({ metadata }: Deployment, revision: number): readonly Action[] {
  if (metadata.annotations?.[REVISION_ANNOTATION] === String(revision)) return [];
  return [
    {
      type: 'patch',
      kind: deploymentKind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      patchType: 'merge',
      body: { metadata: { annotations: { [REVISION_ANNOTATION]: String(revision) } } },
    },
  ];
}

/** Old and empty sets beyond the history that is to be kept, once the rollout is complete. */
function forget(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Action[] {
  const wanted = wantedOf(deployment);
  if (!current || sizeOf(current) !== wanted) return [];
  if ((current.status?.availableReplicas ?? 0) < wanted) return [];
  const empty = old
    .filter(
      ({ metadata, spec, status }) =>
        !metadata.deletionTimestamp &&
        (spec.replicas ?? 1) === 0 &&
        (status?.replicas ?? 0) === 0 &&
        (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    )
    .sort((a, b) => revisionOf(a) - revisionOf(b));
  const surplus = empty.length - (deployment.spec.revisionHistoryLimit ?? HISTORY_LIMIT_DEFAULT);
  return empty.slice(0, Math.max(0, surplus)).map(({ metadata }): Action => ({
    type: 'delete',
    kind: replicaSetKind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
  }));
}

/**
 * A home from before there were ReplicaSets has Pods that the Deployment itself owns. Those of the
 * present template are adopted by its set (claim-pods.ts); the others are replaced.
 */
function deleteLegacyPods(
  { deployment, pods }: ObservedDeployment,
  current: ReplicaSet | undefined,
): readonly Action[] {
  if (!current) return [];
  const hash = current.metadata.labels?.[TEMPLATE_HASH_LABEL];
  return pods
    .filter(
      (pod) =>
        pod.metadata.ownerReferences?.some(
          (ref) => ref.controller === true && ref.uid === deployment.metadata.uid,
        ) &&
        pod.metadata.labels?.[TEMPLATE_HASH_LABEL] !== hash &&
        !isPodLeaving(pod),
    )
    .map(deletePod);
}

function countPods({ deployment, pods }: ObservedDeployment, old: readonly ReplicaSet[]): number {
  if (deployment.spec.strategy?.type !== 'Recreate') return 0;
  const uids = new Set(old.map(({ metadata }) => metadata.uid));
  return pods.filter(
    (pod) => !isPodFinished(pod) && pod.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)),
  ).length;
}
