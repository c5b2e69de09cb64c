/** `knit migrate`: an AWS serverless.yml to a knative one. */
import { resolve } from 'node:path';
import { formatReport } from '../../../lib/migrate/format-report.ts';
import { migrateService } from '../../../lib/migrate/migrate-service.ts';
import { UserError } from '../../../lib/user-error.ts';
import { CommandError, UsageError } from '../command-error.ts';
import type { Command } from '../command.ts';

export const migrateCommand: Command = {
  summary: 'rewrite an AWS serverless.yml for provider knative',
  help: `Usage: knit migrate [DIR] [--write] [--check] [--report FILE.json] [--json]

Writes serverless.knative.yml beside DIR/serverless.yml, with its comments and order, and says what
became of every setting: kept, mapped, dropped or manual. Deploy it with:
  npx sls deploy --config serverless.knative.yml

  --write        replace serverless.yml itself
  --check        exit 1 when something is left to do by hand
  --report FILE  write the whole report as JSON
  --json         print the whole report as JSON
`,
  options: {
    write: { type: 'boolean' },
    check: { type: 'boolean' },
    report: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ values, positionals }) {
    if (positionals.length > 1)
      throw new UsageError('knit migrate takes one directory; see knit migrate --help');
    try {
      const reportFile = values['report'] as string | undefined;
      const outcome = await migrateService({
        directory: resolve(positionals[0] ?? '.'),
        write: values['write'] === true,
        reportFile: reportFile === undefined ? undefined : resolve(reportFile),
      });
      process.stdout.write(
        values['json'] === true
          ? `${JSON.stringify(outcome.report, null, 2)}\n`
          : formatReport(outcome),
      );
      return values['check'] === true && outcome.report.counts.manual > 0 ? 1 : 0;
    } catch (error) {
      if (error instanceof UserError) throw new CommandError(`knit migrate: ${error.message}`);
      throw error;
    }
  },
};
