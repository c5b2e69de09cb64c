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
const system = installSystemPackages();
if (!system.ok) {
  console.error(`the tests run real containers and need what is missing: ${system.reason}`);
  process.exit(1);
}
// The second host that the plugin must load in; kept apart from osls, whose commands it would shadow.
installNpmPackages(join(root, 'test/hosts/serverless-3'));
mustRun(process.execPath, [join(root, 'scripts/lint.mjs')]);
mustRun(process.execPath, [join(root, 'scripts/build.mjs')]);

const counts = await mocha(process.argv.slice(2));
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.code !== 0 || counts.failed > 0 ? 1 : 0;

/** Runs mocha over the compiled tests, showing its output and reading its summary. */
function mocha(args) {
  return new Promise((resolve) => {
    const bin = join(root, 'node_modules/mocha/bin/mocha.js');
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      text = (text + chunk).slice(-200_000);
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
