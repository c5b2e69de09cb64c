/**
 * A Pod's volumes as directories on this node, ready to be bind-mounted: emptyDir, configMap, secret,
 * downwardAPI, projected and persistentVolumeClaim. Files are written once, when the Pod starts; later
 * changes reach the next Pod, but for tokens, which are renewed. `medium: Memory` is kept on disk.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';

import type { Container, Pod, Volume } from '../../apis/core/types.ts';
import { type BindMount, StartError } from '../driver.ts';
import { type ConfigSource, expandReferences, readConfigMap, readSecret } from './pod-env.ts';
import type { TokenProjection } from './pod-tokens.ts';

export interface VolumeSource extends ConfigSource {
  /** Directory of a bound claim; undefined while there is none. */
  claimPath(claimName: string): string | undefined;
  /** A token of the pod's service account; undefined while there is none. */
  token(projection: TokenProjection): string | undefined;
  /** The value of a field of the pod, such as `metadata.namespace`. @throws {StartError} */
  field(path: string): string;
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
  const { fsGroup } = pod.spec.securityContext ?? {};
  if (fsGroup !== undefined)
    for (const { name, emptyDir } of pod.spec.volumes ?? [])
      if (emptyDir) giveToGroup(directories.get(name) ?? '', fsGroup);
  return directories;
}

/** Replaces the tokens below the volumes of a pod that runs, each file at once. */
export function renewTokenFiles(pod: Pod, volumesRoot: string, source: VolumeSource): void {
  for (const volume of pod.spec.volumes ?? []) {
    const directory = join(volumesRoot, volume.name);
    for (const { serviceAccountToken } of projectedSources(volume)) {
      if (!serviceAccountToken) continue;
      const target = inside(directory, serviceAccountToken.path);
      const next = `${target}.next`;
      writeFileSync(next, readToken(serviceAccountToken, source), { mode: FILE_MODE });
      renameSync(next, target);
    }
  }
}

/**
 * The container's mounts. @throws {StartError} when a mount names no volume or leaves it.
 * @param env what `subPathExpr` may refer to
 */
export function makeBindMounts(
  container: Container,
  directories: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string>> = {},
): BindMount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const directory = directories.get(mount.name);
    if (directory === undefined)
      throw configError(`volumeMount "${mount.name}" names no volume of the pod`);
    const subPath = mount.subPathExpr ? expandReferences(mount.subPathExpr, env) : mount.subPath;
    const source = subPath ? inside(directory, subPath) : directory;
    // As kubelet: what is not there yet is a directory.
    if (subPath && !existsSync(source)) {
      mkdirSync(source, { recursive: true });
      chmodSync(source, statSync(directory).mode & 0o777);
    }
    // A link that a container has made may lead anywhere.
    if (subPath)
      inside(realpathSync(directory), relative(realpathSync(directory), realpathSync(source)));
    return { source, destination: mount.mountPath, readOnly: mount.readOnly === true };
  });
}

/** What is made inside belongs to the group, too. */
function giveToGroup(directory: string, group: number): void {
  chownSync(directory, statSync(directory).uid, group);
  // After the owner, whose change clears the bit.
  chmodSync(directory, 0o2777);
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
    writeFileSync(target, content, { mode: FILE_MODE });
  }
  return directory;
}

/** The pod's directory is closed to everyone else; inside, any user of the container may read. */
const FILE_MODE = 0o644;

interface KeyedSource {
  name?: string;
  secretName?: string;
  optional?: boolean;
  items?: { key: string; path: string }[];
}

function readFiles(volume: Volume, source: VolumeSource): Map<string, Buffer> | undefined {
  if (volume.configMap) return readKeyed('configMap', volume.configMap, source);
  if (volume.secret) return readKeyed('secret', volume.secret, source);
  const downward = volume['downwardAPI'] as DownwardSource | undefined;
  if (downward) return readDownward(downward, source);
  if (!volume.projected) return undefined;
  const files = new Map<string, Buffer>();
  for (const part of projectedSources(volume))
    for (const [path, content] of readProjected(part, volume.name, source))
      files.set(path, content);
  return files;
}

interface DownwardSource {
  readonly items?: readonly { readonly path: string; readonly fieldRef?: { fieldPath: string } }[];
}

interface ProjectedSource {
  readonly configMap?: KeyedSource;
  readonly secret?: KeyedSource;
  readonly downwardAPI?: DownwardSource;
  readonly serviceAccountToken?: TokenProjection;
}

const projectedSources = (volume: Volume): readonly ProjectedSource[] =>
  (volume.projected?.sources ?? []) as ProjectedSource[];

function readProjected(
  part: ProjectedSource,
  volumeName: string,
  source: VolumeSource,
): Map<string, Buffer> {
  if (part.configMap) return readKeyed('configMap', part.configMap, source);
  if (part.secret) return readKeyed('secret', part.secret, source);
  if (part.downwardAPI) return readDownward(part.downwardAPI, source);
  if (part.serviceAccountToken)
    return new Map([[part.serviceAccountToken.path, readToken(part.serviceAccountToken, source)]]);
  throw configError(`volume "${volumeName}" projects a source that is not supported`);
}

function readToken(projection: TokenProjection, source: VolumeSource): Buffer {
  const token = source.token(projection);
  if (token === undefined) throw configError(`the token ${projection.path} is not there yet`);
  return Buffer.from(token);
}

const readDownward = ({ items = [] }: DownwardSource, source: VolumeSource): Map<string, Buffer> =>
  new Map(
    items.map(({ path, fieldRef }) => {
      if (!fieldRef) throw configError(`downwardAPI item ${path} names no field of the pod`);
      return [path, Buffer.from(source.field(fieldRef.fieldPath))];
    }),
  );

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
