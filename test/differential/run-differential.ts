/**
 * Runs every case against Knit's API server and compares with the real one's answers, which it takes
 * from a real kube-apiserver (`--real`), records anew (`--record`), or reads from the recordings.
 * Prints the differences and how many cases agree of how many. `--topic T` and `--grep TEXT` choose
 * cases; `--prune` takes cases that agree off the lists of what does not yet. Exits with 1 when a case
 * differs that is not listed, or agrees though it is.
 */
import { parseArgs } from 'node:util';
import { topics } from './all-cases.ts';
import { KUBERNETES_VERSION } from './build-kube.ts';
import type { Case } from './case.ts';
import { agrees, complaintsAbout, judgeCases } from './judge.ts';
import { startKnitApiServer } from './knit-api-server.ts';
import { knownDifferences } from './known-differences.ts';
import { pruneNotYet, readNotYet } from './not-yet.ts';
import { apiControllers, startRealApiServer } from './real-api-server.ts';
import { readRecording, writeRecording } from './recordings.ts';
import type { Transcript } from './run-case.ts';
import { runCases } from './run-cases.ts';

const { values: flags } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    prune: { type: 'boolean', default: false },
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
const complaints: string[] = [];
for (const [topic, cases] of chosen) {
  const actual = await runCases(knit, cases);
  const known = Object.keys(knownDifferences);
  const listed = new Set([...known, ...(await readNotYet(topic))]);
  const verdicts = judgeCases(cases, expected, actual, listed);
  const agreed = verdicts.filter(agrees);
  if (flags.prune) await pruneNotYet(topic, new Set(agreed.map(({ name }) => name)));
  const notYet = flags.prune ? new Set([...known, ...(await readNotYet(topic))]) : listed;
  complaints.push(
    ...complaintsAbout(
      verdicts.map((verdict) => ({ ...verdict, isListed: notYet.has(verdict.name) })),
    ),
  );
  if (!flags.quiet)
    for (const { name, differences, isListed } of verdicts)
      if (isListed && differences.length > 0)
        console.log(`LISTED ${name}\n    ${differences.join('\n    ')}`);
  console.log(`${topic}: ${agreed.length} of ${cases.length} cases agree`);
  agreeing += agreed.length;
  total += cases.length;
}
await knit.close();
for (const line of complaints) console.log(line);
console.log(`${agreeing} of ${total} cases agree with kube-apiserver ${KUBERNETES_VERSION}`);
process.exit(complaints.length > 0 ? 1 : 0);

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
      const transcripts = await runCases(api, cases);
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
