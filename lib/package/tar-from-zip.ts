/**
 * The zip that the host (or a bundler plugin) made, as a deterministic tar. Hosts differ in the zip
 * bytes that they write for the same files; the tar does not, so its digest names the code.
 */
import type { Readable } from 'node:stream';
import type { Entry, ZipFile } from 'yauzl';
import { UserError } from '../user-error.ts';
import { TarWriter, type TarEntry } from './tar-writer.ts';

export interface Archive {
  /** `sha256` of the tar in hex. */
  readonly digest: string;
  /** Paths of its files, sorted. */
  readonly files: readonly string[];
}

/** A zip can claim any size; a function's code is refused beyond this. */
const UNPACKED_BYTES_MAX = 4 * 1024 ** 3;
const FILE_TYPE_MASK = 0o170000;
const SYMLINK_TYPE = 0o120000;

/** @throws {UserError} when the zip cannot be read or is too large. */
export async function tarFromZip(zipPath: string, tarPath: string): Promise<Archive> {
  // Loaded here and not above: a deployment of containers alone never needs it.
  const { openPromise } = await import('yauzl');
  let zip: ZipFile;
  try {
    zip = await openPromise(zipPath, { lazyEntries: true, autoClose: false });
  } catch (cause) {
    throw new UserError(
      `The package ${zipPath} cannot be read as a zip: ${(cause as Error).message}. ` +
        'Remove it and package again.',
      'KNIT_BAD_PACKAGE',
      { cause },
    );
  }
  const writer = await TarWriter.create(tarPath);
  try {
    const entries = await listEntries(zip);
    const files: string[] = [];
    for (const entry of entries) {
      const tarEntry = await describe(zip, entry);
      if (tarEntry.type === 'file') {
        await writer.add(tarEntry, await zip.openReadStreamPromise(entry));
      } else await writer.add(tarEntry);
      if (tarEntry.type !== 'directory') files.push(tarEntry.path);
    }
    return { digest: await writer.finish(), files };
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    zip.close();
  }
}

/** Sorted by path, the last of entries with one path: what unzipping would leave. */
async function listEntries(zip: ZipFile): Promise<readonly Entry[]> {
  const byPath = new Map<string, Entry>();
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    bytes += entry.uncompressedSize;
    if (bytes > UNPACKED_BYTES_MAX)
      throw new UserError(
        'The package is larger than 4 GiB unpacked. Exclude what the function does not need with ' +
          '"package.patterns".',
        'KNIT_PACKAGE_TOO_LARGE',
      );
    byPath.set(entry.fileName, entry);
  }
  return [...byPath.values()].sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
}

async function describe(zip: ZipFile, entry: Entry): Promise<TarEntry> {
  const mode = entry.externalFileAttributes >>> 16;
  const path = entry.fileName;
  if (path.endsWith('/')) return { path, type: 'directory', size: 0 };
  if ((mode & FILE_TYPE_MASK) === SYMLINK_TYPE)
    return {
      path,
      type: 'symlink',
      size: 0,
      target: await readAll(await zip.openReadStreamPromise(entry)),
    };
  return { path, type: 'file', size: entry.uncompressedSize, isExecutable: (mode & 0o111) !== 0 };
}

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
