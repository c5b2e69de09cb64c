/**
 * What a StatefulSet needs next: its Pods by ordinal, one after another (or all at once with
 * `Parallel`), each with its own claims; updates from the highest ordinal down to the partition.
 * Below the partition Pods are made of the revision that was current before. Pure.
 * Source: k8s.io/kubernetes pkg/controller/statefulset (behaviour).
 */
import {
  type ControllerRevision,
  type StatefulSet,
  statefulSetKind,
} from '../../apis/apps/types.ts';
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import {
  type PersistentVolumeClaim,
  persistentVolumeClaimKind,
  type Pod,
  type PodTemplateSpec,
  type Volume,
} from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { claimPods } from '../claim-pods.ts';
import { planRevisions, type RevisionPlan } from '../controller-revisions.ts';
import { REVISION_HASH_LABEL } from '../daemon-set/daemon-set-plan.ts';
import { createPod, deletePod, makePod, ownerRefOf } from '../make-pod.ts';
import { availableInMs, isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

/** Of a revision; Pods carry its whole name under another label. */
const HASH_LABEL = 'controller.kubernetes.io/hash';
const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

export interface ObservedStatefulSet {
  /** All Pods of the namespace. */
  readonly pods: readonly Pod[];
  /** Names of the namespace's claims. */
  readonly claims: ReadonlySet<string>;
  /** All ControllerRevisions of the namespace. */
  readonly revisions: readonly ControllerRevision[];
}

export function planStatefulSet(
  set: StatefulSet,
  observed: ObservedStatefulSet,
  options: { readonly nowMs: number; readonly nodeName: string | undefined },
): Plan {
  if (set.metadata.deletionTimestamp) return emptyPlan;
  const { pods, adoptions } = claimPods(set, statefulSetKind, observed.pods);
  const { spec, metadata } = set;
  const history = planRevisions({
    owner: set,
    ownerKind: statefulSetKind,
    hashLabel: HASH_LABEL,
    revisions: observed.revisions,
    live: liveRevisions(set, pods),
  });
  const { name: revision } = history;
  const first = spec.ordinals?.start ?? 0;
  const end = first + (spec.replicas ?? 1);
  const byOrdinal = new Map(pods.flatMap((pod) => keyed(metadata.name, pod)));
  const waitOf = (pod: Pod) => availableInMs(pod, spec.minReadySeconds ?? 0, options.nowMs);
  const isSettled = (pod: Pod): boolean => waitOf(pod) === 0 && !isPodLeaving(pod);
  const isParallel = spec.podManagementPolicy === 'Parallel';

  const actions: Action[] = [];
  let isBlocked = false;
  for (let ordinal = first; ordinal < end && !isBlocked; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (!pod)
      actions.push(
        ...createReplica(set, ordinal, { ...versionOf(set, ordinal, history), observed, options }),
      );
    else if (isPodFinished(pod) && !isPodLeaving(pod)) actions.push(deletePod(pod));
    // The next one waits until this one serves.
    if (!isParallel && !(pod && isSettled(pod))) isBlocked = true;
  }
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal < first || ordinal >= end)
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  if (!isBlocked) {
    const leaving = condemned.some(isPodLeaving);
    const next = condemned.filter((pod) => !isPodLeaving(pod));
    if (isParallel) actions.push(...next.map(deletePod));
    else if (!leaving && next[0]) actions.push(deletePod(next[0]));
    if (condemned.length === 0)
      actions.push(...updateNext(set, { byOrdinal, first, end, revision, isSettled }));
  }
  const waits = pods.flatMap((pod) => waitOf(pod) || []);
  const { collisionCount } = history;
  actions.push(...adoptions, ...writeStatus(set, { pods, revision, isSettled, collisionCount }));
  return {
    actions: [...history.actions, ...actions],
    events: [],
    requeueAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** A Pod with its ordinal, when its name is one of this set's. */
function keyed(name: string, pod: Pod): [number, Pod][] {
  const text = pod.metadata.name.slice(name.length + 1);
  const isOurs = pod.metadata.name.startsWith(`${name}-`) && /^\d+$/.test(text);
  return isOurs ? [[Number(text), pod]] : [];
}

const partitionOf = ({ spec }: StatefulSet): number =>
  spec.updateStrategy?.rollingUpdate?.partition ?? 0;

const liveRevisions = ({ status }: StatefulSet, pods: readonly Pod[]): ReadonlySet<string> =>
  new Set([
    ...pods.map(({ metadata }) => metadata.labels?.[REVISION_HASH_LABEL] ?? ''),
    status?.currentRevision ?? '',
  ]);

/** Pods below the partition stay what they were, also when they are made again. */
function versionOf(
  set: StatefulSet,
  ordinal: number,
  history: RevisionPlan,
): { revision: string; template: PodTemplateSpec } {
  const { spec, status } = set;
  const first = spec.ordinals?.start ?? 0;
  const current = status?.currentRevision ?? history.name;
  const template = ordinal < first + partitionOf(set) ? history.templateOf(current) : undefined;
  return template && spec.updateStrategy?.type !== 'OnDelete'
    ? { revision: current, template }
    : { revision: history.name, template: spec.template };
}

/** Deletes the highest Pod of an earlier template, when everything above it serves. */
function updateNext(
  set: StatefulSet,
  state: {
    readonly byOrdinal: ReadonlyMap<number, Pod>;
    readonly first: number;
    readonly end: number;
    readonly revision: string;
    readonly isSettled: (pod: Pod) => boolean;
  },
): readonly Action[] {
  if (set.spec.updateStrategy?.type === 'OnDelete') return [];
  const lowest = state.first + partitionOf(set);
  for (let ordinal = state.end - 1; ordinal >= lowest; ordinal--) {
    const pod = state.byOrdinal.get(ordinal);
    if (!pod || isPodLeaving(pod)) return [];
    if (pod.metadata.labels?.[REVISION_HASH_LABEL] !== state.revision) return [deletePod(pod)];
    if (!state.isSettled(pod)) return [];
  }
  return [];
}

function createReplica(
  set: StatefulSet,
  ordinal: number,
  context: {
    readonly revision: string;
    readonly template: PodTemplateSpec;
    readonly observed: ObservedStatefulSet;
    readonly options: { readonly nodeName: string | undefined };
  },
): readonly Action[] {
  const { metadata, spec } = set;
  const { template } = context;
  const name = `${metadata.name}-${ordinal}`;
  const templates = spec.volumeClaimTemplates ?? [];
  const claims = templates.map((claim): PersistentVolumeClaim => {
    const { namespace: _namespace, ...meta } = claim.metadata;
    const isOwned = spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...meta,
        name: `${claim.metadata.name}-${name}`,
        namespace: metadata.namespace ?? '',
        labels: { ...claim.metadata.labels, ...spec.selector.matchLabels },
        ...(isOwned ? { ownerReferences: [ownerRefOf(set, statefulSetKind)] } : {}),
      },
      spec: claim.spec,
    };
  });
  const volumes: Volume[] = [
    ...(template.spec.volumes ?? []).filter(
      (volume) => !templates.some(({ metadata: { name: own } }) => own === volume.name),
    ),
    ...templates.map(({ metadata: { name: own } }) => ({
      name: own,
      persistentVolumeClaim: { claimName: `${own}-${name}` },
    })),
  ];
  const pod = makePod({
    owner: set,
    ownerKind: statefulSetKind,
    name,
    nodeName: context.options.nodeName,
    labels: {
      [REVISION_HASH_LABEL]: context.revision,
      [POD_NAME_LABEL]: name,
      [POD_INDEX_LABEL]: String(ordinal),
    },
    template: {
      ...template,
      spec: {
        ...template.spec,
        hostname: name,
        ...(spec.serviceName ? { subdomain: spec.serviceName } : {}),
        ...(volumes.length > 0 ? { volumes } : {}),
      },
    },
  });
  return [
    ...claims
      .filter((claim) => !context.observed.claims.has(claim.metadata.name))
      .map((object): Action => ({ type: 'create', kind: persistentVolumeClaimKind, object })),
    createPod(pod),
  ];
}

