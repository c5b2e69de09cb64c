/**
 * `npm run bench -- [NAME ...] [--json] [--list]`: builds, then runs the benchmarks of bench/. Each
 * prints its figures beside a comparison that was measured in the same run.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installNpmPackages, mustRun, requireNode, root } from './machine.mjs';

const args = process.argv.slice(2);
const json = args.includes('--json');
const wanted = args.filter((argument) => !argument.startsWith('--'));
const unknown = args.filter(
  (argument) => argument.startsWith('--') && !['--json', '--list'].includes(argument),
);

requireNode();
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .sort();
const missing = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0 || missing.length > 0) {
  console.error(
    `unknown: ${[...unknown, ...missing].join(', ')}; benchmarks are ${names.join(', ')}`,
  );
  process.exit(2);
}
if (args.includes('--list')) {
  console.log(names.join('\n'));
  process.exit(0);
}

installNpmPackages();
mustRun(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: ['ignore', 2, 2] });
const figures = [];
for (const name of wanted.length > 0 ? wanted : names) {
  const benchmark = await import(pathToFileURL(join(root, 'dist/bench', `${name}.js`)).href);
  for (const figure of await benchmark.run({ json })) {
    figures.push(figure);
    if (!json) console.log(describe(figure));
  }
}
if (json) console.log(JSON.stringify(figures, null, 2));
process.exit(0);

function describe({ figure, value, unit, comparison, ratio, goal, met }) {
  const round = (number) =>
    Math.abs(number) >= 100 ? Math.round(number) : Number(number.toPrecision(3));
  const against = comparison
    ? `; ${comparison.name} ${round(comparison.value)} ${unit}; ratio ${round(ratio)}`
    : '';
  const verdict = goal === undefined ? '' : `; goal ${goal}: ${met ? 'met' : 'not met'}`;
  return `${figure}: ${round(value)} ${unit}${against}${verdict}`;
}
