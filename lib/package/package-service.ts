/**
 * After the host has packaged: turns its lists of files or zips and Dockerfile contexts into content-addressed archives,
 * checks that every handler is in its archive, and writes the package's manifest.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ConfigSource } from '../config/config-source.ts';
import type { FunctionModel, ServiceModel } from '../config/service-model.ts';
import type { Host } from '../host.ts';
import { UserError } from '../user-error.ts';
import { findHandlerProblem } from './check-handler.ts';
import type { FileLists } from './host-packaging.ts';
import { writeManifest, type Artifact, type PackageManifest } from './manifest.ts';
import { tarFromDirectory } from './tar-from-directory.ts';
import { tarFromFiles } from './tar-from-files.ts';
import { tarFromZip } from './tar-from-zip.ts';

export interface PackageOptions {
  readonly model: ServiceModel;
  /** Function key to the zip that holds its code. */
  readonly zips: ReadonlyMap<string, string>;
  /** What stands in for zips that were not made. */
  readonly fileLists: FileLists;
  readonly serviceDir: string;
  readonly directory: string;
  readonly source: ConfigSource;
}

/** The artifact that functions share when they are not packaged individually; no ksvc name has an underscore. */
const SHARED_ARTIFACT = 'shared_code';

/** @throws {UserError} for missing handlers, files and archives. */
export async function packageService(
  options: PackageOptions,
): Promise<Omit<PackageManifest, 'version'>> {
  const { model, directory } = options;
  await mkdir(directory, { recursive: true });
  const artifacts = new Map<string, Artifact>();
  const artifactOf: Record<string, string> = {};
  const filesOf = new Map<string, ReadonlySet<string>>();
  const shared = findSharedZip(options.zips);
  const nameOfZip = new Map<string, string>();

  for (const fn of model.functions) {
    if (fn.source.type === 'image') continue;
    if (fn.source.type === 'dockerfile') {
      artifacts.set(fn.name, await archiveContext(fn, options));
      artifactOf[fn.key] = fn.name;
      continue;
    }
    const zip = options.zips.get(fn.key);
    if (zip === undefined)
      throw new UserError(
        `function "${fn.key}" was not packaged: "package.disable" is set or its plugin made no ` +
          'archive. Remove the setting, or give the function an image.',
        'KNIT_NOT_PACKAGED',
      );
    let name = nameOfZip.get(zip);
    if (name === undefined) {
      name = zip === shared ? SHARED_ARTIFACT : fn.name;
      const { artifact, files } = await archiveCode(name, zip, options);
      nameOfZip.set(zip, name);
      artifacts.set(name, artifact);
      filesOf.set(name, files);
    }
    artifactOf[fn.key] = name;
    await checkHandler(fn, filesOf.get(name) ?? new Set(), options.source);
  }
  const manifest = { model, artifacts: [...artifacts.values()], artifactOf };
  await writeManifest(directory, manifest);
  await removeOldArchives(directory, manifest.artifacts);
  return manifest;
}

/** Where the host and bundler plugins put each function's zip; they leave relative paths, too. */
export function findZips(host: Host): ReadonlyMap<string, string> {
  const zips = new Map<string, string>();
  for (const key of host.service.getAllFunctions()) {
    const fn = host.service.getFunction(key);
    const artifact = fn.package?.artifact ?? host.service.package.artifact ?? host.service.artifact;
    if (artifact !== undefined && !fn.package?.disable)
      zips.set(key, path.resolve(host.serviceDir ?? '.', artifact));
  }
  return zips;
}

function findSharedZip(zips: ReadonlyMap<string, string>): string | undefined {
  const counts = new Map<string, number>();
  for (const zip of zips.values()) counts.set(zip, (counts.get(zip) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).find(([, count]) => count > 1)?.[0];
}

async function archiveCode(
  name: string,
  zip: string,
  { directory, fileLists, serviceDir }: PackageOptions,
): Promise<{ artifact: Artifact; files: ReadonlySet<string> }> {
  const temporary = path.join(directory, `${name}.tar.tmp`);
  const list = fileLists.get(zip);
  const { digest, files } = list
    ? await tarFromFiles(serviceDir, list, temporary)
    : await tarFromZip(zip, temporary);
  const file = `knit-${digest}.tar`;
  await rename(temporary, path.join(directory, file));
  return { artifact: { name, digest, file }, files: new Set(files) };
}

async function archiveContext(fn: FunctionModel, options: PackageOptions): Promise<Artifact> {
  if (fn.source.type !== 'dockerfile') throw new Error('not a Dockerfile');
  const { context, dockerfile } = fn.source;
  const temporary = path.join(options.directory, `${fn.name}.tar.tmp`);
  const where = `${await options.source.locate(['functions', fn.key, 'handler'])}: function "${fn.key}"`;
  const archive = await tarFromDirectory(
    { serviceDir: options.serviceDir, context, dockerfile, where },
    temporary,
  );
  const file = `knit-${archive.digest}.tar`;
  await rename(temporary, path.join(options.directory, file));
  return { name: fn.name, digest: archive.digest, file, dockerfile: archive.dockerfile };
}

async function checkHandler(
  fn: FunctionModel,
  files: ReadonlySet<string>,
  source: ConfigSource,
): Promise<void> {
  if (fn.source.type !== 'handler') return;
  const problem = findHandlerProblem(fn.source, files);
  if (problem === undefined) return;
  const line = await source.locate(['functions', fn.key, 'handler']);
  throw new UserError(`${line}: function "${fn.key}": ${problem}.`, 'KNIT_HANDLER_MISSING');
}

async function removeOldArchives(directory: string, keep: readonly Artifact[]): Promise<void> {
  const kept = new Set(keep.map(({ file }) => file));
  for (const file of await readdir(directory))
    if (/^knit-[0-9a-f]{64}\.tar$/.test(file) && !kept.has(file))
      await rm(path.join(directory, file), { force: true });
}
