/** `sls remove`: everything of this service and stage, from what the API says alone. */
import { namespaceKind, persistentVolumeClaimKind } from '../../runtime/apis/core/types.ts';
import { taskRunKind } from '../../runtime/apis/tekton/types.ts';
import { ownSelector, serviceLabel, stageLabel } from '../compile/object-labels.ts';
import { deleteObjects } from '../deploy/apply-release.ts';
import { readCurrentState } from '../deploy/deploy-release.ts';
import { isOwn, planRelease } from '../deploy/plan-release.ts';
import { deleteRelease } from '../deploy/release-record.ts';
import { SOURCE_CLAIM } from '../images/plan-builds.ts';
import type { CommandContext } from './command-context.ts';

/** Removing what is not there succeeds: the wish is fulfilled. */
export async function remove(context: CommandContext): Promise<void> {
  const { model } = context;
  await context.withTarget(async ({ client }) => {
    context.progress(`Removing service ${model.service}, stage ${model.stage}`);
    const current = await readCurrentState(client, model);
    const { prune } = planRelease({
      model,
      releaseId: '',
      desired: [],
      live: current.live,
      applied: {},
    });
    await deleteObjects(client, prune);
    const { items: runs } = await client.list(taskRunKind, {
      namespace: model.namespace,
      labelSelector: ownSelector(model),
    });
    for (const run of runs) await client.delete(taskRunKind, run.metadata);

    const namespace = await client.get(namespaceKind, { name: model.namespace });
    const isOurs =
      namespace?.metadata.labels?.[serviceLabel] === model.service &&
      namespace.metadata.labels[stageLabel] === model.stage;
    const hasOthers = current.live.some((object) => !isOwn(object, model));
    // The records go last: an interrupted removal can be repeated.
    for (const release of current.releases) await deleteRelease(client, release);
    if (isOurs && !hasOthers) {
      await client.delete(persistentVolumeClaimKind, {
        namespace: model.namespace,
        name: SOURCE_CLAIM,
      });
      await client.delete(namespaceKind, { name: model.namespace });
    }
    context.utils.log.notice.success(
      prune.length === 0
        ? `Service ${model.service} was not deployed to stage ${model.stage}; nothing to remove`
        : `Service ${model.service} removed from stage ${model.stage} (${prune.length} objects)`,
    );
  });
}
