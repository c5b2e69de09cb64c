/** What Deployments and ReplicaSets need next, as tables of objects before and actions after. */
import assert from 'node:assert/strict';

import type { Deployment, ReplicaSet } from '../../runtime/apis/apps/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import type { Action } from '../../runtime/kube/plan.ts';
import { seededRandom } from '../../runtime/std/random.ts';
import { planDeployment } from '../../runtime/workloads/deployment/deployment-plan.ts';
import {
  makeReplicaSet,
  REVISION_ANNOTATION,
  TEMPLATE_HASH_LABEL,
  templateHash,
} from '../../runtime/workloads/deployment/new-replica-set.ts';
import { planReplicaSet } from '../../runtime/workloads/replica-set/replica-set-plan.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');
const AGO = '2029-12-31T00:00:00Z';

function makeDeployment(replicas: number, spec: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'd1',
      generation: 3,
      annotations: { [REVISION_ANNOTATION]: '1' },
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'user', image: 'a' }] },
      },
      progressDeadlineSeconds: 60,
      ...spec,
    },
  };
}

/** The ReplicaSet of the Deployment's template, or of another image's. */
function makeSet(
  deployment: Deployment,
  options: { size: number; available?: number; image?: string; revision?: number },
): ReplicaSet {
  const { size, available = size, image = 'a', revision = image === 'a' ? 1 : 0 } = options;
  const template = {
    ...deployment.spec.template,
    spec: { containers: [{ name: 'user', image }] },
  };
  const hash = templateHash(template);
  const set = makeReplicaSet(
    { ...deployment, spec: { ...deployment.spec, template } },
    { hash, replicas: size, revision },
  );
  set.metadata = { ...set.metadata, uid: `rs-${image}`, generation: 1, creationTimestamp: AGO };
  set.status = {
    replicas: size,
    readyReplicas: available,
    availableReplicas: available,
    observedGeneration: 1,
  };
  return set;
}

function plan(deployment: Deployment, replicaSets: readonly ReplicaSet[], pods: Pod[] = []) {
  const { actions } = planDeployment({ deployment, replicaSets, pods }, { nowMs: NOW_MS });
  const of = (type: string, plural: string): any[] =>
    actions.filter((action) => action.type === type && action.kind.plural === plural);
  const status = of('patch', 'deployments').find(({ subresource }) => subresource === 'status');
  return {
    actions,
    created: of('create', 'replicasets').map(({ object }) => object as ReplicaSet),
    sizes: Object.fromEntries(
      of('patch', 'replicasets')
        .filter(({ body }) => body.spec)
        .map(({ name, body }) => [
          replicaSets.find(({ metadata }) => metadata.name === name)?.spec.template.spec
            .containers[0]?.image,
          body.spec.replicas,
        ]),
    ),
    deletedSets: of('delete', 'replicasets').map(({ name }) => name as string),
    deletedPods: of('delete', 'pods').map(({ name }) => name as string),
    status: status?.body.status as NonNullable<Deployment['status']> | undefined,
    conditions: (status?.body.status.conditions ?? []).map(
      (condition: any) => `${condition.type}=${condition.status} ${condition.reason}`,
    ),
  };
}

