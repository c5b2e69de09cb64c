/** Tags become digests once per Revision. */
import assert from 'node:assert/strict';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import { revisionKind, serviceKind } from '../../runtime/apis/serving/types.ts';
import { DigestResolver } from '../../runtime/serving/revision/digest-resolver.ts';
import type { ResolveImage } from '../../runtime/serving/revision/digest-resolver.ts';
import { World, makeService } from './world.ts';

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

const digest = `sha256:${'a'.repeat(64)}`;

function settled(image: string, resolveImage: ResolveImage): World {
  const world = new World();
  world.resolveImage = resolveImage;
  world.put(serviceKind, makeService('hello', { image }));
  world.settle();
  return world;
}

const imageOf = (world: World): string | undefined =>
  world.must(deploymentKind, 'hello-00001-deployment').spec.template?.spec.containers[0]?.image;
const statusesOf = (world: World): unknown =>
  world.must(revisionKind, 'hello-00001').status?.containerStatuses;

describe('The image of a Revision', () => {
  it('is reported and run by the digest that its tag has', () => {
    const world = settled('knit.local/hello:1', () => `knit.local/hello@${digest}`);
    const imageDigest = `knit.local/hello@${digest}`;
    assert.deepEqual(statusesOf(world), [{ name: 'user-container', imageDigest }]);
    assert.equal(imageOf(world), imageDigest);
    assert.equal(
      world.must(revisionKind, 'hello-00001').spec.containers[0]?.image,
      'knit.local/hello:1',
    );
  });

  it('stays what it was when the tag moves', () => {
    const world = settled('knit.local/hello:1', () => `knit.local/hello@${digest}`);
    world.resolveImage = () => `knit.local/hello@sha256:${'b'.repeat(64)}`;
    world.settle();
    assert.equal(imageOf(world), `knit.local/hello@${digest}`);
  });

  it('is not looked up when it names its digest', () => {
    const world = settled(`knit.local/hello@${digest}`, () => assert.fail('it was looked up'));
    assert.equal(imageOf(world), `knit.local/hello@${digest}`);
  });

  it('is run as it is written when its registry is to be skipped', () => {
    const world = settled('ko.local/hello:1', () => assert.fail('it was looked up'));
    assert.deepEqual(statusesOf(world), [{ name: 'user-container' }]);
    assert.equal(imageOf(world), 'ko.local/hello:1');
  });

  it('fails the Revision when there is none, and is asked for again', () => {
    const world = new World();
    world.resolveImage = () => {
      throw new Error('no such image');
    };
    world.put(serviceKind, makeService('hello', { image: 'knit.local/hello:1' }));
    world.settle();
    const conditionOf = (type: string) =>
      getCondition(world.must(revisionKind, 'hello-00001').status?.conditions, type);
    const message =
      'Unable to fetch image "knit.local/hello:1": failed to resolve image to digest: no such image';
    for (const type of ['ContainerHealthy', 'Ready']) {
      assert.equal(conditionOf(type)?.status, 'False');
      assert.equal(conditionOf(type)?.reason, 'ContainerMissing');
      assert.equal(conditionOf(type)?.message, message);
    }
    assert.equal(world.get(deploymentKind, 'hello-00001-deployment'), undefined);
    assert.ok(world.errors.some((error) => error.message === message));
    world.resolveImage = () => `knit.local/hello@${digest}`;
    world.settle();
    assert.equal(conditionOf('Ready')?.status, 'True');
  });
});

describe('An answer that takes its time', () => {
  const revision = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Revision',
    metadata: { name: 'hello-00001', namespace: 'ns', uid: 'u' },
    spec: { containers: [{ name: 'a', image: 'knit.local/hello:1' }] },
  };
  const options = (resolveImage: ResolveImage, timeoutMs = 60_000) => ({
    resolveImage,
    skippedRegistries: new Set<string>(),
    timeoutMs,
  });

  it('is pending until it comes, and then the Revision is looked at again', async () => {
    let come: (digest: string) => void = () => undefined;
    const answer = new Promise<string>((resolve) => (come = resolve));
    const enqueued = deferred<string>();
    const resolver = new DigestResolver(({ metadata }) => enqueued.resolve(metadata.name));
    const ask = () =>
      resolver.resolve(
        revision,
        options(() => answer),
      );
    assert.deepEqual(ask(), { state: 'pending' });
    assert.deepEqual(ask(), { state: 'pending' });
    come(`knit.local/hello@${digest}`);
    assert.equal(await enqueued.promise, 'hello-00001');
    assert.deepEqual(ask(), {
      state: 'resolved',
      containerStatuses: [{ name: 'a', imageDigest: `knit.local/hello@${digest}` }],
      initContainerStatuses: [],
    });
  });

  it('is a failure when it does not come in time', async () => {
    const enqueued = deferred<string>();
    const resolver = new DigestResolver(({ metadata }) => enqueued.resolve(metadata.name));
    const ask = () =>
      resolver.resolve(
        revision,
        options(() => new Promise(() => undefined), 5),
      );
    assert.deepEqual(ask(), { state: 'pending' });
    await enqueued.promise;
    assert.equal(ask().state, 'failed');
    assert.deepEqual(ask(), { state: 'pending' });
  });
});
