/**
 * Asks upstream's own code about every case and writes its verdicts down. Needs Go and the Go module
 * proxy: `node --import=tsx test/apis/serving/upstream/record.ts`. Not part of the tests.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decideCases, windowCases } from './autoscaler-cases.ts';
import { upstreamCases } from './cases.ts';
import { rolloutCases } from './rollout-cases.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
/** A program that was built before; without it, one is built. */
const program = process.argv[2];

interface Verdict {
  readonly error: string;
  readonly defaulted?: unknown;
}

function ask(cases: readonly object[]): readonly Verdict[] {
  const options = {
    input: cases.map((one) => JSON.stringify(one)).join('\n'),
    encoding: 'utf8',
    cwd: folder,
    maxBuffer: 1 << 28,
  } as const;
  const output = program
    ? execFileSync(program, options)
    : execFileSync('go', ['run', '.'], options);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict);
}

function write(file: string, lines: readonly object[]): void {
  const text = lines.map((line) => JSON.stringify(line)).join(',\n');
  writeFileSync(`${folder}${file}`, `[\n${text}\n]\n`);
}

write(
  'verdicts.json',
  ask(upstreamCases).map(({ error, defaulted }, index) => {
    const one = upstreamCases[index];
    // What a ConfigMap becomes is Go's own business.
    return { title: one?.title, error, ...(one?.kind === 'ConfigMap' ? {} : { defaulted }) };
  }),
);
for (const [file, cases] of [
  ['rollouts.json', rolloutCases],
  ['windows.json', windowCases],
  ['decisions.json', decideCases],
] as const)
  write(
    file,
    ask(cases).map(({ defaulted }, index) => ({
      title: cases[index]?.title,
      results: defaulted,
    })),
  );