describe('the plan of a Deployment', () => {
  it('creates a ReplicaSet of its template, with hash, revision and all replicas', () => {
    const { created, conditions } = plan(makeDeployment(3), []);
    const [set] = created;
    assert.ok(set);
    const hash = set.metadata.labels?.[TEMPLATE_HASH_LABEL] ?? '';
    assert.equal(set.metadata.name, `web-${hash}`);
    assert.equal(set.spec.replicas, 3);
    assert.equal(set.spec.selector.matchLabels?.[TEMPLATE_HASH_LABEL], hash);
    assert.equal(set.spec.template.metadata?.labels?.[TEMPLATE_HASH_LABEL], hash);
    assert.equal(set.metadata.ownerReferences?.[0]?.uid, 'd1');
    assert.equal(set.metadata.annotations?.[REVISION_ANNOTATION], '1');
    assert.ok(conditions.includes('Progressing=True NewReplicaSetCreated'));
  });

  it('passes a new number on to its ReplicaSet before anything else', () => {
    const deployment = makeDeployment(1);
    const { actions } = plan(deployment, [makeSet(makeDeployment(0), { size: 0 })]);
    const first = actions[0] as Action & { type: 'patch' };
    assert.equal(first.kind.plural, 'replicasets');
    assert.deepEqual((first.body as any).spec, { replicas: 1 });
  });

  it('has nothing to do when its own plan was carried out', () => {
    const deployment = makeDeployment(2);
    const set = makeSet(deployment, { size: 2 });
    const { status } = plan(deployment, [set]);
    assert.deepEqual(plan({ ...deployment, status: status as never }, [set]).actions, []);
  });

  it('takes another name when the hash is taken by another template', () => {
    const deployment = makeDeployment(1);
    const set = { ...makeSet(deployment, { size: 1, image: 'b' }) };
    set.metadata = { ...set.metadata, name: `web-${templateHash(deployment.spec.template)}` };
    const { created, status } = plan(deployment, [set]);
    assert.notEqual(created[0]?.metadata.name, set.metadata.name);
    assert.equal(status?.collisionCount, 1);
  });

  it('adopts a ReplicaSet that its selector matches and nobody owns', () => {
    const deployment = makeDeployment(1);
    const set = makeSet(deployment, { size: 1 });
    delete set.metadata.ownerReferences;
    const { actions, created } = plan(deployment, [set]);
    assert.equal(created.length, 0);
    assert.ok(
      actions.some(
        (action) =>
          action.type === 'patch' &&
          (action.body as any).metadata?.ownerReferences?.[0].uid === 'd1',
      ),
    );
  });

  describe('when the template has changed', () => {
    const rows: [string, number, { new: [number, number]; old: [number, number] }, object][] = [
      ['surges by a quarter, rounded up', 4, { new: [0, 0], old: [4, 4] }, { a: 1 }],
      ['waits for a new pod before an old one goes', 1, { new: [1, 0], old: [1, 1] }, {}],
      ['lets an old one go for each that is available', 4, { new: [1, 1], old: [4, 4] }, { b: 2 }],
      ['lets old ones go that do not serve', 2, { new: [1, 1], old: [2, 1] }, { b: 1 }],
      ['goes on to the full number', 2, { new: [1, 1], old: [0, 0] }, { a: 2 }],
    ];
    for (const [
      title,
      replicas,
      {
        new: [size, available],
        old,
      },
      sizes,
    ] of rows)
      it(title, () => {
        const deployment = makeDeployment(replicas);
        const sets = [
          makeSet(deployment, { size, available }),
          makeSet(deployment, { size: old[0], available: old[1], image: 'b' }),
        ];
        assert.deepEqual(plan(deployment, sets).sizes, sizes);
      });

    it('never has fewer pods than allowed, nor more than the surge, until only new ones are left', () => {
      const deployment = makeDeployment(5, {
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
      });
      let sets = [makeSet(deployment, { size: 0 }), makeSet(deployment, { size: 5, image: 'b' })];
      for (let step = 0; step < 40; step++) {
        const { sizes } = plan(deployment, sets) as { sizes: Record<string, number> };
        sets = sets.map((set) => {
          const image = set.spec.template.spec.containers[0]?.image ?? '';
          const size = sizes[image] ?? set.spec.replicas ?? 0;
          return makeSet(deployment, { size, image });
        });
        const total = sets.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);
        assert.ok(total >= 5 && total <= 7, `${total} pods`);
      }
      assert.deepEqual(
        sets.map(({ spec }) => spec.replicas),
        [5, 0],
      );
    });

    it('with Recreate empties the old ReplicaSet first, and waits for its last pod', () => {
      const deployment = makeDeployment(2, { strategy: { type: 'Recreate' } });
      const old = makeSet(deployment, { size: 2, image: 'b' });
      assert.equal(plan(deployment, [old]).created[0]?.spec.replicas, 0);
      const empty = makeSet(deployment, { size: 0, image: 'b' });
      const current = makeSet(deployment, { size: 0 });
      const last = makePod('p', { owner: 'rs-b' });
      assert.deepEqual(plan(deployment, [current, old]).sizes, { b: 0 });
      assert.deepEqual(plan(deployment, [current, empty], [last]).sizes, {});
      assert.deepEqual(plan(deployment, [current, empty]).sizes, { a: 2 });
    });

    it('gives the ReplicaSet of an earlier template the next revision, as a rollback has it', () => {
      const deployment = makeDeployment(1);
      const sets = [
        makeSet(deployment, { size: 0, revision: 1 }),
        makeSet(deployment, { size: 1, image: 'b', revision: 2 }),
      ];
      const { actions, conditions } = plan(deployment, sets);
      assert.equal((actions[0] as any).body.metadata.annotations[REVISION_ANNOTATION], '3');
      assert.ok(conditions.includes('Progressing=True FoundNewReplicaSet'));
    });

    it('scales both ReplicaSets in proportion when the number changes on the way', () => {
      const before = makeDeployment(10, {
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 5 } },
      });
      const sets = [
        makeSet(before, { size: 5, available: 0 }),
        makeSet(before, { size: 5, image: 'b' }),
      ];
      const after = { ...before, spec: { ...before.spec, replicas: 20 } };
      assert.deepEqual(plan(after, sets).sizes, { a: 10, b: 10 });
    });
  });

  it('while paused scales, and begins nothing', () => {
    const deployment = makeDeployment(3, { paused: true });
    const old = makeSet(makeDeployment(1), { size: 1, image: 'b' });
    const { created, sizes, conditions } = plan(deployment, [old]);
    assert.deepEqual([created.length, sizes], [0, { b: 3 }]);
    assert.ok(conditions.includes('Progressing=Unknown DeploymentPaused'));
  });

  it('keeps as many empty ReplicaSets as the history limit says', () => {
    const deployment = makeDeployment(1, { revisionHistoryLimit: 1 });
    const sets = [
      makeSet(deployment, { size: 1, revision: 3 }),
      makeSet(deployment, { size: 0, image: 'b', revision: 1 }),
      makeSet(deployment, { size: 0, image: 'c', revision: 2 }),
    ];
    assert.deepEqual(plan(deployment, sets).deletedSets, [sets[1]?.metadata.name]);
  });

  it('replaces pods of an older Knit that it owns itself, but for those of the present template', () => {
    const deployment = makeDeployment(1);
    const set = makeSet(deployment, { size: 1 });
    const hash = set.metadata.labels?.[TEMPLATE_HASH_LABEL] ?? '';
    const pods = [makePod('same', { owner: 'd1', hash }), makePod('other', { owner: 'd1' })];
    assert.deepEqual(plan(deployment, [set], pods).deletedPods, ['other']);
    const { births, adopted } = planSet(set, pods);
    assert.deepEqual([births, adopted], [0, ['same']]);
  });

  describe('its conditions', () => {
    it('are Available and complete, with what was counted and without zeros', () => {
      const deployment = makeDeployment(2);
      const { status, conditions } = plan(deployment, [makeSet(deployment, { size: 2 })]);
      const { conditions: _conditions, ...counts } = status ?? {};
      assert.deepEqual(counts, {
        observedGeneration: 3,
        replicas: 2,
        updatedReplicas: 2,
        readyReplicas: 2,
        availableReplicas: 2,
      });
      assert.deepEqual(conditions, [
        'Available=True MinimumReplicasAvailable',
        'Progressing=True NewReplicaSetAvailable',
      ]);
    });

    it('say ProgressDeadlineExceeded once nothing moved for the deadline', () => {
      const deployment = makeDeployment(1);
      const set = makeSet(deployment, { size: 1, available: 0 });
      const { status } = plan(deployment, [set]);
      const stuck = { ...deployment, status: status as never };
      const late = planDeployment(
        { deployment: stuck, replicaSets: [set], pods: [] },
        { nowMs: NOW_MS + 61_000 },
      );
      const patch = late.actions.find(({ type }) => type === 'patch') as any;
      assert.equal(patch.body.status.conditions[1].reason, 'ProgressDeadlineExceeded');
      const early = planDeployment(
        { deployment: stuck, replicaSets: [set], pods: [] },
        { nowMs: NOW_MS + 10_000 },
      );
      assert.equal(early.requeueAfterMs, 50_000);
    });

    it('stay complete when a complete Deployment wakes from zero', () => {
      const asleep = makeDeployment(0);
      const { status } = plan(asleep, [makeSet(asleep, { size: 0 })]);
      const waking = { ...makeDeployment(1), status: status as never };
      const { status: next } = plan(waking, [
        makeSet(makeDeployment(1), { size: 1, available: 0 }),
      ]);
      assert.equal(next?.conditions?.[1]?.reason, 'NewReplicaSetAvailable');
    });
  });
});

