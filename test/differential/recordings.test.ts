/**
 * Replays the cases of the differential suite against Knit's API server, and holds its answers against
 * those that kube-apiserver gave when they were recorded. Needs no real server.
 */
import assert from 'node:assert/strict';
import { topics } from './all-cases.ts';
import { KUBERNETES_VERSION } from './build-kube.ts';
import { agrees, complaintsAbout, judgeCases } from './judge.ts';
import { startKnitApiServer } from './knit-api-server.ts';
import { knownDifferences } from './known-differences.ts';
import { readNotYet } from './not-yet.ts';
import { readRecording } from './recordings.ts';
import { runCases } from './run-cases.ts';

describe(`The API server beside the recorded answers of kube-apiserver ${KUBERNETES_VERSION}`, () => {
  let knit: Awaited<ReturnType<typeof startKnitApiServer>>;
  const agreement: string[] = [];
  let agreeing = 0;
  let total = 0;

  before(async () => {
    knit = await startKnitApiServer();
  });
  after(async () => {
    await knit.close();
    console.log(`    ${agreeing} of ${total} cases agree (${agreement.join(', ')})`);
  });

  for (const [topic, cases] of Object.entries(topics)) {
    it(`agrees on ${topic}, but for the differences that are listed`, async function () {
      this.timeout(120_000);
      const { kubernetesVersion, cases: recorded } = await readRecording(topic);
      assert.equal(kubernetesVersion, KUBERNETES_VERSION);
      const actual = await runCases(knit, cases);
      const listed = new Set([...Object.keys(knownDifferences), ...(await readNotYet(topic))]);
      const verdicts = judgeCases(cases, new Map(Object.entries(recorded)), actual, listed);
      const agreed = verdicts.filter(agrees).length;
      agreement.push(`${topic} ${agreed}/${cases.length}`);
      agreeing += agreed;
      total += cases.length;
      assert.deepEqual(complaintsAbout(verdicts), []);
    });
  }

  it('lists no difference of a case that does not exist', async () => {
    const names = new Set(Object.values(topics).flatMap((cases) => cases.map(({ name }) => name)));
    const listed = await Promise.all(Object.keys(topics).map((topic) => readNotYet(topic)));
    const unknown = [...Object.keys(knownDifferences), ...listed.flatMap((set) => [...set])].filter(
      (name) => !names.has(name),
    );
    assert.deepEqual(unknown, []);
  });
});
