/** Wires the claim plan to the API, and makes and removes the directories. */
import { chmodSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { persistentVolumeClaimKind, persistentVolumeKind } from '../../apis/core/types.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { isReleased, planClaim, volumeName } from './claim-plan.ts';

/**
 * Directories lie in `volumesRoot`, which only its owner can enter; each is writable for everyone, so
 * that a container of any user can write to its claim.
 */
export function makeClaimBinder(context: ControllerContext, volumesRoot: string): Controller {
  const { client, informers, clock, logger } = context;
  const claims = informers.informer(persistentVolumeClaimKind);
  const volumes = informers.informer(persistentVolumeKind);
  const recorder = new EventRecorder({ client, component: 'claim-binder', clock, logger });
  mkdirSync(volumesRoot, { recursive: true, mode: 0o700 });

  const controller = new Controller({
    name: 'claim',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const claim = claims.get(namespace, name);
      await release(namespace, name);
      if (!claim?.metadata.uid) return;
      const directory = join(volumesRoot, claim.metadata.uid);
      if (!claim.metadata.deletionTimestamp) {
        mkdirSync(directory, { recursive: true });
        chmodSync(directory, 0o777);
      }
      const volume = volumes.get('', volumeName(claim.metadata.uid));
      await applyPlan(planClaim(claim, volume, directory), { client, recorder });
    },
  });

  /** Removes volumes whose claim, by this name, is gone or another one now. */
  async function release(namespace: string, name: string): Promise<void> {
    // Before the first list every claim looks gone.
    if (!claims.hasSynced) return;
    for (const volume of volumes.list()) {
      const ref = volume.spec.claimRef;
      if (ref?.namespace !== namespace || ref.name !== name) continue;
      if (!isReleased(volume, claims.get(namespace, name))) continue;
      await client.delete(persistentVolumeKind, { name: volume.metadata.name });
      if (ref.uid) await rm(join(volumesRoot, ref.uid), { recursive: true, force: true });
    }
  }

  controller.watch(claims);
  controller.watch(volumes, ({ spec }) =>
    spec.claimRef ? [keyOf({ name: spec.claimRef.name, namespace: spec.claimRef.namespace })] : [],
  );
  return controller;
}
