/** What StatefulSets and DaemonSets need next, as tables of Pods before and actions after. */
import assert from 'node:assert/strict';

import {
  controllerRevisionKind,
  type ControllerRevision,
  type DaemonSet,
  type StatefulSet,
} from '../../runtime/apis/apps/types.ts';
import type { Node, Pod } from '../../runtime/apis/core/types.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import type { Plan } from '../../runtime/kube/plan.ts';
import { seededRandom } from '../../runtime/std/random.ts';
import {
  planDaemonSet,
  REVISION_HASH_LABEL,
} from '../../runtime/workloads/daemon-set/daemon-set-plan.ts';
import { templateHash } from '../../runtime/workloads/deployment/new-replica-set.ts';
import { planStatefulSet } from '../../runtime/workloads/stateful-set/stateful-set-plan.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');
const AGO = '2029-12-31T00:00:00Z';
const template = {
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'user', image: 'a' }] },
};
const HASH = templateHash(template);

function makePod(
  name: string,
  options: { ready?: boolean; hash?: string; gone?: boolean; node?: string } = {},
): Pod {
  const { ready = true, hash = HASH, gone = false, node = 'n' } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      creationTimestamp: AGO,
      labels: { app: 'db', [REVISION_HASH_LABEL]: hash },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'X', name: 'db', uid: 's1', controller: true },
      ],
      ...(gone ? { deletionTimestamp: AGO } : {}),
    },
    spec: { containers: [], nodeName: node },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: AGO }],
    },
  };
}

/** No history yet: each plan would write its first revision. */
const revisions: readonly ControllerRevision[] = [];

const read = ({ actions }: Plan) => ({
  births: actions.flatMap((action) =>
    action.type === 'create' && action.kind !== controllerRevisionKind ? [action.object] : [],
  ),
  recorded: actions.flatMap((action) =>
    action.type === 'create' && action.kind === controllerRevisionKind
      ? [action.object as ControllerRevision]
      : [],
  ),
  renumbered: actions.flatMap((action) =>
    action.type === 'patch' && action.kind === controllerRevisionKind
      ? [[action.name, (action.body as ControllerRevision).revision]]
      : [],
  ),
  deaths: actions.flatMap((action) => (action.type === 'delete' ? [action.name] : [])),
  status: actions.flatMap((action) =>
    action.type === 'patch' && action.subresource === 'status'
      ? [(action.body as { status: any }).status]
      : [],
  )[0],
});

describe('the plan of a StatefulSet', () => {
  const makeSet = (spec: Partial<StatefulSet['spec']> = {}): StatefulSet => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'shop', uid: 's1', generation: 2 },
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template,
      ...spec,
    },
  });
  const member = (ordinal: number, options: Parameters<typeof makePod>[1] = {}): Pod =>
    makePod(`db-${ordinal}`, { hash: `db-${HASH}`, ...options });
  const plan = (set: StatefulSet, pods: readonly Pod[], claims: readonly string[] = []) =>
    read(
      planStatefulSet(
        set,
        { pods, claims: new Set(claims), revisions },
        { nowMs: NOW_MS, nodeName: 'n' },
      ),
    );
  const names = (objects: readonly KubeObject[]): string[] =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

  const rows: [string, Partial<StatefulSet['spec']>, Pod[], string[], string[]][] = [
    ['begins with the first', {}, [], ['Pod db-0'], []],
    ['waits until one serves', {}, [member(0, { ready: false })], [], []],
    ['goes on with the next', {}, [member(0)], ['Pod db-1'], []],
    ['fills a gap', {}, [member(0), member(2)], ['Pod db-1'], []],
    ['waits for one that leaves', {}, [member(0, { gone: true })], [], []],
    [
      'makes all at once in parallel',
      { podManagementPolicy: 'Parallel' },
      [],
      ['Pod db-0', 'Pod db-1', 'Pod db-2'],
      [],
    ],
    [
      'takes the highest away first, one at a time',
      { replicas: 1 },
      [member(0), member(1), member(2)],
      [],
      ['db-2'],
    ],
    [
      'and the next when it is gone',
      { replicas: 1 },
      [member(0), member(1, { gone: true })],
      [],
      [],
    ],
    [
      'replaces the highest of an earlier template first',
      {},
      [0, 1, 2].map((ordinal) => member(ordinal, { hash: 'old' })),
      [],
      ['db-2'],
    ],
    [
      'replaces none below the partition',
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
      [member(0, { hash: 'old' }), member(1, { hash: 'old' }), member(2)],
      [],
      [],
    ],
    [
      'replaces none by itself with OnDelete',
      { updateStrategy: { type: 'OnDelete' } },
      [0, 1, 2].map((ordinal) => member(ordinal, { hash: 'old' })),
      [],
      [],
    ],
    ['starts where its ordinals start', { ordinals: { start: 5 } }, [], ['Pod db-5'], []],
  ];
  for (const [title, spec, pods, births, deaths] of rows)
    it(title, () => {
      const made = plan(makeSet(spec), pods);
      assert.deepEqual([names(made.births), made.deaths], [births, deaths]);
    });

  it('gives each pod its claims, name and host name, and finds those of before again', () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'] },
    };
    const set = makeSet({ volumeClaimTemplates: [claim] });
    const { births } = plan(set, []);
    assert.deepEqual(names(births), ['PersistentVolumeClaim data-db-0', 'Pod db-0']);
    const pod = births[1] as Pod;
    assert.equal(pod.spec.volumes?.[0]?.persistentVolumeClaim?.claimName, 'data-db-0');
    assert.deepEqual([pod.spec['hostname'], pod.spec['subdomain']], ['db-0', 'db']);
    assert.equal(pod.metadata.labels?.['apps.kubernetes.io/pod-index'], '0');
    assert.deepEqual(names(plan(set, [], ['data-db-0']).births), ['Pod db-0']);
  });

  it('counts, and says which revision is current', () => {
    const old = { ...makeSet(), status: { replicas: 3, currentRevision: 'db-before' } };
    const during = plan(old, [member(0, { hash: 'db-before' }), member(1), member(2)]).status;
    assert.equal(during.updatedReplicas, 2);
    assert.equal(during.currentRevision, 'db-before');
    const after = plan(old, [member(0), member(1), member(2)]).status;
    assert.equal(after.currentRevision, `db-${HASH}`);
  });
});

