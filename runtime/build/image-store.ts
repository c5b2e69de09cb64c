/** Reads the names in buildah's image store without starting buildah: its index is one JSON file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageDriver } from './buildah-environment.ts';

/** Whether the store has an image of this name, e.g. `knit.local/nodejs22.x:latest`. */
export async function hasImage(
  imageStoreRoot: string,
  driver: StorageDriver,
  name: string,
): Promise<boolean> {
  const path = join(imageStoreRoot, 'storage', `${driver}-images`, 'images.json');
  const text = await readFile(path, 'utf8').catch(() => '[]');
  const images = JSON.parse(text) as { names?: string[] }[];
  return images.some(({ names }) => names?.includes(name) ?? false);
}
