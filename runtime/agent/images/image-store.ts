/**
 * Reads images from containers-storage, where buildah puts them: a reference becomes a list of layer
 * directories to mount and the image's config. Reads only; never locks, pulls, unpacks or copies.
 * Source: containers/storage on-disk layout of the overlay and vfs drivers.
 */
import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { StartError } from '../driver.ts';

export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ResolvedImage {
  /** `<repository>@<manifest digest>`, as a container status shows it. */
  readonly imageID: string;
  readonly config: ImageConfig;
  /** Directories, topmost layer first. With vfs there is one. */
  readonly layers: readonly string[];
  /** Equal for images of the very same directories, also where names were used again. */
  readonly key: string;
}

interface StoredImage {
  id: string;
  digest?: string;
  names?: string[];
  layer?: string;
  'big-data-digests'?: Record<string, string>;
}

interface StoredLayer {
  id: string;
  parent?: string;
}

/** An image has at most this many layers (the registry world's own limit is 127). */
const LAYERS_MAX = 128;

export class ImageStore {
  private readonly graphRoot: string;
  private stamp = '';
  private resolved = new Map<string, ResolvedImage>();

  constructor(imageStoreRoot: string) {
    this.graphRoot = join(imageStoreRoot, 'storage');
  }

  /** @throws {StartError} ErrImagePull when there is no such image here; nothing is ever pulled. */
  resolve(reference: string): ResolvedImage {
    const driver = existsSync(join(this.graphRoot, 'overlay-images')) ? 'overlay' : 'vfs';
    const index = join(this.graphRoot, `${driver}-images`, 'images.json');
    const stat = statSync(index, { throwIfNoEntry: false });
    if (!stat) throw notFound(reference);
    // buildah replaces the file on each change, so that its inode and times tell.
    const stamp = `${driver} ${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.resolved.clear();
    }
    const known = this.resolved.get(reference);
    if (known) return known;
    const image = this.read(reference, driver, index);
    this.resolved.set(reference, image);
    return image;
  }

  private read(reference: string, driver: string, index: string): ResolvedImage {
    const image = findImage(readJson(index) as StoredImage[], reference);
    if (!image?.layer) throw notFound(reference);
    const layers = readJson(
      join(this.graphRoot, `${driver}-layers`, 'layers.json'),
    ) as StoredLayer[];
    const chain = layerChain(layers, image.layer);
    const directories =
      driver === 'vfs'
        ? [join(this.graphRoot, 'vfs', 'dir', image.layer)]
        : chain.map((id) => this.overlayDirectory(id));
    return {
      imageID: `${repositoryOf(reference)}@${image.digest ?? `sha256:${image.id}`}`,
      config: this.readConfig(driver, image.id),
      layers: directories,
      key: directories.map((path) => `${path} ${statSync(path).ino}`).join('\n'),
    };
  }

  /** The short link beside the layer where there is one: mount options are limited to a page. */
  private overlayDirectory(id: string): string {
    const root = join(this.graphRoot, 'overlay');
    try {
      const link = join(root, 'l', readFileSync(join(root, id, 'link'), 'utf8').trim());
      if (lstatSync(link, { throwIfNoEntry: false })) return link;
    } catch {
      // No link file: the long path is as good.
    }
    return join(root, id, 'diff');
  }

  private readConfig(driver: string, id: string): ImageConfig {
    const name = `=${Buffer.from(`sha256:${id}`).toString('base64')}`;
    const path = join(this.graphRoot, `${driver}-images`, id, name);
    return (readJson(path) as { config?: ImageConfig }).config ?? {};
  }
}

/** By image id, by digest, or by name with `latest` for a missing tag. */
export function findImage(
  images: readonly StoredImage[],
  reference: string,
): StoredImage | undefined {
  const at = reference.indexOf('@');
  if (at >= 0) {
    const digest = reference.slice(at + 1);
    const repository = repositoryOf(reference);
    const matches = images.filter(
      (image) =>
        image.digest === digest ||
        `sha256:${image.id}` === digest ||
        Object.entries(image['big-data-digests'] ?? {}).some(
          ([key, value]) => key.startsWith('manifest') && value === digest,
        ),
    );
    return (
      matches.find((image) => image.names?.some((name) => repositoryOf(name) === repository)) ??
      matches[0]
    );
  }
  const last = reference.slice(reference.lastIndexOf('/') + 1);
  const name = last.includes(':') ? reference : `${reference}:latest`;
  const candidates = [name, `localhost/${name}`, `docker.io/${name}`, `docker.io/library/${name}`];
  for (const candidate of candidates) {
    const image = images.find(({ names }) => names?.includes(candidate));
    if (image) return image;
  }
  return images.find(({ id }) => id === reference);
}

function layerChain(layers: readonly StoredLayer[], top: string): string[] {
  const parents = new Map(layers.map(({ id, parent }) => [id, parent]));
  const chain: string[] = [];
  for (let id: string | undefined = top; id; id = parents.get(id)) {
    if (!parents.has(id) || chain.length >= LAYERS_MAX)
      throw new StartError('ErrImagePull', `the image store is damaged: layer ${id} of ${top}`);
    chain.push(id);
  }
  return chain;
}

/** The reference without tag and digest. */
function repositoryOf(reference: string): string {
  const name = reference.split('@')[0] ?? reference;
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

const notFound = (reference: string): StartError =>
  new StartError(
    'ErrImagePull',
    `image ${reference} is not in the local image store, and nothing is pulled: ` +
      'build it with `sls deploy`, or load it with `buildah pull` into the store under the home directory',
  );

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
