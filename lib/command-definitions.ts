/**
 * The commands' options and subcommands beyond what the hosts know. The hosts adopt AWS's commands
 * for whoever hooks them, without the options that only AWS has; scripts moved from there pass them
 * all the same, so they are declared and have no effect.
 */
import type { CommandDefinition, CommandOption } from './host.ts';

const awsOptions: Readonly<Record<string, CommandOption>> = {
  region: { usage: 'Has no effect with provider knative', type: 'string', shortcut: 'r' },
  'aws-profile': { usage: 'Has no effect with provider knative', type: 'string' },
};

const withAwsOptions = (
  options: Readonly<Record<string, CommandOption>> = {},
): Pick<CommandDefinition, 'options'> => ({ options: { ...options, ...awsOptions } });

export const commandDefinitions: Readonly<Record<string, CommandDefinition>> = {
  deploy: {
    ...withAwsOptions({
      'dry-run': { usage: 'Show what would be built, applied and deleted', type: 'boolean' },
    }),
    commands: {
      function: withAwsOptions(),
      list: { ...withAwsOptions(), commands: { functions: withAwsOptions() } },
    },
  },
  info: withAwsOptions(),
  invoke: { ...withAwsOptions(), commands: { local: withAwsOptions() } },
  // Declared whole: the hosts' own definition insists on --function.
  logs: {
    usage: 'Show what functions printed',
    lifecycleEvents: ['logs'],
    ...withAwsOptions({
      function: { usage: 'Only this function', type: 'string', shortcut: 'f' },
      tail: { usage: 'Follow the output', type: 'boolean', shortcut: 't' },
      startTime: { usage: 'Not before: 10m, 2h, or a date', type: 'string' },
      filter: { usage: 'Only lines with this text', type: 'string' },
      interval: {
        usage: 'Has no effect: output is followed as it comes',
        type: 'string',
        shortcut: 'i',
      },
    }),
  },
  migrate: migrateDefinition(),
  remove: withAwsOptions(),
  rollback: withAwsOptions(),
};

/** The only command that also serves a configuration that is still AWS's. */
export function migrateDefinition(): CommandDefinition {
  return {
    usage:
      'Rewrite an AWS serverless.yml for provider knative, and say what became of each setting',
    lifecycleEvents: ['migrate'],
    ...withAwsOptions({
      write: { usage: 'Replace serverless.yml itself', type: 'boolean' },
      check: { usage: 'Fail when something is left to do by hand', type: 'boolean' },
      report: { usage: 'Write the whole report to this file, as JSON', type: 'string' },
    }),
  };
}
