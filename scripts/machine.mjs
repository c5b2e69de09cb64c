/**
 * What the scripts need of the machine before anything of ours is built: npm packages, and buildah,
 * an OCI runtime and iproute2 from the system's packages. Node.js only, since nothing else is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Debian's packages that containers need, by the command that proves that they are there. */
const SYSTEM_PACKAGES = { buildah: 'buildah', crun: 'crun', ip: 'iproute2' };

/** Runs a command with its output shown. Exits the process when it fails. */
export function mustRun(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.status === 0) return;
  const why = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
  console.error(`failed: ${command} ${args.join(' ')} (${why})`);
  process.exit(1);
}

/** Installs npm packages where package-lock.json asks for others than are there. */
export function installNpmPackages(folder = root) {
  const lock = join(folder, 'package-lock.json');
  const stamp = join(folder, 'node_modules', '.knit-installed');
  const wanted = createHash('sha256')
    .update(readFileSync(lock))
    .update(process.version)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mustRun('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/**
 * Installs what containers need, and `more` (packages by command), where that is allowed: root on a
 * machine with apt-get.
 * @returns {{ ok: true } | { ok: false, reason: string }}
 */
export function installSystemPackages({ log = console.error, more = {} } = {}) {
  const wanted = Object.entries({ ...SYSTEM_PACKAGES, ...more });
  const missing = wanted.filter(([command]) => !hasCommand(command));
  const needed = missing
    .filter(([command]) => !(command === 'crun' && hasCommand('runc')))
    .map(([, name]) => name);
  if (process.platform !== 'linux')
    return { ok: false, reason: `containers need Linux, and this is ${process.platform}` };
  if (needed.length === 0) return { ok: true };
  const command = `apt-get update && apt-get install -y --no-install-recommends ${needed.join(' ')}`;
  if (!hasCommand('apt-get'))
    return {
      ok: false,
      reason: `${needed.join(', ')} not installed; install with your system's package manager`,
    };
  if (process.getuid?.() !== 0)
    return { ok: false, reason: `${needed.join(', ')} not installed; run as root: ${command}` };
  log(`installing ${needed.join(', ')} (${command})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...needed],
  ]) {
    const result = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (result.status === 0) continue;
    const lines = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(-3);
    return {
      ok: false,
      reason: `apt-get ${args[0]} failed (${lines.join(' | ')}); try: ${command}`,
    };
  }
  return { ok: true };
}

export function hasCommand(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Refuses a Node.js that package.json does not allow, in words. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 24) return;
  console.error(
    `Node.js ${process.versions.node} is too old: knit needs 20.19, 22.13 or 24 and later`,
  );
  process.exit(1);
}
