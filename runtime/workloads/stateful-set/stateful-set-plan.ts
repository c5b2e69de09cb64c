/**
 * What a StatefulSet needs next: its Pods by ordinal, one after another (or all at once with
 * `Parallel`), each with its own claims; updates from the highest ordinal down to the partition.
 * Pure. Keeps no ControllerRevisions, so there is no history to undo.
 * Source: k8s.io/kubernetes pkg/controller/statefulset (behaviour).
 */
import { type StatefulSet, statefulSetKind } from '../../apis/apps/types.ts';
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import {
  type PersistentVolumeClaim,
  persistentVolumeClaimKind,
  type Pod,
  type Volume,
} from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { claimPods } from '../claim-pods.ts';
import { REVISION_HASH_LABEL } from '../daemon-set/daemon-set-plan.ts';
import { templateHash } from '../deployment/new-replica-set.ts';
import { createPod, deletePod, makePod, ownerRefOf } from '../make-pod.ts';
import { availableInMs, isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';

export interface ObservedStatefulSet {
  /** All Pods of the namespace. */
  readonly pods: readonly Pod[];
  /** Names of the namespace's claims. */
  readonly claims: ReadonlySet<string>;
}

export function planStatefulSet(
  set: StatefulSet,
  observed: ObservedStatefulSet,
  options: { readonly nowMs: number; readonly nodeName: string | undefined },
): Plan {
  if (set.metadata.deletionTimestamp) return emptyPlan;
  const { pods, adoptions } = claimPods(set, statefulSetKind, observed.pods);
  const { spec, metadata } = set;
  const revision = `${metadata.name}-${templateHash(spec.template)}`;
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
    if (!pod) actions.push(...createReplica(set, ordinal, { revision, observed, options }));
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
  actions.push(...adoptions, ...writeStatus(set, { pods, revision, isSettled }));
  return {
    actions,
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

/** Deletes the highest Pod of an earlier template, when everything above it serves. */
function updateNext(
  { spec }: StatefulSet,
  state: {
    readonly byOrdinal: ReadonlyMap<number, Pod>;
    readonly first: number;
    readonly end: number;
    readonly revision: string;
    readonly isSettled: (pod: Pod) => boolean;
  },
): readonly Action[] {
  if (spec.updateStrategy?.type === 'OnDelete') return [];
  const lowest = Math.max(state.first, spec.updateStrategy?.rollingUpdate?.partition ?? 0);
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
    readonly observed: ObservedStatefulSet;
    readonly options: { readonly nodeName: string | undefined };
  },
): readonly Action[] {
  const { metadata, spec } = set;
  const name = `${metadata.name}-${ordinal}`;
  const templates = spec.volumeClaimTemplates ?? [];
  const claims = templates.map((template): PersistentVolumeClaim => {
    const { namespace: _namespace, ...meta } = template.metadata;
    const isOwned = spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete';
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        ...meta,
        name: `${template.metadata.name}-${name}`,
        namespace: metadata.namespace ?? '',
        labels: { ...template.metadata.labels, ...spec.selector.matchLabels },
        ...(isOwned ? { ownerReferences: [ownerRefOf(set, statefulSetKind)] } : {}),
      },
      spec: template.spec,
    };
  });
  const volumes: Volume[] = [
    ...(spec.template.spec.volumes ?? []).filter(
      (volume) => !templates.some((template) => template.metadata.name === volume.name),
    ),
    ...templates.map((template) => ({
      name: template.metadata.name,
      persistentVolumeClaim: { claimName: `${template.metadata.name}-${name}` },
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
      ...spec.template,
      spec: {
        ...spec.template.spec,
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
  },
): readonly Action[] {
  const { metadata, spec, status: before } = set;
  const alive = state.pods.filter((pod) => !isPodFinished(pod));
  const updated = alive.filter(
    (pod) => pod.metadata.labels?.[REVISION_HASH_LABEL] === state.revision && !isPodLeaving(pod),
  );
  const old = before?.currentRevision ?? state.revision;
  const isUpdated =
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
      collisionCount: undefined,
    },
    ['replicas', 'availableReplicas'],
  );
}
