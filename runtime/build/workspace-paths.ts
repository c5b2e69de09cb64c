/**
 * Finds or makes the directory behind a workspace binding: the host path of a claim's
 * PersistentVolume, a temporary directory, or the keys of a Secret or ConfigMap as files.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import {
  configMapKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  secretKind,
} from '../apis/core/types.ts';
import type { WorkspaceBinding } from '../apis/tekton/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../std/clock.ts';
import { sleep } from '../std/clock.ts';
import { BuildError } from './build-error.ts';

/** A claim is bound within milliseconds locally; longer means that nobody will bind it. */
const bindTimeoutMs = 30_000;
const bindPollMs = 50;

export interface WorkspaceOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly namespace: string;
  /** A directory of this attempt alone. */
  readonly scratch: string;
}

/** @returns an absolute path. @throws {BuildError} naming the object that is missing. */
export async function findWorkspacePath(
  binding: WorkspaceBinding,
  options: WorkspaceOptions,
): Promise<string> {
  const { client, namespace, scratch } = options;
  const own = join(scratch, 'workspaces', binding.name);
  if (binding.persistentVolumeClaim) {
    const root = await findClaimPath(binding.persistentVolumeClaim.claimName, options);
    return inside(root, binding.subPath);
  }
  await mkdir(own, { recursive: true, mode: 0o700 });
  if (binding.secret) {
    const name = binding.secret.secretName;
    const secret = await client.get(secretKind, { namespace, name });
    if (!secret) throw missing(`the Secret "${namespace}/${name}" of workspace "${binding.name}"`);
    for (const [key, value] of Object.entries(secret.data ?? {}))
      await writeFile(inside(own, key), Buffer.from(value, 'base64'), { mode: 0o600 });
  } else if (binding.configMap) {
    const { name } = binding.configMap;
    const map = await client.get(configMapKind, { namespace, name });
    if (!map) throw missing(`the ConfigMap "${namespace}/${name}" of workspace "${binding.name}"`);
    for (const [key, value] of Object.entries(map.data ?? {}))
      await writeFile(inside(own, key), value, { mode: 0o600 });
    for (const [key, value] of Object.entries(map.binaryData ?? {}))
      await writeFile(inside(own, key), Buffer.from(value, 'base64'), { mode: 0o600 });
  }
  return inside(own, binding.subPath);
}

async function findClaimPath(claimName: string, options: WorkspaceOptions): Promise<string> {
  const { client, clock, namespace, signal } = options;
  const deadlineMs = clock.now() + bindTimeoutMs;
  for (;;) {
    const claim = await client.get(persistentVolumeClaimKind, { namespace, name: claimName });
    if (!claim) throw missing(`the PersistentVolumeClaim "${namespace}/${claimName}"`);
    const volumeName = claim.spec.volumeName;
    const volume = volumeName
      ? await client.get(persistentVolumeKind, { name: volumeName })
      : undefined;
    const path = volume?.spec.hostPath?.path;
    if (path) return path;
    if (volume)
      throw new BuildError(
        'CreateContainerConfigError',
        `the PersistentVolume "${volumeName ?? ''}" has no hostPath: a build on this machine cannot read it`,
      );
    if (clock.now() >= deadlineMs)
      throw new BuildError(
        'CreateContainerConfigError',
        `the PersistentVolumeClaim "${namespace}/${claimName}" was not bound within ${bindTimeoutMs / 1000} s`,
      );
    await sleep(clock, bindPollMs, signal);
  }
}

/** A sub path or key must stay where it belongs. */
function inside(root: string, path = ''): string {
  const joined = normalize(join(root, path));
  if (joined !== normalize(root) && !joined.startsWith(normalize(root) + sep))
    throw new BuildError('TaskRunValidationFailed', `the path "${path}" leaves its workspace`);
  return joined;
}

const missing = (what: string): BuildError =>
  new BuildError('CreateContainerConfigError', `${what} does not exist`);
