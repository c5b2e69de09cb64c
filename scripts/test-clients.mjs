/**
 * `npm run test:clients`: other people's clients against the local runtime, beyond what `npm test`
 * runs of them: every kubectl that the caches hold, and where Go is, programs built from the module
 * proxy. With `--conformance [ARGUMENTS]` Knative Serving's own test programs instead. Other
 * arguments are passed on to mocha.
 */
import { spawnSync } from 'node:child_process';
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
if (!hasCommand('go')) console.log('Go is not installed: the Go clients are left out');
const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const inOwnNetwork = ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath];
const { status } = spawnSync(
  'unshare',
  [...inOwnNetwork, mocha, '--reporter', 'spec', 'dist/test/clients/**/*.test.js', ...args],
  { cwd: root, stdio: 'inherit', env: { ...process.env, KNIT_CLIENTS: 'all' } },
);
process.exit(status ?? 1);
