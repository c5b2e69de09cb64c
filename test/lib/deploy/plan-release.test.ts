import assert from 'node:assert/strict';
import { compileService } from '../../../lib/compile/compile-service.ts';
import { objectKey } from '../../../lib/deploy/managed-kinds.ts';
import { planRelease, type PlanInput } from '../../../lib/deploy/plan-release.ts';
import {
  decodeRelease,
  digestOf,
  encodeRelease,
  type AppliedObject,
  type Release,
} from '../../../lib/deploy/release-record.ts';
import { readinessOf } from '../../../lib/deploy/readiness.ts';
import type { KubeObject } from '../../../runtime/apis/meta/object.ts';
import { makeModel } from '../make-model.ts';

const model = makeModel({
  hello: { handler: 'a.b', events: [{ trigger: 'x' }, { httpApi: '*' }] },
});
const desired = compileService(model, { hello: 'img@sha256:1' });

const live = (objects: readonly KubeObject[], extra: object = {}): KubeObject[] =>
  objects.map((object) => ({
    ...object,
    metadata: { ...object.metadata, generation: 1, uid: objectKey(object) },
    ...extra,
  }));
const applied = Object.fromEntries(
  desired.map((object): [string, AppliedObject] => [
    objectKey(object),
    { digest: digestOf(object), generation: 1 },
  ]),
);
const plan = (input: Partial<PlanInput>) => {
  const result = planRelease({ model, releaseId: 'r1', desired, live: [], applied: {}, ...input });
  const names = (objects: readonly KubeObject[]): string[] =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  return {
    ...result,
    names: {
      apply: names(result.apply),
      unchanged: names(result.unchanged),
      prune: names(result.prune),
    },
  };
};
const all = ['Broker default', 'Service hello', 'HTTPRoute hello-http', 'Trigger hello-x'];

describe('the plan of a release', () => {
  it('applies everything the first time, functions before what sends them requests', () => {
    const { names, apply } = plan({});
    assert.deepEqual(names, { apply: all, unchanged: [], prune: [] });
    assert.ok(apply.every(({ metadata }) => metadata.labels?.['knit.dev/release'] === 'r1'));
  });

  it('does nothing when nothing changed', () => {
    assert.deepEqual(plan({ live: live(desired), applied }).names, {
      apply: [],
      unchanged: all,
      prune: [],
    });
  });

  it('applies everything when it is forced', () => {
    assert.deepEqual(plan({ live: live(desired), applied, isForced: true }).names.apply, all);
  });

  it('applies only what changed', () => {
    const changed = compileService(model, { hello: 'img@sha256:2' });
    assert.deepEqual(plan({ desired: changed, live: live(desired), applied }).names.apply, [
      'Service hello',
    ]);
  });

  it('applies again what somebody deleted or edited by hand', () => {
    const [broker, service, route, trigger] = live(desired) as [
      KubeObject,
      KubeObject,
      KubeObject,
      KubeObject,
    ];
    const edited = { ...route, metadata: { ...route.metadata, generation: 2 } };
    assert.deepEqual(plan({ live: [broker, service, edited], applied }).names.apply, [
      'HTTPRoute hello-http',
      'Trigger hello-x',
    ]);
    const dying = { ...trigger, metadata: { ...trigger.metadata, deletionTimestamp: 'now' } };
    assert.deepEqual(plan({ live: [broker, service, route, dying], applied }).names.apply, [
      'Trigger hello-x',
    ]);
  });

  it('deletes what the service no longer has, what sends requests first', () => {
    const { names } = plan({ desired: [], live: live(desired), applied });
    assert.deepEqual(names.prune, [...all].reverse());
  });

  it('never touches objects of another service or stage', () => {
    const foreign = live(compileService({ ...model, stage: 'prod' }, { hello: 'i' })).filter(
      ({ kind }) => kind === 'Trigger',
    );
    assert.deepEqual(plan({ desired: [], live: foreign }).names.prune, []);
    assert.throws(
      () => plan({ live: foreign }),
      /Trigger "shop-dev\/hello-x" exists already and belongs to service "shop" stage "prod"/,
    );
  });

  it('shares a broker that somebody else made, and keeps its own while others read it', () => {
    const other = { ...model, service: 'other' };
    const theirs = live(compileService(other, { hello: 'i' }));
    const broker = theirs.filter(({ kind }) => kind === 'Broker');
    assert.deepEqual(plan({ live: broker }).names.unchanged, ['Broker default']);
    const reader = theirs
      .filter(({ kind }) => kind === 'Trigger')
      .map((object) => ({ ...object, metadata: { ...object.metadata, name: 'their-trigger' } }));
    const { prune } = plan({ desired: [], live: [...live(desired), ...reader], applied }).names;
    assert.ok(!prune.includes('Broker default'));
  });

  it('asks for a new attempt where the rollout of an unchanged function failed', () => {
    const failed = { status: { conditions: [{ type: 'ConfigurationsReady', status: 'False' }] } };
    const { apply } = plan({ live: live(desired, failed), applied });
    assert.equal(apply.length, 1);
    const { template } = (
      apply[0] as unknown as { spec: { template: { metadata: { annotations: object } } } }
    ).spec;
    assert.deepEqual(Object.entries(template.metadata.annotations).at(-1), [
      'knit.dev/retry',
      'r1',
    ]);
  });
});

describe('a release record', () => {
  it('comes back from its Secret as it was', () => {
    const release: Release = {
      id: '1700000000000',
      status: 'deployed',
      model,
      objects: desired,
      applied,
      images: { hello: 'img@sha256:1' },
      builds: { abc: 'img@sha256:1' },
    };
    const secret = encodeRelease(release);
    assert.equal(secret.metadata.name, 'knit-release-shop-dev-1700000000000');
    assert.deepEqual(decodeRelease(secret), JSON.parse(JSON.stringify(release)));
  });

  it('that is damaged is passed over', () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'x' },
      data: { release: 'AAA' },
    };
    assert.equal(decodeRelease(secret), undefined);
  });
});

describe('readiness', () => {
  const service = (status: object): KubeObject =>
    ({
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: 'a', generation: 2 },
      status,
    }) as KubeObject;
  const condition = (type: string, status: string) => ({ type, status, reason: 'R', message: 'm' });
  const rows: [title: string, status: object, state: string][] = [
    ['ready', { observedGeneration: 2, conditions: [condition('Ready', 'True')] }, 'ready'],
    [
      'ready for an older generation',
      { observedGeneration: 1, conditions: [condition('Ready', 'True')] },
      'waiting',
    ],
    [
      'waiting for its route',
      {
        observedGeneration: 2,
        conditions: [condition('Ready', 'False'), condition('ConfigurationsReady', 'True')],
      },
      'waiting',
    ],
    [
      'with a failed revision',
      { observedGeneration: 2, conditions: [condition('ConfigurationsReady', 'False')] },
      'failed',
    ],
    ['without a status', {}, 'waiting'],
  ];
  for (const [title, status, state] of rows)
    it(`of a function ${title} is ${state}`, () =>
      assert.equal(readinessOf(service(status)).state, state));
});
