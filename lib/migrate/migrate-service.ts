/**
 * `migrate` of a service's directory: finds its configuration, migrates it, checks the handlers, and
 * writes what came of it. Existing files are written whole or not at all.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../user-error.ts';
import { checkFunction } from './check-functions.ts';
import { migrateConfig } from './migrate-config.ts';
import { countSettings, type MigrationReport } from './setting.ts';

export interface MigrateOptions {
  /** Where the service is. */
  readonly directory: string;
  /** Replaces the configuration in place of writing `OUTPUT_NAME` beside it. */
  readonly write: boolean;
  /** Where the report goes as JSON, if anywhere. */
  readonly reportFile?: string | undefined;
}

export interface MigrateOutcome {
  readonly report: MigrationReport;
  /** Relative to the directory. */
  readonly source: string;
  readonly written: string;
}

export const OUTPUT_NAME = 'serverless.knative.yml';
const configNames = ['serverless.yml', 'serverless.yaml'];
const programNames = [
  'serverless.ts',
  'serverless.js',
  'serverless.cjs',
  'serverless.mjs',
  'serverless.json',
];
/** A configuration is text that people write. */
const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
const HANDLER_BYTES_MAX = 2 * 1024 * 1024;
/** Enough for any service; what is beyond is not looked at. */
const FILES_MAX = 20_000;
const skippedDirectories = new Set([
  'node_modules',
  '.git',
  '.serverless',
  '.venv',
  'dist',
  '.build',
]);

/** @throws {UserError} when there is no configuration that can be migrated, or nothing can be written. */
export async function migrateService(options: MigrateOptions): Promise<MigrateOutcome> {
  const { directory, write, reportFile } = options;
  const source = findConfig(directory);
  const file = path.join(directory, source);
  if ((await stat(file)).size > CONFIG_BYTES_MAX)
    throw new UserError(
      `${source} is larger than ${CONFIG_BYTES_MAX} bytes.`,
      'KNIT_MIGRATE_TOO_LARGE',
    );
  const { text, settings, functions, provider } = migrateConfig(
    await readFile(file, 'utf8'),
    source,
  );
  const names = await listFiles(directory);
  const contents = new Map<string, string>();
  for (const name of names)
    if (isHandlerOf(name, functions))
      contents.set(name, await readSmall(path.join(directory, name)));
  const files = { names, read: (name: string) => contents.get(name) };
  const report: MigrationReport = {
    settings,
    counts: countSettings(settings),
    functions: Object.entries(functions).map(([name, raw]) =>
      checkFunction(name, raw ?? {}, { provider, files }),
    ),
  };
  const written = write ? source : OUTPUT_NAME;
  await replaceFile(path.join(directory, written), text);
  if (reportFile !== undefined)
    await replaceFile(reportFile, `${JSON.stringify(report, null, 2)}\n`);
  return { report, source, written };
}

function findConfig(directory: string): string {
  const found = configNames.find((name) => existsSync(path.join(directory, name)));
  if (found !== undefined) return found;
  const program = programNames.find((name) => existsSync(path.join(directory, name)));
  if (program !== undefined)
    throw new UserError(
      `${program} is a configuration in code, which cannot be rewritten. Print it once with ` +
        '"npx osls print > serverless.yml", move it away, and migrate that.',
      'KNIT_MIGRATE_PROGRAM',
    );
  throw new UserError(
    `there is no serverless.yml in ${directory}. Name the directory of the service: knit migrate DIR.`,
    'KNIT_MIGRATE_NO_CONFIG',
  );
}

async function listFiles(directory: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of await readdir(path.join(directory, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skippedDirectories.has(entry.name)) folders.push(name);
      } else if (names.size < FILES_MAX) names.add(name);
    }
  return names;
}

const isHandlerOf = (
  name: string,
  functions: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): boolean =>
  Object.values(functions).some((raw) => {
    const handler = raw?.['handler'];
    if (typeof handler !== 'string') return false;
    const module = handler.slice(0, handler.lastIndexOf('.')).replace(/^\.\//, '');
    return name.startsWith(`${module}.`) || name === `${module}/__init__.py`;
  });

async function readSmall(file: string): Promise<string> {
  return (await stat(file)).size > HANDLER_BYTES_MAX ? '' : readFile(file, 'utf8');
}

/** A crash or a full disk leaves the file as it was. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new UserError(
      `${file} could not be written: ${(error as Error).message}`,
      'KNIT_MIGRATE_WRITE',
      { cause: error },
    );
  }
}
