/** The build context of a Dockerfile as a deterministic tar: a directory less its `.dockerignore`. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../user-error.ts';
import { parseDockerIgnore, type IsIgnored } from './docker-ignore.ts';
import type { Archive } from './tar-from-zip.ts';
import { TarWriter } from './tar-writer.ts';

/** Never part of a context: state of tools, which changes without the image changing. */
const ALWAYS_IGNORED = new Set(['.git', '.serverless', '.knit']);
/** A context that is larger was most likely meant to be a subdirectory. */
const CONTEXT_FILES_MAX = 100_000;
/** Where a Dockerfile from outside its context is put inside the archive. */
export const OUTSIDE_DOCKERFILE = '.knit.Dockerfile';

export interface ContextArchive extends Archive {
  /** Path of the Dockerfile inside the archive. */
  readonly dockerfile: string;
}

/** @throws {UserError} when the context or the Dockerfile is missing. */
export async function tarFromDirectory(
  options: { serviceDir: string; context: string; dockerfile: string; where: string },
  tarPath: string,
): Promise<ContextArchive> {
  const root = path.resolve(options.serviceDir, options.context);
  const dockerfile = path.resolve(options.serviceDir, options.dockerfile);
  await requireFile(dockerfile, options);
  const inside = path.relative(root, dockerfile).split(path.sep).join('/');
  const isInside = !inside.startsWith('..');
  const isIgnored = await readIgnore(root);
  const files = await listFiles(root, { isIgnored, where: options.where });
  if (isInside && !files.some((file) => file.path === inside))
    files.push({ path: inside, type: 'file' }); // Docker sends an ignored Dockerfile all the same.
  files.sort((a, b) => (a.path < b.path ? -1 : 1));

  const writer = await TarWriter.create(tarPath);
  try {
    for (const file of files) await addFile(writer, root, file);
    if (!isInside) {
      const content = await readFile(dockerfile);
      await writer.add({ path: OUTSIDE_DOCKERFILE, type: 'file', size: content.length }, content);
    }
    const digest = await writer.finish();
    return {
      digest,
      files: files.map((file) => file.path),
      dockerfile: isInside ? inside : OUTSIDE_DOCKERFILE,
    };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

interface ContextFile {
  readonly path: string;
  readonly type: 'file' | 'symlink';
}

async function listFiles(
  root: string,
  options: { isIgnored: IsIgnored; where: string },
): Promise<ContextFile[]> {
  const files: ContextFile[] = [];
  const visit = async (directory: string): Promise<void> => {
    for (const item of await readdir(path.join(root, directory), { withFileTypes: true })) {
      const relative = directory === '' ? item.name : `${directory}/${item.name}`;
      if (directory === '' && ALWAYS_IGNORED.has(item.name)) continue;
      // A directory is entered even if it is ignored: an exception may bring back what is below.
      if (item.isDirectory()) await visit(relative);
      else if (options.isIgnored(relative)) continue;
      else if (item.isFile()) files.push({ path: relative, type: 'file' });
      else if (item.isSymbolicLink()) files.push({ path: relative, type: 'symlink' });
      if (files.length > CONTEXT_FILES_MAX)
        throw new UserError(
          `${options.where}: the build context ${root} holds more than ${CONTEXT_FILES_MAX} files. ` +
            'Set "context" to a smaller directory or add a .dockerignore file.',
          'KNIT_CONTEXT_TOO_LARGE',
        );
    }
  };
  await visit('');
  return files;
}

async function addFile(writer: TarWriter, root: string, file: ContextFile): Promise<void> {
  const absolute = path.join(root, file.path);
  if (file.type === 'file') return writer.addFile(file.path, absolute);
  const target = await readlink(absolute);
  await writer.add({ path: file.path, type: 'symlink', size: 0, target });
}

async function readIgnore(root: string): Promise<IsIgnored> {
  try {
    return parseDockerIgnore(await readFile(path.join(root, '.dockerignore'), 'utf8'));
  } catch {
    return () => false;
  }
}

async function requireFile(
  file: string,
  options: { dockerfile: string; where: string },
): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile())
    throw new UserError(
      `${options.where}: the Dockerfile "${options.dockerfile}" does not exist (looked at ${file}). ` +
        'Correct the path; it is relative to the service directory.',
      'KNIT_DOCKERFILE_MISSING',
    );
}
