/**
 * The environment in which buildah works on Knit's own image store and on nothing of the machine's:
 * generated storage, registry and policy files, chroot isolation. Nothing under /etc is needed or read.
 */
import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { localRegistry } from '../apis/knit.ts';
import { BuildError, installBuildahHint } from './build-error.ts';
import type { BuildPaths } from './build-paths.ts';

export type StorageDriver = 'overlay' | 'vfs';

export interface BuildahEnvironment {
  readonly driver: StorageDriver;
  /** For child processes; they inherit nothing else. */
  readonly env: Readonly<Record<string, string>>;
}

/** Needed to reach registries from behind a proxy or with credentials. */
const inherited = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'REGISTRY_AUTH_FILE',
  'DOCKER_CONFIG',
];

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where `program` is on this machine; undefined where it is not. */
export async function findProgram(program: string): Promise<string | undefined> {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}${systemPath}`.split(delimiter);
  for (const folder of folders.filter(Boolean)) {
    const path = join(folder, program);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/**
 * Writes the configuration and picks the storage driver: overlay, or vfs where the kernel or the
 * file system below refuses overlay.
 * @throws {BuildError} when buildah is missing or its store does not work.
 */
export async function prepareBuildah(
  paths: BuildPaths,
  imageStoreRoot: string,
): Promise<BuildahEnvironment> {
  if (!(await findProgram('buildah')))
    throw new BuildError(
      'BuildahMissing',
      `buildah is not installed on this machine: run ${installBuildahHint}`,
    );
  await mkdir(join(paths.config, '.config', 'containers'), { recursive: true });
  await mkdir(paths.temporary, { recursive: true });
  await mkdir(imageStoreRoot, { recursive: true });
  await writeFile(
    join(paths.config, '.config', 'containers', 'policy.json'),
    JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
  );
  // What Knit assembled is here or nowhere; without this a typing mistake would wait for DNS.
  await writeFile(
    join(paths.config, 'registries.conf'),
    `unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nprefix = "${localRegistry}"\nlocation = "${localRegistry}"\nblocked = true\n`,
  );
  const env = makeEnvironment(paths);
  const existing = await readdir(join(imageStoreRoot, 'storage')).catch((): string[] => []);
  const candidates: readonly StorageDriver[] = existing.includes('vfs-images')
    ? ['vfs']
    : existing.includes('overlay-images')
      ? ['overlay']
      : ['overlay', 'vfs'];
  let reason = '';
  for (const driver of candidates) {
    await writeFile(join(paths.config, 'storage.conf'), storageConfig(driver, imageStoreRoot));
    const probe = await execa('buildah', ['info'], {
      env,
      extendEnv: false,
      reject: false,
      all: true,
    });
    if (probe.exitCode === 0) return { driver, env };
    reason = probe.all.trim().split('\n').at(-1) ?? '';
  }
  throw new BuildError(
    'BuildahUnusable',
    `buildah cannot use its image store ${imageStoreRoot}: ${reason}`,
  );
}

function makeEnvironment(paths: BuildPaths): Record<string, string> {
  const env: Record<string, string> = {
    PATH: `${process.env['PATH'] ?? ''}${delimiter}${systemPath}`,
    HOME: paths.config,
    TMPDIR: paths.temporary,
    CONTAINERS_STORAGE_CONF: join(paths.config, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(paths.config, 'registries.conf'),
    // Needs no OCI runtime and no cgroup, so it works wherever root can chroot.
    BUILDAH_ISOLATION: 'chroot',
    BUILDAH_FORMAT: 'oci',
    LANG: 'C.UTF-8',
  };
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

const storageConfig = (driver: StorageDriver, root: string): string =>
  `[storage]\ndriver = "${driver}"\ngraphroot = "${join(root, 'storage')}"\nrunroot = "${join(root, 'run')}"\n`;
