/** Which shared libraries programs of this machine need, as its own dynamic loader finds them. */
import { execa } from 'execa';
import { BuildError } from '../build-error.ts';

/** Absolute paths, sorted, the loader included. Static programs need none. */
export async function findSharedLibraries(programs: readonly string[]): Promise<string[]> {
  if (programs.length === 0) return [];
  // ldd exits with 1 when any of the files is static, and still reports on the others.
  const result = await execa('ldd', programs, { reject: false, env: { LC_ALL: 'C' } });
  if (result.failed && result.exitCode === undefined)
    throw new BuildError('BaseImageFailed', `cannot run ldd: ${result.shortMessage}`);
  const found = new Set<string>();
  for (const line of result.stdout.split('\n')) {
    const missing = /^\s*(\S+) => not found/.exec(line)?.[1];
    if (missing)
      throw new BuildError(
        'BaseImageFailed',
        `the library ${missing}, which a program of the base image needs, is not on this machine`,
      );
    const path = /=> (\/\S+) \(/.exec(line)?.[1] ?? /^\s+(\/\S+) \(/.exec(line)?.[1];
    if (path) found.add(path);
  }
  return [...found].sort();
}
