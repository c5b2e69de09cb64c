/**
 * The files that the host chose, as the tar that its zip of them would become (`tarFromZip`), without
 * the zip in between. Symbolic links are followed, as the hosts do.
 */
import path from 'node:path';
import { UserError } from '../user-error.ts';
import type { Archive } from './tar-from-zip.ts';
import { TarWriter } from './tar-writer.ts';

/** @param files relative to `root`. @throws {UserError} when one cannot be read. */
export async function tarFromFiles(
  root: string,
  files: readonly string[],
  tarPath: string,
): Promise<Archive> {
  const names = nameEntries(files);
  const writer = await TarWriter.create(tarPath);
  try {
    for (const [name, file] of names) await addFile(writer, name, path.resolve(root, file));
    return { digest: await writer.finish(), files: names.map(([name]) => name) };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Sorted pairs of name in the archive and file; the hosts drop what leads out of the service. Pure. */
export function nameEntries(files: readonly string[]): readonly [name: string, file: string][] {
  const byName = new Map<string, string>();
  for (const file of [...files].sort()) {
    const segments = path.normalize(file).split(path.sep);
    const first = segments.findIndex((segment) => segment !== '..' && segment !== '.');
    byName.set(segments.slice(Math.max(first, 0)).join('/'), file);
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function addFile(writer: TarWriter, name: string, file: string): Promise<void> {
  try {
    await writer.addFile(name, file);
  } catch (cause) {
    const { code, path: failing, message } = cause as NodeJS.ErrnoException;
    // Without the file's path it was the archive that could not be written.
    if (code === undefined || failing !== file) throw cause;
    throw new UserError(
      `${file} cannot be packaged: ${message}. Make it readable, or leave it out with ` +
        '"package.patterns".',
      'KNIT_FILE_NOT_READ',
      { cause },
    );
  }
}
