/**
 * `npm test`: installs what the tests need, then lint, types and every test there is. Arguments are
 * passed on to mocha, e.g. `npm test -- --grep gateway`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import {
  installNpmPackages,
  installSystemPackages,
  mustRun,
  requireNode,
  root,
} from './machine.mjs';

requireNode();
installNpmPackages();
// Python's function server needs Python; the custom runtimes that are tested are shell and curl;
// kubectl is the client that everybody has.
const system = installSystemPackages({
  more: { python3: 'python3', curl: 'curl', kubectl: 'kubernetes-client' },
});
if (!system.ok) {
  console.error(`the tests run real containers and need what is missing: ${system.reason}`);
  process.exit(1);
}
// The second host that the plugin must load in; kept apart from osls, whose commands it would shadow.
installNpmPackages(join(root, 'test/hosts/serverless-3'));
mustRun(process.execPath, [join(root, 'scripts/lint.mjs')]);
mustRun(process.execPath, [join(root, 'scripts/build.mjs')]);

const args = process.argv.slice(2);
const runs = [
  await mocha(
    [process.execPath],
    ['dist/test/**/*.test.js', '--ignore', 'dist/test/{clients,e2e}/**', ...args],
  ),
  // End to end in a network namespace of its own: whatever reaches for a network fails there.
  await mocha(
    ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath],
    ['dist/test/{clients,e2e}/**/*.test.js', ...args],
  ),
];
const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exitCode = runs.some(({ code }) => code !== 0) ? 1 : 0;

/** Runs mocha over compiled tests, showing its output and reading its summary. */
function mocha([command, ...prefix], args) {
  return new Promise((resolve) => {
    const bin = join(root, 'node_modules/mocha/bin/mocha.js');
    const child = spawn(command, [...prefix, bin, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      text = (text + chunk).slice(-200_000);
    });
    child.on('error', (error) => {
      console.error(`failed to run ${command}: ${error.message}`);
      resolve({ code: 1, passed: 0, failed: 1, skipped: 0 });
    });
    child.on('close', (code) => {
      const count = (word) =>
        Number([...text.matchAll(new RegExp(`^\\s+(\\d+) ${word}`, 'gm'))].at(-1)?.[1] ?? 0);
      resolve({
        code,
        passed: count('passing'),
        failed: count('failing'),
        skipped: count('pending'),
      });
    });
  });
}
