/**
 * Binds claims to directories of this node: pure. Every PersistentVolumeClaim gets a PersistentVolume
 * with a hostPath of its own; the volume goes when its claim has gone.
 */
import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaimKind,
  persistentVolumeKind,
} from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';

export const volumeName = (claimUid: string): string => `pvc-${claimUid}`;
/** Marks volumes that this node made and may remove with their directory. */
export const PROVISIONER_ANNOTATION = 'pv.kubernetes.io/provisioned-by';
export const PROVISIONER = 'knit.dev/local';

/** `directory` must exist before the plan is applied. Empty when the claim is bound. */
export function planClaim(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
  directory: string,
): Plan {
  const { namespace = '', name, uid = '' } = claim.metadata;
  if (claim.metadata.deletionTimestamp) return { actions: [], events: [] };
  const own = volumeName(uid);
  // Bound to a volume that somebody chose: not ours to provide.
  if (claim.spec.volumeName && claim.spec.volumeName !== own) return { actions: [], events: [] };
  const actions: Action[] = [];
  if (!volume) {
    const made: PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: own, annotations: { [PROVISIONER_ANNOTATION]: PROVISIONER } },
      spec: {
        capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '1Gi' },
        accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Delete',
        hostPath: { path: directory },
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name, uid },
      },
    };
    actions.push({ type: 'create', kind: persistentVolumeKind, object: made });
  }
  if (volume?.status?.phase !== 'Bound') actions.push(mergeStatus(persistentVolumeKind, '', own));
  if (claim.spec.volumeName !== own)
    actions.push({
      type: 'patch',
      kind: persistentVolumeClaimKind,
      namespace,
      name,
      patchType: 'merge',
      body: { spec: { volumeName: own } },
    });
  if (claim.status?.phase !== 'Bound')
    actions.push(mergeStatus(persistentVolumeClaimKind, namespace, name));
  return { actions, events: [] };
}

/** Whether a volume is ours and its claim has gone. */
export function isReleased(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): boolean {
  return (
    volume.metadata.annotations?.[PROVISIONER_ANNOTATION] === PROVISIONER &&
    claim?.metadata.uid !== volume.spec.claimRef?.uid
  );
}

const mergeStatus = (
  kind: typeof persistentVolumeKind | typeof persistentVolumeClaimKind,
  namespace: string,
  name: string,
): Action => ({
  type: 'patch',
  kind,
  namespace,
  name,
  patchType: 'merge',
  subresource: 'status',
  body: { status: { phase: 'Bound' } },
});
