/** `sls migrate`: as `knit migrate`, in the directory of the service that the host has loaded. */
import { resolve } from 'node:path';
import { formatReport } from '../migrate/format-report.ts';
import { migrateService } from '../migrate/migrate-service.ts';
import { UserError } from '../user-error.ts';
import type { CliOptions, Host, HostUtils } from '../host.ts';

/** @throws {UserError} with `--check` when something is left to do by hand. */
export async function migrate(host: Host, options: CliOptions, utils: HostUtils): Promise<void> {
  const directory = host.serviceDir ?? process.cwd();
  const reportFile = options['report'] as string | undefined;
  const outcome = await migrateService({
    directory,
    write: options['write'] === true,
    reportFile: reportFile === undefined ? undefined : resolve(directory, reportFile),
  });
  utils.writeText(formatReport(outcome).trimEnd());
  const { manual } = outcome.report.counts;
  if (options['check'] === true && manual > 0)
    throw new UserError(
      `${manual} settings are left to do by hand; they are listed above.`,
      'KNIT_MIGRATE_MANUAL',
    );
}
