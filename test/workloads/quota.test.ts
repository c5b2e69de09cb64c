/** Limits of a namespace over a real API server, with the controller that counts what is used. */
import assert from 'node:assert/strict';
import { batchDefinitions } from '../../runtime/apis/batch/definitions.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { makeQuotaController } from '../../runtime/workloads/quota/quota-controller.ts';
import { type Api, eventually, startApi, testDefinitions } from '../apiserver/api-harness.ts';

const ROOT = '/api/v1/namespaces/default';
const PODS = `${ROOT}/pods`;
const QUOTA = `${ROOT}/resourcequotas/quota`;

const pod = (name: string, cpu: string): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'i', resources: { requests: { cpu } } }] },
});

describe('A namespace with a ResourceQuota', () => {
  let api: Api;
  const abort = new AbortController();

  before(async () => {
    api = await startApi({ definitions: [...testDefinitions, ...batchDefinitions] });
    const client = new KubeClient(api.server.transport);
    const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(deps);
    void makeQuotaController({ ...deps, informers, signal: abort.signal }).run(abort.signal);
    informers.start(abort.signal);
    await informers.waitForSync();
    await api.request('POST', PODS, pod('first', '250m'));
    await api.request('POST', `${ROOT}/resourcequotas`, {
      metadata: { name: 'quota' },
      spec: {
        hard: { pods: '3', 'requests.cpu': '1', 'count/configmaps': '1', 'count/jobs.batch': '2' },
      },
    });
    await eventually(async () => (await used())?.['pods'] === '1');
  });

  after(async () => {
    abort.abort();
    await api.close();
  });

  const used = async (): Promise<Record<string, string> | undefined> =>
    (await api.request('GET', QUOTA)).body.status.used;

  it('counts what was there before it, and says so of every resource that it limits', async () => {
    assert.deepEqual(await used(), {
      'count/configmaps': '0',
      'count/jobs.batch': '0',
      pods: '1',
      'requests.cpu': '250m',
    });
  });

  it('lets in what fits, and counts it before the answer', async () => {
    const { status } = await api.request('POST', PODS, pod('second', '500m'));
    assert.equal(status, 201);
    assert.equal((await used())?.['requests.cpu'], '750m');
  });

  it('refuses what does not fit with the numbers', async () => {
    const { status, body } = await api.request('POST', PODS, pod('third', '300m'));
    assert.equal(status, 403);
    assert.equal(
      body.message,
      'pods "third" is forbidden: exceeded quota: quota, requested: requests.cpu=300m, used: requests.cpu=750m, limited: requests.cpu=1',
    );
  });

  it('does not let two writers share the last place', async () => {
    const make = (name: string): Promise<{ status: number }> =>
      api.request('POST', `${ROOT}/configmaps`, { metadata: { name } });
    const answers = await Promise.all(['a', 'b', 'c'].map(make));
    assert.deepEqual(
      answers.map(({ status }) => status).sort((a, b) => a - b),
      [201, 403, 403],
    );
    assert.equal((await used())?.['count/configmaps'], '1');
  });

  it('gives back what is deleted, and what a Pod that has ended used', async () => {
    await api.request('DELETE', `${PODS}/second`);
    await eventually(async () => (await used())?.['requests.cpu'] === '250m');
    await api.request(
      'PATCH',
      `${PODS}/first/status`,
      { status: { phase: 'Succeeded' } },
      { contentType: 'application/merge-patch+json' },
    );
    await eventually(async () => (await used())?.['pods'] === '0');
    assert.equal((await used())?.['requests.cpu'], '0');
  });

  it('follows a change of its limits', async () => {
    await api.request(
      'PATCH',
      QUOTA,
      { spec: { hard: { pods: '5', 'requests.cpu': null } } },
      { contentType: 'application/merge-patch+json' },
    );
    await eventually(async () => (await api.request('GET', QUOTA)).body.status.hard.pods === '5');
    assert.equal((await used())?.['requests.cpu'], undefined);
  });
});
