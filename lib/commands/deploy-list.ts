/** `sls deploy list` and `sls deploy list functions`: the history that `rollback` can go back to. */
import { revisionKind } from '../../runtime/apis/serving/types.ts';
import { listReleases } from '../deploy/release-record.ts';
import type { CommandContext } from './command-context.ts';
import { notDeployed } from './info.ts';

export async function listDeployments(context: CommandContext): Promise<void> {
  await context.withTarget(async (target) => {
    const releases = await listReleases(target.client, context.model);
    if (releases.length === 0) throw notDeployed(context.model);
    context.utils.writeText(
      releases.map(({ id, status, restores, objects }, index) =>
        [
          new Date(Number(id)).toISOString(),
          `timestamp: ${id}`,
          restores === undefined ? status : `${status}, restores ${restores}`,
          `${objects.length} objects`,
          ...(index === 0 ? ['current'] : []),
        ].join('  '),
      ),
    );
  });
}

/** Each function with its revisions, newest first. */
export async function listFunctions(context: CommandContext): Promise<void> {
  await context.withTarget(async (target) => {
    const [last] = await listReleases(target.client, context.model);
    if (!last) throw notDeployed(context.model);
    const { items } = await target.client.list(revisionKind, {
      namespace: last.model.namespace,
    });
    const revisions = items
      .map(({ metadata }) => ({
        service: metadata.labels?.['serving.knative.dev/service'],
        name: metadata.name,
      }))
      .sort((a, b) => b.name.localeCompare(a.name));
    context.utils.writeText(
      last.model.functions.map((fn) => {
        const names = revisions
          .filter(({ service }) => service === fn.name)
          .map(({ name }) => name);
        return `${fn.key}: ${names.join(', ') || 'no revision'}`;
      }),
    );
  });
}
