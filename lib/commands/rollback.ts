/** `sls rollback --timestamp T`: deploys the objects of an earlier release again. Its images are still there. */
import { deployRelease, readCurrentState } from '../deploy/deploy-release.ts';
import { UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';
import { reportDeployment } from './deploy.ts';
import { listDeployments } from './deploy-list.ts';
import { notDeployed } from './info.ts';

/** Without a timestamp it lists those that there are, as on AWS. */
export async function rollback(context: CommandContext): Promise<void> {
  const timestamp = context.text('timestamp');
  if (timestamp === undefined) {
    await listDeployments(context);
    context.utils.log.notice('Go back to one of these with: sls rollback --timestamp TIMESTAMP');
    return;
  }
  const startedMs = Date.now();
  await context.withTarget(async (target) => {
    const current = await readCurrentState(target.client, context.model);
    if (current.releases.length === 0) throw notDeployed(context.model);
    const release = current.releases.find(
      ({ id }) => id === timestamp || new Date(Number(id)).toISOString() === timestamp,
    );
    if (!release || release.status === 'failed')
      throw new UserError(
        `There is no successful release with timestamp ${timestamp}. List those that are kept with: sls deploy list`,
        'KNIT_UNKNOWN_RELEASE',
      );
    const { model, objects, images, builds } = release;
    const result = await deployRelease(
      target.client,
      { model, objects, images, builds, restores: release.id },
      {
        current,
        nowMs: startedMs,
        isForced: false,
        onProgress: (text) => context.progress(text),
      },
    );
    await reportDeployment(context, {
      target,
      model,
      changed: result.plan.apply.length + result.plan.prune.length,
      builtCount: 0,
      startedMs,
    });
  });
}