function writeStatus(
  set: StatefulSet,
  state: {
    readonly pods: readonly Pod[];
    readonly revision: string;
    readonly isSettled: (pod: Pod) => boolean;
    readonly collisionCount: number | undefined;
  },
): readonly Action[] {
  const { metadata, spec, status: before } = set;
  const alive = state.pods.filter((pod) => !isPodFinished(pod));
  const updated = alive.filter(
    (pod) => pod.metadata.labels?.[REVISION_HASH_LABEL] === state.revision && !isPodLeaving(pod),
  );
  const old = before?.currentRevision ?? state.revision;
  const isUpdated =
    spec.updateStrategy?.type !== 'OnDelete' &&
    updated.length === alive.length &&
    updated.length === (spec.replicas ?? 1) &&
    updated.every(isPodReady);
  // The update becomes what is current when every Pod is of it, and serves.
  const currentRevision = isUpdated ? state.revision : old;
  return patchStatus(
    statefulSetKind,
    set,
    {
      observedGeneration: metadata.generation ?? 0,
      replicas: alive.length,
      readyReplicas: alive.filter(isPodReady).length,
      availableReplicas: alive.filter(state.isSettled).length,
      currentReplicas: alive.filter(
        (pod) => pod.metadata.labels?.[REVISION_HASH_LABEL] === currentRevision,
      ).length,
      updatedReplicas: updated.length,
      currentRevision,
      updateRevision: state.revision,
      collisionCount: state.collisionCount,
    },
    ['replicas', 'availableReplicas'],
  );
}
