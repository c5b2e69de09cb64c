/**
 * What `sls package` leaves for `sls deploy --package`: the service model and the archives, in one
 * directory, independent of the sources.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServiceModel } from '../config/service-model.ts';
import { UserError } from '../user-error.ts';

/** Raised when the layout changes: an older package is then refused instead of misread. */
const MANIFEST_VERSION = 1;
const MANIFEST_FILE = 'knit-package.json';

/** Something to build: code on a base image, or a Dockerfile with its context. */
export interface Artifact {
  readonly name: string;
  /** `sha256` of the archive in hex. */
  readonly digest: string;
  /** File beside the manifest. */
  readonly file: string;
  /** Path of the Dockerfile inside the archive; absent for code archives. */
  readonly dockerfile?: string;
}

export interface PackageManifest {
  readonly version: number;
  readonly model: ServiceModel;
  readonly artifacts: readonly Artifact[];
  /** Function key to artifact name; functions with an image of their own have none. */
  readonly artifactOf: Readonly<Record<string, string>>;
}

export async function writeManifest(
  directory: string,
  manifest: Omit<PackageManifest, 'version'>,
): Promise<void> {
  const file = path.join(directory, MANIFEST_FILE);
  const content = JSON.stringify({ version: MANIFEST_VERSION, ...manifest }, null, 2);
  // It holds the functions' environment.
  await writeFile(`${file}.tmp`, content, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** @throws {UserError} when there is none, or another version wrote it. */
export async function readManifest(directory: string): Promise<PackageManifest> {
  const file = path.join(directory, MANIFEST_FILE);
  let manifest: PackageManifest;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8')) as PackageManifest;
  } catch (cause) {
    throw new UserError(
      `There is no package in ${directory} (${(cause as Error).message}). Make one with: sls package`,
      'KNIT_NO_PACKAGE',
      { cause },
    );
  }
  if (manifest.version !== MANIFEST_VERSION)
    throw new UserError(
      `The package in ${directory} was made by another version of serverless-knit. Make a new one ` +
        'with: sls package',
      'KNIT_PACKAGE_VERSION',
    );
  return manifest;
}
