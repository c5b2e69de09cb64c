/**
 * Asks upstream's own code about every case and writes its verdicts down. Needs Go and the Go module
 * proxy: `node --import=tsx test/apis/serving/upstream/record.ts`. Not part of the tests.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { upstreamCases } from './cases.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const input = upstreamCases.map((one) => JSON.stringify(one)).join('\n');
const program = process.argv[2];
const output = program
  ? execFileSync(program, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  : execFileSync('go', ['run', '.'], {
      input,
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
const verdicts = output
  .trim()
  .split('\n')
  .map((line, index) => {
    const { error, defaulted } = JSON.parse(line) as { error: string; defaulted?: unknown };
    const one = upstreamCases[index];
    // What a ConfigMap becomes is Go's own business.
    return { title: one?.title, error, ...(one?.kind === 'ConfigMap' ? {} : { defaulted }) };
  });
const lines = verdicts.map((verdict) => JSON.stringify(verdict));
writeFileSync(`${folder}verdicts.json`, `[\n${lines.join(',\n')}\n]\n`);
