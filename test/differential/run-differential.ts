/**
 * Runs every case against Knit's API server and compares with the real one's answers, which it takes
 * from a real kube-apiserver (`--real`), records anew (`--record`), or reads from the recordings.
 * Prints the differences and how many cases agree of how many. `--topic T` and `--grep TEXT` choose
 * cases. Exits with 1 when a case differs that is not among the known differences, or agrees though
 * it is.
 */
import { parseArgs } from 'node:util';
import { topics } from './all-cases.ts';
import { KUBERNETES_VERSION } from './build-kube.ts';
import type { Case } from './case.ts';
import { compareTranscripts } from './compare.ts';
import { startKnitApiServer } from './knit-api-server.ts';
import { knownDifferences } from './known-differences.ts';
import { apiControllers, startRealApiServer } from './real-api-server.ts';
import { readRecording, writeRecording } from './recordings.ts';
import { runCase, type ApiUnderTest, type Transcript } from './run-case.ts';

/** Cases that run at once; each has a namespace of its own. */
const PARALLEL = 6;

const { values: flags } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    topic: { type: 'string' },
    grep: { type: 'string' },
  },
});

const chosen = Object.entries(topics)
  .filter(([topic]) => flags.topic === undefined || topic === flags.topic)
  .map(([topic, cases]): [string, readonly Case[]] => [
    topic,
    cases.filter(({ name }) => flags.grep === undefined || name.includes(flags.grep)),
  ]);

const expected = await expectations();
const knit = await startKnitApiServer();
let agreeing = 0;
let total = 0;
const unexpected: string[] = [];
for (const [topic, cases] of chosen) {
  const actual = await runAll(knit, cases);
  let agreeingHere = 0;
  for (const { name } of cases) {
    const differences = compareTranscripts(expected.get(name) ?? [], actual.get(name) ?? []);
    const isKnown = Object.hasOwn(knownDifferences, name);
    if (differences.length === 0) agreeingHere++;
    if (differences.length === 0 && isKnown)
      unexpected.push(`agrees now, take it off the known differences: ${name}`);
    if (differences.length > 0 && !isKnown) unexpected.push(`differs: ${name}`);
    if (differences.length > 0 && !flags.quiet)
      console.log(`${isKnown ? 'KNOWN' : 'DIFFERS'} ${name}\n    ${differences.join('\n    ')}`);
  }
  console.log(`${topic}: ${agreeingHere} of ${cases.length} cases agree`);
  agreeing += agreeingHere;
  total += cases.length;
}
await knit.close();
console.log(`${agreeing} of ${total} cases agree with kube-apiserver ${KUBERNETES_VERSION}`);
for (const line of unexpected) console.log(line);
process.exit(unexpected.length > 0 ? 1 : 0);

async function expectations(): Promise<ReadonlyMap<string, Transcript>> {
  const all = new Map<string, Transcript>();
  if (!flags.real && !flags.record) {
    for (const [topic] of chosen)
      for (const [name, transcript] of Object.entries((await readRecording(topic)).cases))
        all.set(name, transcript);
    return all;
  }
  const real = await startRealApiServer({
    controllers: apiControllers,
    onProgress: (line) => console.error(line),
  });
  try {
    const api = { ...real, token: real.tokens['admin'] ?? '' };
    for (const [topic, cases] of chosen) {
      const transcripts = await runAll(api, cases);
      for (const [name, transcript] of transcripts) all.set(name, transcript);
      if (!flags.record) continue;
      const before =
        flags.grep === undefined
          ? {}
          : (await readRecording(topic).catch(() => ({ cases: {} }))).cases;
      const merged = { ...before, ...Object.fromEntries(transcripts) };
      await writeRecording(topic, { kubernetesVersion: KUBERNETES_VERSION, cases: merged });
    }
  } finally {
    await real.close();
  }
  return all;
}

async function runAll(
  api: ApiUnderTest,
  cases: readonly Case[],
): Promise<ReadonlyMap<string, Transcript>> {
  const transcripts = new Map<string, Transcript>();
  const queue = [...cases];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      transcripts.set(next.name, await runCase(api, next));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return new Map(cases.map(({ name }) => [name, transcripts.get(name) ?? []]));
}
