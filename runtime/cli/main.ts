/** The `knit` command: finds the subcommand, prints help, turns errors into one line and an exit code. */
import { parseArgs } from 'node:util';
import { CommandError, UsageError } from './command-error.ts';
import type { Command } from './command.ts';
import { homeOf } from './home.ts';
import { packageVersion } from './version.ts';

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  down: async () => (await import('./commands/down.ts')).downCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  kubeconfig: async () => (await import('./commands/kubeconfig.ts')).kubeconfigCommand,
  events: async () => (await import('./commands/events.ts')).eventsCommand,
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand,
};

const COMMON_OPTIONS = {
  home: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  verbose: { type: 'boolean' },
} as const;

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(await overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    process.stdout.write(`knit ${packageVersion()}\n`);
    return 0;
  }
  const load = COMMANDS[name];
  if (!load) throw new UsageError(`knit ${name}: unknown command; see knit help`);
  const command = await load();
  const { values, positionals } = parse(name, command, rest);
  if (values['help']) {
    process.stdout.write(command.help);
    return 0;
  }
  const home = homeOf(values['home'] as string | undefined, process.env);
  return command.run({ home, values, positionals });
}

function parse(
  name: string,
  command: Command,
  args: readonly string[],
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      options: { ...COMMON_OPTIONS, ...command.options },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(`knit ${name}: ${(error as Error).message}; see knit ${name} --help`);
  }
}

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(COMMANDS).map(
      async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}\n`,
    ),
  );
  return (
    `knit ${packageVersion()}: a Knative runtime in the box\n\nUsage: knit COMMAND [OPTIONS]\n\n` +
    `${lines.join('')}\nEvery command takes --home DIR (default $KNIT_HOME, else ~/.knit), --help and --verbose.\n`
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isVerbose = process.argv.includes('--verbose') || process.env['SLS_DEBUG'] !== undefined;
  if (error instanceof CommandError && !isVerbose) process.stderr.write(`${error.message}\n`);
  else if (error instanceof Error && !isVerbose)
    process.stderr.write(`knit: ${error.message} (run again with --verbose for details)\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : 1;
}
