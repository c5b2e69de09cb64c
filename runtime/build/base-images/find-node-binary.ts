/**
 * Finds a Node.js executable of a major version: the machine's own, one fetched earlier, or one from
 * the npm package of Node.js binaries. Without a registry it falls back to the machine's, and says so.
 */
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Logger } from '../../std/logger.ts';

/** A download of about 50 MB. */
const fetchTimeoutMs = 300_000;

export interface NodeBinary {
  readonly path: string;
  /** Without `v`. */
  readonly version: string;
  /** The registry could not be reached, so this is not the wanted major version. */
  readonly isFallback: boolean;
}

export interface NodeBinaryOptions {
  readonly cache: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** @param major undefined takes the machine's. */
export async function findNodeBinary(
  major: number | undefined,
  options: NodeBinaryOptions,
): Promise<NodeBinary> {
  const machine = {
    path: process.execPath,
    version: process.versions.node,
    isFallback: false,
  };
  if (major === undefined || machine.version.startsWith(`${major}.`)) return machine;
  const folder = join(options.cache, 'node', String(major));
  try {
    if (!(await exists(join(folder, 'bin', 'node')))) await fetchNode(major, folder, options);
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { path: join(folder, 'bin', 'node'), version, isFallback: false };
  } catch (error) {
    options.signal.throwIfAborted();
    options.logger.warn('Node.js could not be fetched, the machine has another major version', {
      wanted: `${major}.x`,
      used: machine.version,
      error: error instanceof Error ? error.message : String(error),
    });
    return { ...machine, isFallback: true };
  }
}

/** Fetches into a temporary folder and renames, so that a half-written binary is never found. */
async function fetchNode(major: number, folder: string, options: NodeBinaryOptions): Promise<void> {
  const parent = join(folder, '..');
  await mkdir(parent, { recursive: true });
  const temporary = await mkdtemp(join(parent, '.fetch-'));
  try {
    const name = `node-linux-${process.arch}@${major}`;
    options.logger.info('fetching Node.js', { package: name });
    const { stdout } = await execa(
      'npm',
      // One try: without a network npm would otherwise wait for more than a minute.
      [
        'pack',
        name,
        '--pack-destination',
        temporary,
        '--json',
        '--ignore-scripts',
        '--fetch-retries=0',
      ],
      { cwd: temporary, timeout: fetchTimeoutMs, cancelSignal: options.signal },
    );
    const packed = JSON.parse(stdout) as { filename: string }[];
    // Not in this process: 120 MB would pass through its heap, which never gives them back.
    await execa(
      'tar',
      [
        '-xzf',
        join(temporary, packed[0]?.filename ?? ''),
        '-C',
        temporary,
        '--strip-components=1',
        'package/bin/node',
        'package/package.json',
      ],
      { timeout: fetchTimeoutMs, cancelSignal: options.signal },
    );
    await rm(join(temporary, packed[0]?.filename ?? ''));
    await execa(join(temporary, 'bin', 'node'), ['--version']);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
