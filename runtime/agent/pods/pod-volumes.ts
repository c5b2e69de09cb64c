/**
 * A Pod's volumes as directories on this node, ready to be bind-mounted: emptyDir, configMap, secret,
 * projected (of those two) and persistentVolumeClaim. Files of ConfigMaps and Secrets are written once,
 * when the Pod starts; later changes reach the next Pod. `medium: Memory` is kept on disk.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

import type { Container, Pod, Volume } from '../../apis/core/types.ts';
import { type BindMount, StartError } from '../driver.ts';
import { type ConfigSource, readConfigMap, readSecret } from './pod-env.ts';

export interface VolumeSource extends ConfigSource {
  /** Directory of a bound claim; undefined while there is none. */
  claimPath(claimName: string): string | undefined;
}

/** Directory of each volume by name. @throws {StartError} when an object is missing or a claim unbound. */
export function materializeVolumes(
  pod: Pod,
  volumesRoot: string,
  source: VolumeSource,
): Map<string, string> {
  const directories = new Map<string, string>();
  for (const volume of pod.spec.volumes ?? [])
    directories.set(volume.name, materialize(volume, join(volumesRoot, volume.name), source));
  return directories;
}

/** The container's mounts. @throws {StartError} when a mount names no volume or leaves it. */
export function makeBindMounts(
  container: Container,
  directories: ReadonlyMap<string, string>,
): BindMount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const directory = directories.get(mount.name);
    if (directory === undefined)
      throw configError(`volumeMount "${mount.name}" names no volume of the pod`);
    const source = mount.subPath ? inside(directory, mount.subPath) : directory;
    return { source, destination: mount.mountPath, readOnly: mount.readOnly === true };
  });
}

function materialize(volume: Volume, directory: string, source: VolumeSource): string {
  if (volume.persistentVolumeClaim) {
    const { claimName } = volume.persistentVolumeClaim;
    const path = source.claimPath(claimName);
    if (path === undefined)
      throw configError(`persistentvolumeclaim "${claimName}" is not bound yet`);
    return path;
  }
  mkdirSync(directory, { recursive: true });
  if (volume.emptyDir) {
    // The pod's directory is closed to everyone else; inside, any user of the container may write.
    chmodSync(directory, 0o777);
    return directory;
  }
  const files = readFiles(volume, source);
  if (!files) throw configError(`volume "${volume.name}" has a type that this node does not offer`);
  for (const [path, content] of files) {
    const target = inside(directory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content, { mode: 0o644 });
  }
  return directory;
}

interface KeyedSource {
  name?: string;
  secretName?: string;
  optional?: boolean;
  items?: { key: string; path: string }[];
}

function readFiles(volume: Volume, source: VolumeSource): Map<string, Buffer> | undefined {
  if (volume.configMap) return readKeyed('configMap', volume.configMap, source);
  if (volume.secret) return readKeyed('secret', volume.secret, source);
  if (!volume.projected) return undefined;
  const files = new Map<string, Buffer>();
  for (const part of volume.projected.sources as {
    configMap?: KeyedSource;
    secret?: KeyedSource;
  }[]) {
    const [kind, keyed] = part.configMap
      ? (['configMap', part.configMap] as const)
      : (['secret', part.secret] as const);
    if (!keyed)
      throw configError(`volume "${volume.name}" projects a source that is not supported`);
    for (const [path, content] of readKeyed(kind, keyed, source)) files.set(path, content);
  }
  return files;
}

function readKeyed(
  kind: 'configMap' | 'secret',
  keyed: KeyedSource,
  source: VolumeSource,
): Map<string, Buffer> {
  const name = keyed.secretName ?? keyed.name ?? '';
  const ref = { name, optional: keyed.optional === true };
  const entries = kind === 'secret' ? readSecret(source, ref) : readConfigMap(source, ref);
  if (!entries) return new Map();
  if (!keyed.items) return entries;
  return new Map(
    keyed.items.map(({ key, path }) => {
      const content = entries.get(key);
      if (!content) throw configError(`${kind.toLowerCase()} "${name}" has no key "${key}"`);
      return [path, content];
    }),
  );
}

/** A path below a directory. @throws {StartError} when it leads out of it. */
function inside(directory: string, path: string): string {
  const target = normalize(join(directory, path));
  if (target !== directory && !target.startsWith(directory + sep))
    throw configError(`path ${path} leads out of its volume`);
  return target;
}

const configError = (message: string): StartError =>
  new StartError('CreateContainerConfigError', message);
