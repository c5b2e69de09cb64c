/**
 * Who a container runs as: the image's `User` (`name`, `uid`, with `:group`), overruled by the
 * security context. Names are looked up in the image's own passwd and group files.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { SecurityContext } from '../../apis/core/types.ts';
import { StartError } from '../driver.ts';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Longer files are not user databases. */
const DATABASE_BYTES_MAX = 1 << 20;

/** @throws {StartError} when the user is unknown to the image, or is root and must not be. */
export function resolveUser(options: {
  readonly imageUser: string | undefined;
  readonly layers: readonly string[];
  readonly security: SecurityContext;
}): ContainerUser {
  const { imageUser, layers, security } = options;
  const wanted = security.runAsUser === undefined ? (imageUser ?? '') : String(security.runAsUser);
  const [userPart = '', groupPart] = wanted.split(':');
  const passwd = readDatabase(layers, 'etc/passwd');
  const entry = passwd.find((row) => row[0] === userPart || row[2] === userPart);
  const uid = isNumber(userPart)
    ? Number(userPart)
    : Number(userPart === '' ? 0 : (entry?.[2] ?? NaN));
  if (!Number.isInteger(uid))
    throw configError(`the image has no user "${userPart}" in its /etc/passwd`);
  let gid = Number(entry?.[3] ?? 0);
  if (groupPart !== undefined && groupPart !== '') {
    const group = readDatabase(layers, 'etc/group').find((row) => row[0] === groupPart);
    gid = isNumber(groupPart) ? Number(groupPart) : Number(group?.[2] ?? NaN);
    if (!Number.isInteger(gid))
      throw configError(`the image has no group "${groupPart}" in its /etc/group`);
  }
  if (security.runAsGroup !== undefined) gid = security.runAsGroup;
  if (security.runAsNonRoot === true && uid === 0)
    throw configError('the container has runAsNonRoot and its image runs as root: set runAsUser');
  return { uid, gid };
}

/** Rows of the topmost layer that has the file; only regular files, a link may lead anywhere. */
function readDatabase(layers: readonly string[], file: string): string[][] {
  for (const layer of layers) {
    const path = join(layer, file);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    if (!stat.isFile() || stat.size > DATABASE_BYTES_MAX) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  }
  return [];
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);
const configError = (message: string): StartError =>
  new StartError('CreateContainerConfigError', message);