function makePod(
  name: string,
  options: {
    ready?: boolean;
    owner?: string;
    hash?: string;
    born?: string;
    phase?: 'Failed';
    gone?: boolean;
  } = {},
): Pod {
  const { ready = true, owner = 'rs-a', hash = 'other', born = AGO, phase, gone } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      creationTimestamp: born,
      labels: { app: 'web', [TEMPLATE_HASH_LABEL]: hash },
      ...(owner === ''
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'apps/v1', kind: 'X', name: 'x', uid: owner, controller: true },
            ],
          }),
      ...(gone ? { deletionTimestamp: AGO } : {}),
    },
    spec: { containers: [], nodeName: 'n' },
    status: {
      phase: phase ?? 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: AGO }],
    },
  };
}

function planSet(set: ReplicaSet, pods: readonly Pod[], nowMs = NOW_MS) {
  const options = { nodeName: 'n', nowMs, random: seededRandom(1) };
  const made = planReplicaSet(set, pods, options);
  const status = made.actions.find(
    (action) => action.type === 'patch' && action.subresource === 'status',
  ) as { body: { status: ReplicaSet['status'] } } | undefined;
  return {
    ...made,
    births: made.actions.filter(({ type }) => type === 'create').length,
    deaths: made.actions.flatMap((action) => (action.type === 'delete' ? [action.name] : [])),
    adopted: made.actions.flatMap((action) =>
      action.type === 'patch' && action.kind.plural === 'pods' ? [action.name] : [],
    ),
    status: status?.body.status,
  };
}

