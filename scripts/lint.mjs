/** `npm run lint`: oxlint with types, and prettier's opinion of the format. `--fix` mends what can be mended. */
import { join } from 'node:path';
import { mustRun, root } from './machine.mjs';

const fix = process.argv.includes('--fix');
const folders = ['lib', 'runtime', 'test', 'bench', 'scripts', 'bin', 'examples', 'templates'];
const bin = (path) => join(root, 'node_modules', path);
mustRun(process.execPath, [
  bin('oxlint/bin/oxlint'),
  '--type-aware',
  '--quiet',
  ...(fix ? ['--fix'] : []),
  ...folders,
]);
mustRun(process.execPath, [
  bin('prettier/bin/prettier.cjs'),
  fix ? '--write' : '--check',
  '--log-level=warn',
  ...folders,
]);
