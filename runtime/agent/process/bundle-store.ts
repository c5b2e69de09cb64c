/**
 * Images of the process driver: directories with a config.json and the code under root/, written by
 * the build where buildah is absent. Reads only.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { StartError } from '../driver.ts';
import type { ImageConfig } from '../images/image-store.ts';

export interface Bundle {
  readonly imageID: string;
  readonly config: ImageConfig;
  /** What would be `/` in a container. */
  readonly root: string;
}

/** @throws {StartError} ErrImagePull with what to install, when the image is no bundle. */
export function resolveBundle(bundlesRoot: string, reference: string): Bundle {
  const digest = findDigest(bundlesRoot, reference);
  const directory = digest === undefined ? '' : join(bundlesRoot, digest);
  if (digest === undefined || !existsSync(join(directory, 'config.json')))
    throw new StartError(
      'ErrImagePull',
      `image ${reference} is no function bundle, and the process driver cannot run container images: ` +
        'install buildah and crun (`apt-get install buildah crun`), then `knit down` and `knit up`',
    );
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as
    ImageConfig | { config: ImageConfig };
  return {
    imageID: `${reference.split('@')[0]}@sha256:${digest}`,
    config: 'config' in config ? config.config : config,
    root: join(directory, 'root'),
  };
}

function findDigest(bundlesRoot: string, reference: string): string | undefined {
  const byDigest = /@sha256:([0-9a-f]{64})$/.exec(reference)?.[1];
  if (byDigest !== undefined) return byDigest;
  try {
    const name = join(bundlesRoot, 'refs', encodeURIComponent(reference));
    const digest = readFileSync(name, 'utf8')
      .trim()
      .replace(/^sha256:/, '');
    return /^[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  } catch {
    return undefined;
  }
}