describe('the plan of a ReplicaSet', () => {
  const set = (size: number): ReplicaSet => makeSet(makeDeployment(size), { size });

  it('creates all missing pods at once, on this node, owned by it', () => {
    const { actions, births } = planSet(set(3), []);
    assert.equal(births, 3);
    const first = actions[0];
    assert.ok(first?.type === 'create');
    const pod = first.object as Pod;
    assert.match(pod.metadata.name, /^web-[0-9a-f]{10}-[a-z0-9]{5}$/);
    assert.equal(pod.spec.nodeName, 'n');
    assert.equal(pod.metadata.ownerReferences?.[0]?.kind, 'ReplicaSet');
  });

  it('does not count pods that are being deleted', () => {
    assert.equal(planSet(set(1), [makePod('a', { gone: true })]).births, 1);
  });

  it('replaces failed pods', () => {
    const { births, deaths } = planSet(set(1), [makePod('a', { phase: 'Failed' })]);
    assert.deepEqual([births, deaths], [1, ['a']]);
  });

  it('adopts a pod that its selector matches, and leaves the pods of others alone', () => {
    const one = set(1);
    const hash = one.metadata.labels?.[TEMPLATE_HASH_LABEL] ?? '';
    const pods = [makePod('free', { owner: '', hash }), makePod('taken', { owner: 'other', hash })];
    const { births, adopted, deaths } = planSet(one, pods);
    assert.deepEqual([births, adopted, deaths], [0, ['free'], []]);
  });

  it('scales down pods that are not ready first, then the youngest', () => {
    const pods = [
      makePod('old', { born: '2029-01-01T00:00:00Z' }),
      makePod('young', { born: '2029-06-01T00:00:00Z' }),
      makePod('unready', { ready: false, born: '2028-01-01T00:00:00Z' }),
    ];
    assert.deepEqual(planSet(set(2), pods).deaths, ['unready']);
    assert.deepEqual(planSet(set(1), pods).deaths, ['unready', 'young']);
    assert.equal(planSet(set(0), pods).deaths.length, 3);
  });

  it('counts a pod as available after minReadySeconds, and looks again then', () => {
    const one = set(1);
    one.spec.minReadySeconds = 30;
    const pods = [makePod('a')];
    const early = planSet(one, pods, Date.parse(AGO) + 10_000);
    assert.equal(early.status?.availableReplicas, null);
    assert.equal(early.requeueAfterMs, 20_000);
    assert.equal(planSet(one, pods, Date.parse(AGO) + 31_000).requeueAfterMs, undefined);
  });
});
