/** The shape of a subcommand of `knit`. */
import type { ParseArgsConfig } from 'node:util';
import type { Home } from './home.ts';

export interface CommandInput {
  readonly home: Home;
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Printed by `knit COMMAND --help`. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Returns the exit code; prints data to standard output and everything else to standard error. */
  run(input: CommandInput): Promise<number>;
}
