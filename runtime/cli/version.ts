/** The version in package.json, found from the sources as well as from dist/. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root folder. @throws {Error} when there is no package.json of ours above this file. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = readManifest(folder);
    if (manifest?.name === 'serverless-knit') return folder;
    if (folder === dirname(folder)) throw new Error('serverless-knit: package.json not found');
  }
}

export function packageVersion(): string {
  return readManifest(packageRoot())?.version ?? '0.0.0';
}

function readManifest(folder: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
  } catch {
    return undefined;
  }
}
