/**
 * Which Pods belong to a controller: those that it owns, and those without an owner that its
 * selector matches, which it adopts. Pure. Source: k8s.io/kubernetes pkg/controller ref manager (behaviour).
 */
import type { Pod } from '../apis/core/types.ts';
import { podKind } from '../apis/core/types.ts';
import type { LabelSelector } from '../apis/meta/label-selector.ts';
import { matchesSelector } from '../apis/meta/label-selector.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Action } from '../kube/plan.ts';
import { ownerRefOf } from './make-pod.ts';
import { isPodActive } from './pod-facts.ts';

export interface Claimed {
  readonly pods: readonly Pod[];
  /** Makes the owner the controller of those that have none. */
  readonly adoptions: readonly Action[];
}

/** @param candidates pods of the owner's namespace */
export function claimPods(
  owner: KubeObject & { spec: { selector?: LabelSelector } },
  ownerKind: ResourceKind,
  candidates: readonly Pod[],
): Claimed {
  const pods: Pod[] = [];
  const adoptions: Action[] = [];
  const { uid } = owner.metadata;
  // A home from before there were ReplicaSets has Pods that the Deployment itself owns.
  const grandOwner = owner.metadata.ownerReferences?.find((ref) => ref.controller)?.uid;
  for (const pod of candidates) {
    const controller = pod.metadata.ownerReferences?.find((ref) => ref.controller);
    if (controller?.uid === uid) {
      pods.push(pod);
      continue;
    }
    if (controller && controller.uid !== grandOwner) continue;
    if (owner.metadata.deletionTimestamp || !isPodActive(pod)) continue;
    if (!matchesSelector(owner.spec.selector, pod.metadata.labels)) continue;
    pods.push(pod);
    const others = (pod.metadata.ownerReferences ?? []).filter((ref) => ref !== controller);
    adoptions.push({
      type: 'patch',
      kind: podKind,
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      patchType: 'merge',
      body: {
        metadata: {
          uid: pod.metadata.uid,
          ownerReferences: [...others, ownerRefOf(owner, ownerKind)],
        },
      },
    });
  }
  return { pods, adoptions };
}