describe('the plan of a DaemonSet', () => {
  const makeSet = (spec: Partial<DaemonSet['spec']> = {}): DaemonSet => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'db', namespace: 'shop', uid: 's1', generation: 1 },
    spec: { selector: { matchLabels: { app: 'db' } }, template, ...spec },
  });
  const node = (name: string, labels: Record<string, string> = {}): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
  });
  const plan = (set: DaemonSet, pods: readonly Pod[], nodes = [node('n')]) =>
    read(
      planDaemonSet(set, { pods, nodes, revisions }, { nowMs: NOW_MS, random: seededRandom(1) }),
    );

  it('runs one pod on each node, placed there', () => {
    const { births } = plan(makeSet(), [], [node('a'), node('b')]);
    assert.deepEqual(
      births.map((pod) => (pod as Pod).spec.nodeName),
      ['a', 'b'],
    );
  });

  it('leaves out nodes that it does not select, and takes its pod away there', () => {
    const picky = { ...template, spec: { ...template.spec, nodeSelector: { disk: 'fast' } } };
    const set = makeSet({ template: picky });
    const { births, deaths, status } = plan(set, [makePod('p')]);
    assert.deepEqual([births.length, deaths], [0, ['p']]);
    assert.equal(status.numberMisscheduled, 1);
    assert.equal(plan(set, [], [node('n', { disk: 'fast' })]).births.length, 1);
  });

  it('replaces pods of an earlier template, no more than may be missing', () => {
    const old = ['a', 'b'].map((name) => makePod(name, { hash: 'old', node: name }));
    assert.deepEqual(plan(makeSet(), old, [node('a'), node('b')]).deaths, ['a']);
    const onDelete = makeSet({ updateStrategy: { type: 'OnDelete' } });
    assert.deepEqual(plan(onDelete, old, [node('a'), node('b')]).deaths, []);
  });

  it('waits for the pod that leaves before it makes the next on that node', () => {
    assert.equal(plan(makeSet(), [makePod('p', { gone: true })]).births.length, 0);
  });

  it('has nothing to do when its plan was carried out', () => {
    const { status } = plan(makeSet(), [makePod('p')]);
    const made = plan({ ...makeSet(), status: clean(status) }, [makePod('p')]);
    assert.deepEqual([made.births, made.deaths, made.status], [[], [], undefined]);
  });
});

const clean = (status: Record<string, unknown>): any =>
  Object.fromEntries(Object.entries(status).filter(([, value]) => value !== null));
