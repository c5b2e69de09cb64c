/** What a Deployment needs next, as tables of pods before and actions after. */
import assert from 'node:assert/strict';

import {
  planDeployment,
  TEMPLATE_HASH_LABEL,
  templateHash,
} from '../../runtime/agent/deployments/deployment-plan.ts';
import type { Deployment } from '../../runtime/apis/apps/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import { seededRandom } from '../../runtime/std/random.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');

function makeDeployment(replicas: number, status?: Deployment['status']): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', uid: 'd1', generation: 3 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'user', image: 'a' }] },
      },
      progressDeadlineSeconds: 60,
    },
    ...(status ? { status } : {}),
  };
}

const HASH = templateHash(makeDeployment(1));

function makePod(
  name: string,
  options: { ready?: boolean; hash?: string; born?: string; phase?: 'Failed'; gone?: boolean } = {},
): Pod {
  const { ready = true, hash = HASH, born = '2029-12-31T00:00:00Z', phase, gone } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      creationTimestamp: born,
      labels: { app: 'web', [TEMPLATE_HASH_LABEL]: hash },
      ...(gone ? { deletionTimestamp: '2029-12-31T00:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: phase ?? 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

function plan(deployment: Deployment, pods: readonly Pod[], nowMs = NOW_MS) {
  const options = { nodeName: 'n', nowMs, random: seededRandom(1) };
  const made = planDeployment({ deployment, pods }, options);
  const status = made.actions.find(({ type }) => type === 'patch') as
    { body: { status: NonNullable<Deployment['status']> } } | undefined;
  return {
    ...made,
    births: made.actions.filter(({ type }) => type === 'create').length,
    deaths: made.actions.flatMap((action) => (action.type === 'delete' ? [action.name] : [])),
    status: status?.body.status,
  };
}

describe('the plan of a Deployment', () => {
  it('creates all missing pods at once, on this node, owned by the Deployment', () => {
    const { actions, births } = plan(makeDeployment(3), []);
    assert.equal(births, 3);
    const created = actions[0];
    assert.ok(created?.type === 'create');
    const pod = created.object as Pod;
    assert.match(pod.metadata.name, new RegExp(`^web-${HASH}-[a-z0-9]{5}$`));
    assert.equal(pod.spec.nodeName, 'n');
    assert.equal(pod.metadata.ownerReferences?.[0]?.uid, 'd1');
  });

  it('does not count pods that are being deleted', () => {
    assert.equal(plan(makeDeployment(1), [makePod('a', { gone: true })]).births, 1);
  });

  it('replaces failed pods', () => {
    const { births, deaths } = plan(makeDeployment(1), [makePod('a', { phase: 'Failed' })]);
    assert.deepEqual([births, deaths], [1, ['a']]);
  });

  it('scales down pods that are not ready first, then the youngest', () => {
    const pods = [
      makePod('old', { born: '2029-01-01T00:00:00Z' }),
      makePod('young', { born: '2029-06-01T00:00:00Z' }),
      makePod('unready', { ready: false, born: '2028-01-01T00:00:00Z' }),
    ];
    assert.deepEqual(plan(makeDeployment(2), pods).deaths, ['unready']);
    assert.deepEqual(plan(makeDeployment(1), pods).deaths, ['unready', 'young']);
    assert.deepEqual(plan(makeDeployment(0), pods).deaths.length, 3);
  });

  describe('when the template has changed', () => {
    const old = (name: string, ready = true): Pod => makePod(name, { hash: 'other', ready });

    it('surges by a quarter, at least one, and deletes no ready pod before its successor is ready', () => {
      const pods = ['a', 'b', 'c', 'd'].map((name) => old(name));
      const { births, deaths } = plan(makeDeployment(4), pods);
      assert.deepEqual([births, deaths], [1, []]);
    });

    it('deletes one old pod for each new one that is ready', () => {
      const pods = [old('a'), old('b'), makePod('new')];
      assert.deepEqual(plan(makeDeployment(2), pods).deaths.length, 1);
    });

    it('deletes old pods that do not serve at once', () => {
      const pods = [old('a'), old('b', false)];
      assert.deepEqual(plan(makeDeployment(2), pods).deaths, ['b']);
    });

    it('comes to rest with new pods only', () => {
      let pods: Pod[] = [old('a'), old('b'), old('c')];
      for (let round = 0; round < 20; round++) {
        const { births, deaths } = plan(makeDeployment(3), pods);
        pods = pods.filter(({ metadata }) => !deaths.includes(metadata.name));
        assert.ok(pods.length >= 3);
        for (let index = 0; index < births; index++) pods.push(makePod(`new-${round}-${index}`));
        assert.ok(pods.length <= 4);
      }
      assert.ok(pods.every(({ metadata }) => metadata.name.startsWith('new-')));
    });
  });

  describe('its status', () => {
    it('counts pods and says Available and complete', () => {
      const { status } = plan(makeDeployment(2), [makePod('a'), makePod('b')]);
      assert.equal(status?.observedGeneration, 3);
      assert.equal(status?.readyReplicas, 2);
      assert.deepEqual(
        status?.conditions?.map(({ type, status: is, reason }) => `${type}=${is} ${reason}`),
        ['Available=True MinimumReplicasAvailable', 'Progressing=True NewReplicaSetAvailable'],
      );
    });

    it('is not written again when nothing changed', () => {
      const { status } = plan(makeDeployment(1), [makePod('a')]);
      assert.deepEqual(plan(makeDeployment(1, status), [makePod('a')]).actions, []);
    });

    it('says ProgressDeadlineExceeded after progressDeadlineSeconds without progress', () => {
      const unready = [makePod('a', { ready: false })];
      const first = plan(makeDeployment(1), unready);
      assert.equal(first.requeueAfterMs, 60_000);
      const later = plan(makeDeployment(1, first.status), unready, NOW_MS + 60_000);
      const progressing = later.status?.conditions?.find(({ type }) => type === 'Progressing');
      assert.deepEqual(
        [progressing?.status, progressing?.reason],
        ['False', 'ProgressDeadlineExceeded'],
      );
    });

    it('keeps a completed rollout complete while it wakes from zero', () => {
      const { status } = plan(makeDeployment(0), []);
      const waking = plan(makeDeployment(1, status), [makePod('a', { ready: false })]);
      const progressing = waking.status?.conditions?.find(({ type }) => type === 'Progressing');
      assert.equal(progressing?.reason, 'NewReplicaSetAvailable');
    });
  });
});
