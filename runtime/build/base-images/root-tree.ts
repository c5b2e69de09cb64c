/**
 * Lays out a root file system in a directory: the skeleton every image needs, and copies of this
 * machine's files at the paths where they will be looked for. `/bin`, `/lib`, ... are links into
 * `/usr` whatever the machine does. The one place that knows the layout.
 */
import {
  chmod,
  constants,
  copyFile,
  cp,
  mkdir,
  realpath,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Commands that a Dockerfile's RUN can count on; those the machine lacks are left out. */
export const shellCommands: readonly string[] = (
  'sh [ basename cat chgrp chmod chown cp cut date dirname echo env false find grep head id install ' +
  'ln ls mkdir mktemp mv printf pwd readlink rm rmdir sed sleep sort stat tail tar tee test touch tr ' +
  'true uniq wc which xargs gzip'
).split(' ');

/** Files of the machine that programs look for by name; all optional. */
export const systemFiles: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/usr/share/zoneinfo/UTC',
];

const passwd = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
function:x:1000:1000:function:/tmp:/usr/sbin/nologin
`;
const group = `root:x:0:\nnogroup:x:65534:\nfunction:x:1000:\n`;
const folders = [
  'dev',
  'etc',
  'proc',
  'sys',
  'run',
  'root',
  'opt',
  'var/task',
  'var/runtime',
  'var/lib',
  'usr/bin',
  'usr/sbin',
  'usr/lib',
  'usr/lib64',
  'usr/local/bin',
];
const links = ['bin', 'sbin', 'lib', 'lib64'];

/** Makes the skeleton in an empty directory. */
export async function makeSkeleton(root: string): Promise<void> {
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true, mode: 0o755 });
  for (const link of links) await symlink(`usr/${link}`, join(root, link));
  for (const folder of ['tmp', 'var/tmp']) {
    await mkdir(join(root, folder), { recursive: true });
    // mkdir's mode passes through the umask.
    await chmod(join(root, folder), 0o1777);
  }
  await symlink('/run', join(root, 'var/run'));
  await writeFile(join(root, 'etc/passwd'), passwd);
  await writeFile(join(root, 'etc/group'), group);
  await writeFile(
    join(root, 'etc/nsswitch.conf'),
    'hosts: files dns\npasswd: files\ngroup: files\n',
  );
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  await writeFile(join(root, 'etc/resolv.conf'), '');
  await writeFile(
    join(root, 'etc/os-release'),
    'ID=knit\nNAME="Knit function image"\nPRETTY_NAME="Knit function image"\n',
  );
}

/** Copies the file behind `path` to `target` (default: the same path) below `root`. */
export async function copyFromMachine(root: string, path: string, target = path): Promise<void> {
  const destination = join(root, merged(target));
  await mkdir(dirname(destination), { recursive: true });
  await copyFile(await realpath(path), destination, constants.COPYFILE_FICLONE);
}

/** Copies a whole directory, leaving out entries whose base name `skips` accepts. */
export async function copyTree(
  root: string,
  path: string,
  options: { readonly target: string; readonly skips?: (name: string) => boolean },
): Promise<void> {
  await cp(path, join(root, merged(options.target)), {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
    filter: (source) => source === path || !(options.skips?.(basename(source)) ?? false),
  });
}

/** The path as it is under the merged `/usr`. */
const merged = (path: string): string => path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/');
