/** `sls info`: what the last release deployed, from the API alone. */
import { listReleases } from '../deploy/release-record.ts';
import { UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';
import { describeService, formatDescription, formatOutputs } from './describe-service.ts';

/** @throws {UserError} when the service is not deployed. */
export async function info(context: CommandContext): Promise<void> {
  const { model } = context;
  await context.withTarget(async (target) => {
    const [last] = await listReleases(target.client, model);
    if (!last) throw notDeployed(model);
    const description = await describeService(target, last.model);
    const text = formatDescription(description);
    context.utils.writeText(
      context.flag('verbose') ? [text, '', formatOutputs(description)] : text,
    );
  });
}

export const notDeployed = (model: { service: string; stage: string }): UserError =>
  new UserError(
    `Service ${model.service} is not deployed to stage ${model.stage}. Deploy it with: sls deploy --stage ${model.stage}`,
    'KNIT_NOT_DEPLOYED',
  );
