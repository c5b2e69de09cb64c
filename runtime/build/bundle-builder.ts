/**
 * Builds a function's "image" for the process driver, without buildah: a directory
 * `<bundlesRoot>/<digest-hex>/{config.json, root/var/task}` and files under `refs/` that name it.
 * Everything is written beside its place and renamed, so that nobody sees half a bundle.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar';
import { findBaseImage, makeImageConfig, baseImages, baseImageRef } from './base-images/catalog.ts';
import { BuildError } from './build-error.ts';

export interface BundleRequest {
  readonly bundlesRoot: string;
  /** Name of the image, without tag or digest. */
  readonly image: string;
  readonly baseImage: string;
  /** Absolute path of the tar. */
  readonly archive: string;
  /** Options as the function Task's CONFIG has them. */
  readonly config: readonly string[];
  readonly signal: AbortSignal;
}

/** @returns the digest, `sha256:...`. @throws {BuildError} */
export async function buildBundle(request: BundleRequest): Promise<string> {
  const { bundlesRoot, baseImage, archive, signal } = request;
  const base = findBaseImage(baseImage);
  if (!base)
    throw new BuildError(
      'UnknownBaseImage',
      `the base image "${baseImage}" is none of ${baseImages.map(({ name }) => baseImageRef(name)).join(', ')}`,
    );
  const isThere = await access(archive).then(
    () => true,
    () => false,
  );
  if (!isThere)
    throw new BuildError(
      'ArchiveMissing',
      `the archive ${archive} is missing in the workspace: package the function again`,
    );
  const config = JSON.stringify(applyOptions(makeImageConfig(base), request.config), null, 2);
  const digest = createHash('sha256').update(config).update('\0');
  await pipeline(createReadStream(archive), digest, { end: false, signal });
  const hex = digest.digest('hex');
  const place = join(bundlesRoot, hex);
  if (
    !(await access(place).then(
      () => true,
      () => false,
    ))
  ) {
    const temporary = join(bundlesRoot, `.new-${randomUUID()}`);
    try {
      const task = join(temporary, 'root', 'var', 'task');
      await mkdir(task, { recursive: true });
      await extractArchive(archive, task);
      signal.throwIfAborted();
      await writeFile(join(temporary, 'config.json'), config);
      // A concurrent build of the same input may have been faster; its result is the same.
      await rename(temporary, place).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  for (const name of referencesOf(request.image, hex)) await writeReference(bundlesRoot, name, hex);
  return `sha256:${hex}`;
}

/** Every name by which a pod may ask for the image. */
const referencesOf = (image: string, hex: string): string[] => [
  image,
  `${image}:latest`,
  `${image}:${hex.slice(0, 12)}`,
  `${image}@sha256:${hex}`,
];

async function writeReference(bundlesRoot: string, name: string, hex: string): Promise<void> {
  const refs = join(bundlesRoot, 'refs');
  await mkdir(refs, { recursive: true });
  const temporary = join(refs, `.new-${randomUUID()}`);
  await writeFile(temporary, hex);
  await rename(temporary, join(refs, encodeURIComponent(name)));
}

/**
 * `tar` itself refuses absolute paths, `..` and writing through links that point outside; refusing
 * the whole archive on the first such entry is safer than leaving that entry out.
 */
async function extractArchive(archive: string, task: string): Promise<void> {
  try {
    await extract({ file: archive, cwd: task, strict: true, preserveOwner: false });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error;
    throw new BuildError(
      'ArchiveInvalid',
      `the archive ${archive} cannot be unpacked: ${message}`,
      { cause: error },
    );
  }
}

/** Understands what the function Task may pass to `buildah config`: `--env=`, `--label=`. */
function applyOptions(
  config: ReturnType<typeof makeImageConfig>,
  options: readonly string[],
): object {
  const env = [...config.Env];
  const labels: Record<string, string> = { ...config.Labels };
  for (const option of options) {
    const [, kind, name = '', value = ''] = /^--(env|label)=([^=]+)=(.*)$/s.exec(option) ?? [];
    if (kind === 'env') env.push(`${name}=${value}`);
    else if (kind === 'label') labels[name] = value;
    else
      throw new BuildError(
        'InvalidParamValue',
        `CONFIG has "${option}", must be --env=NAME=value or --label=name=value`,
      );
  }
  return { ...config, Env: env, Labels: labels };
}
