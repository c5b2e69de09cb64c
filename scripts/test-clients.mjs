/**
 * `npm run test:clients`: other people's clients against the local runtime, beyond what `npm test`
 * runs of them: every kubectl that the caches hold, and where Go is, programs built from the module
 * proxy. With `--conformance [ARGUMENTS]` Knative Serving's own test programs instead. Other
 * arguments are passed on to mocha.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  hasCommand,
  installNpmPackages,
  installSystemPackages,
  mustRun,
  requireNode,
  root,
} from './machine.mjs';

requireNode();
installNpmPackages();
const system = installSystemPackages({ more: { kubectl: 'kubernetes-client' } });
if (!system.ok) {
  console.error(`the clients run real containers and need what is missing: ${system.reason}`);
  process.exit(1);
}
mustRun(process.execPath, [join(root, 'scripts/build.mjs')]);

const args = process.argv.slice(2);
if (args.includes('--conformance')) {
  if (!hasCommand('go')) {
    console.error("Knative's programs are built with Go, which is not installed");
    process.exit(1);
  }
  const program = join(root, 'dist/test/clients/conformance/run-conformance.js');
  const rest = args.filter((argument) => argument !== '--conformance');
  process.exit(spawnSync(process.execPath, [program, ...rest], { stdio: 'inherit' }).status ?? 1);
}
if (hasCommand('go')) buildKubectl();
else console.log('Go is not installed: the Go clients and the newest kubectl are left out');
const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const inOwnNetwork = ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath];
const { status } = spawnSync(
  'unshare',
  [...inOwnNetwork, mocha, '--reporter', 'spec', 'dist/test/clients/**/*.test.js', ...args],
  { cwd: root, stdio: 'inherit', env: { ...process.env, KNIT_CLIENTS: 'all' } },
);
process.exit(status ?? 1);

/** The kubectl of the release that the Go clients are of, for kubectl.ts to find. */
function buildKubectl() {
  const folder = join(root, 'test/clients/go');
  const cache = process.env.KNIT_CLIENTS_CACHE ?? join(homedir(), '.cache/knit/clients');
  const minor = /k8s\.io\/kubectl v0\.(\d+\.\d+)/.exec(
    readFileSync(join(folder, 'go.mod'), 'utf8'),
  )[1];
  const flags = { gitVersion: `v1.${minor}`, gitMajor: '1', gitMinor: minor.split('.')[0] };
  const ldflags = Object.entries(flags).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  const output = join(cache, 'go/kubectl');
  mustRun(
    'go',
    ['build', '-trimpath', '-ldflags', `-s -w ${ldflags.join(' ')}`, '-o', output, './kubectl'],
    { cwd: folder, env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' } },
  );
}
