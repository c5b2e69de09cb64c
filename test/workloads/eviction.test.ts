/** Eviction and binding over a real API server, with the controller that keeps the budgets' status. */
import assert from 'node:assert/strict';

import { policyDefinitions } from '../../runtime/apis/policy/definitions.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { makeDisruptionController } from '../../runtime/workloads/disruption/disruption-controller.ts';
import { type Api, eventually, startApi, testDefinitions } from '../apiserver/api-harness.ts';

const PODS = '/api/v1/namespaces/default/pods';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

describe('Pods under a disruption budget', () => {
  let api: Api;
  const abort = new AbortController();

  before(async () => {
    api = await startApi({ definitions: [...testDefinitions, ...policyDefinitions] });
    const client = new KubeClient(api.server.transport);
    const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(deps);
    const context = { ...deps, informers, signal: abort.signal };
    void makeDisruptionController(context).run(abort.signal);
    informers.start(abort.signal);
    await informers.waitForSync();
    for (const name of ['a', 'b']) {
      await api.request('POST', PODS, {
        metadata: { name, labels: { app: 'web' } },
        spec: {
          nodeName: 'n',
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'user', image: 'i' }],
        },
      });
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await api.request(
        'PATCH',
        `${PODS}/${name}/status`,
        { status },
        {
          contentType: 'application/merge-patch+json',
        },
      );
    }
    const selector = { matchLabels: { app: 'web' } };
    await api.request('POST', BUDGETS, {
      metadata: { name: 'one' },
      spec: { minAvailable: 1, selector },
    });
    await eventually(
      async () => (await api.request('GET', `${BUDGETS}/one`)).body.status.disruptionsAllowed === 1,
    );
  });

  after(async () => {
    abort.abort();
    await api.close();
  });

  const evict = (name: string) =>
    api.request('POST', `${PODS}/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'default' },
      deleteOptions: { gracePeriodSeconds: 0 },
    });

  it('are evicted while the budget allows it, and no longer', async () => {
    const evicted = await evict('a');
    assert.equal(evicted.status, 201, JSON.stringify(evicted.body));
    assert.equal((await api.request('GET', `${PODS}/a`)).status, 404);
    await eventually(
      async () => (await api.request('GET', `${BUDGETS}/one`)).body.status.disruptionsAllowed === 0,
    );
    const refused = await evict('b');
    assert.equal(refused.status, 429);
    assert.equal(refused.body.details.causes[0].reason, 'DisruptionBudget');
    assert.equal((await api.request('GET', `${PODS}/b`)).status, 200);
  });

  it('are placed once by a binding', async () => {
    await api.request('POST', PODS, {
      metadata: { name: 'free' },
      spec: { containers: [{ name: 'user', image: 'i' }] },
    });
    const bind = () =>
      api.request('POST', `${PODS}/free/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'free' },
        target: { kind: 'Node', name: 'n2' },
      });
    assert.equal((await bind()).status, 201);
    assert.equal((await api.request('GET', `${PODS}/free`)).body.spec.nodeName, 'n2');
    assert.equal((await bind()).status, 409);
  });
});
