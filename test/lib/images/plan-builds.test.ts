import assert from 'node:assert/strict';
import { makeTaskRun, planBuilds } from '../../../lib/images/plan-builds.ts';
import { makeModel } from '../make-model.ts';

const code = { name: 'shared_code', digest: 'a'.repeat(64), file: 'knit-a.tar' };
const box = { name: 'box', digest: 'b'.repeat(64), file: 'knit-b.tar', dockerfile: 'Dockerfile' };
const model = makeModel({
  one: { handler: 'a.one' },
  two: { handler: 'a.two' },
  py: { handler: 'a.three', runtime: 'python3.11' },
  box: { handler: 'box/Dockerfile', buildArgs: undefined },
  ready: { image: 'acme/app:1' },
});
const manifest = {
  model,
  artifacts: [code, box],
  artifactOf: { one: 'shared_code', two: 'shared_code', py: 'shared_code', box: 'box' },
};

describe('the builds of a package', () => {
  it('are one per archive and base image, and none for finished images', () => {
    assert.deepEqual(
      planBuilds(manifest).map(({ functionKeys, params }) => [
        functionKeys.join(),
        params.find(({ name }) => name === 'IMAGE')?.value,
      ]),
      [
        ['one,two', 'knit.local/shop-dev/shared_code-nodejs22.x'],
        ['py', 'knit.local/shop-dev/shared_code-python3'],
        ['box', 'knit.local/shop-dev/box'],
      ],
    );
  });

  it('have a digest of their input alone', () => {
    const digests = (input: typeof manifest): string[] =>
      planBuilds(input).map(({ inputDigest }) => inputDigest);
    assert.deepEqual(digests(manifest), digests(structuredClone(manifest)));
    const changed = { ...manifest, artifacts: [{ ...code, digest: 'c'.repeat(64) }, box] };
    assert.notEqual(digests(changed)[0], digests(manifest)[0]);
    assert.equal(digests(changed)[2], digests(manifest)[2]);
  });

  it('become TaskRuns that are named by their input and attempt', () => {
    const [build] = planBuilds(manifest);
    assert.ok(build);
    const run = makeTaskRun(model, build, 2);
    assert.equal(run.metadata.name, `build-shared-code-${build.inputDigest.slice(0, 12)}-2`);
    assert.equal(run.metadata.labels?.['knit.dev/input-digest'], build.inputDigest);
    assert.ok(build.inputDigest.length <= 63);
    assert.deepEqual(run.spec.workspaces, [
      { name: 'source', persistentVolumeClaim: { claimName: 'knit-source' } },
    ]);
    const declared = new Set(build.taskSpec.params?.map(({ name }) => name));
    assert.ok(run.spec.params?.every(({ name }) => declared.has(name)));
  });
});
