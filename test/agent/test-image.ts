/**
 * Builds the image that the agent's integration tests run: this machine's node, its libraries, a shell,
 * tar and a server that tells what it sees. Built once per process with real buildah.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const TEST_IMAGE = 'knit.local/agent-test:one';

/** Answers /, /env/NAME, /read?path, /lookup/NAME, /write?path, /exit/CODE. */
export const TEST_SERVER = `
const http = require('node:http'), fs = require('node:fs'), os = require('node:os');
process.on('SIGTERM', () => process.exit(0));
console.log('listening soon');
const routes = {
  '': () => ({ pid: process.pid, uid: process.getuid(), hostname: os.hostname() }),
  env: (name) => process.env[name] ?? null,
  read: (path) => fs.readFileSync(path, 'utf8'),
  list: (path) => fs.readdirSync(path),
  write: (path) => fs.writeFileSync(path, 'x'),
  lookup: async (name) => (await require('node:dns').promises.lookup(name, { family: 4 })).address,
  exit: (code) => process.exit(Number(code)),
};
http.createServer(async (request, response) => {
  const [, route = '', argument = ''] = decodeURIComponent(request.url).split(/^\\/([a-z]*)\\/?/);
  try {
    response.end(JSON.stringify((await routes[route](argument)) ?? null));
  } catch (error) {
    response.statusCode = 500;
    response.end(JSON.stringify(error.code ?? error.message));
  }
}).listen(process.env.PORT || 8080);
`;

/** Directory with `storage` and `run`, for `imageStoreRoot`. @throws when buildah is not installed. */
export function buildTestImage(): string {
  const root = mkdtempSync(join(tmpdir(), 'knit-agent-images-'));
  const buildah = (...args: string[]): string =>
    execFileSync(
      'buildah',
      ['--root', join(root, 'storage'), '--runroot', join(root, 'run'), ...args],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    ).trim();
  const container = buildah('from', 'scratch');
  const mount = buildah('mount', container);
  const put = (source: string, target: string): void => {
    mkdirSync(dirname(join(mount, target)), { recursive: true });
    copyFileSync(source, join(mount, target));
  };
  put(process.execPath, '/usr/bin/node');
  const shell = '/bin/dash';
  put(shell, '/bin/sh');
  const tar = '/bin/tar';
  put(tar, tar);
  const programs = [process.execPath, shell, tar];
  const libraries = execFileSync('ldd', programs, { encoding: 'utf8' });
  for (const [path] of libraries.matchAll(/\/\S+\.so\S*/g)) put(path, path);
  mkdirSync(join(mount, 'etc'), { recursive: true });
  writeFileSync(join(mount, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1234:1234::/:/bin/sh\n');
  writeFileSync(join(mount, 'server.js'), TEST_SERVER);
  chmodSync(join(mount, 'server.js'), 0o644);
  buildah('config', '--entrypoint', '["/usr/bin/node","/server.js"]', '--user', 'app', container);
  buildah('config', '--env', 'FROM_IMAGE=yes', container);
  buildah('umount', container);
  buildah('commit', '--quiet', '--disable-compression', container, TEST_IMAGE);
  buildah('rm', container);
  return root;
}

export function removeTestImage(root: string): void {
  const base = ['--root', join(root, 'storage'), '--runroot', join(root, 'run')];
  execFileSync('buildah', [...base, 'rmi', '--all', '--force'], { stdio: 'ignore' });
  rmSync(root, { recursive: true, force: true });
}
