/**
 * Puts images into a running home's image store, as a user's `buildah build` into it would: a folder
 * that becomes the root file system, and lines of a Containerfile.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareBuildah } from '../../runtime/build/buildah-environment.ts';
import { makeBuildPaths } from '../../runtime/build/build-paths.ts';
import { run } from '../e2e/harness.ts';

export interface NewImage {
  readonly name: string;
  /** Fills the root file system, whose folder it gets. */
  readonly fill: (root: string) => Promise<void>;
  /** Instructions beside FROM and COPY, in order. */
  readonly instructions: readonly string[];
}

/** @throws when buildah is missing or refuses the image. */
export async function loadImages(home: string, images: Iterable<NewImage>): Promise<void> {
  const { env } = await prepareBuildah(makeBuildPaths(home), join(home, 'containers'));
  for (const { name, fill, instructions } of images) {
    const context = await mkdtemp(join(tmpdir(), 'knit-image-'));
    try {
      await mkdir(join(context, 'root'));
      await fill(join(context, 'root'));
      const file = join(context, 'Containerfile');
      await writeFile(file, ['FROM scratch', 'COPY root /', ...instructions, ''].join('\n'));
      const built = await run('buildah', ['build', '--quiet', '-t', name, '-f', file, context], {
        env,
      });
      if (built.code !== 0) throw new Error(`failed to build image ${name}: ${built.stderr}`);
    } finally {
      await rm(context, { recursive: true, force: true });
    }
  }
}
