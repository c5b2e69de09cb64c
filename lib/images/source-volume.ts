/**
 * The node-local volume through which archives reach the build runner. The plugin runs on the same
 * machine as the local runtime, so it writes where the claim's volume lies.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  persistentVolumeClaimKind,
  persistentVolumeKind,
  type PersistentVolumeClaim,
} from '../../runtime/apis/core/types.ts';
import { isAlreadyExists } from '../../runtime/kube/api-error.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { waitUntil } from '../deploy/wait-until.ts';
import { UserError } from '../user-error.ts';
import { SOURCE_CLAIM } from './plan-builds.ts';

/** The agent binds a claim as soon as it sees it. */
const BIND_TIMEOUT_MS = 20_000;

/** Directory of the namespace's source volume. @throws {UserError} when the claim is not bound in time. */
export async function openSourceVolume(client: KubeClient, namespace: string): Promise<string> {
  await ensureClaim(client, namespace);
  const volumeName = await waitUntil(
    client,
    persistentVolumeClaimKind,
    { namespace, timeoutMs: BIND_TIMEOUT_MS },
    (claims) => claims.find(({ metadata }) => metadata.name === SOURCE_CLAIM)?.spec.volumeName,
  );
  const volume =
    volumeName === undefined
      ? undefined
      : await client.get(persistentVolumeKind, { name: volumeName });
  const directory = volume?.spec.hostPath?.path;
  if (directory === undefined)
    throw new UserError(
      `The claim "${namespace}/${SOURCE_CLAIM}" got no volume within ${BIND_TIMEOUT_MS / 1000} s, so that ` +
        'nothing can be built. Look at: npx knit status',
      'KNIT_NO_SOURCE_VOLUME',
    );
  return directory;
}

/** Puts an archive there, complete or not at all. */
export async function writeArchive(
  directory: string,
  options: { from: string; name: string },
): Promise<void> {
  const target = path.join(directory, options.name);
  const source = await stat(options.from);
  const existing = await stat(target).catch(() => undefined);
  if (existing?.size === source.size) return; // Named by its digest, and renamed only when complete.
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    await mkdir(directory, { recursive: true });
    await copyFile(options.from, temporary);
    await chmod(temporary, 0o600);
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true });
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new UserError(
      code === 'ENOSPC'
        ? `The disk is full: the archive ${options.name} does not fit into ${directory}. Free some space and deploy again; what was deployed serves on.`
        : `The archive cannot be written to ${directory}: ${message}. The runtime must run on this machine, as a user whose files you may write.`,
      code === 'ENOSPC' ? 'KNIT_DISK_FULL' : 'KNIT_ARCHIVE_NOT_WRITTEN',
      { cause },
    );
  }
}

async function ensureClaim(client: KubeClient, namespace: string): Promise<void> {
  if (await client.get(persistentVolumeClaimKind, { namespace, name: SOURCE_CLAIM })) return;
  const claim: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: SOURCE_CLAIM, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  await client.create(persistentVolumeClaimKind, claim).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
