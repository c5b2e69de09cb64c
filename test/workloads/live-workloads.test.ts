/** Workloads over a real API server: what their controllers leave behind for people to read and undo. */
import assert from 'node:assert/strict';
import { eventually } from '../apiserver/api-harness.ts';
import { type LiveWorld, startLiveWorld } from './live-world.ts';

const CORE = '/api/v1/namespaces/default';
const APPS = '/apis/apps/v1/namespaces/default';

const workload = (name: string, spec = {}): object => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: template(name, 'app:1'),
    ...spec,
  },
});
const template = (app: string, image: string): object => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image }] },
});

describe('Workloads that run', () => {
  let world: LiveWorld;
  before(async () => {
    world = await startLiveWorld();
  });
  after(() => world.close());

  const get = async (path: string): Promise<any> => (await world.api.request('GET', path)).body;
  const create = (path: string, body: object): Promise<unknown> =>
    world.api.request('POST', path, body);
  const patch = async (path: string, body: object): Promise<any> =>
    world.api.request('PATCH', path, body, {
      contentType: 'application/strategic-merge-patch+json',
    });
  const imagesOf = async (app: string): Promise<string[]> =>
    (await get(`${CORE}/pods`)).items
      .filter(({ metadata }: any) => metadata.labels?.app === app)
      .filter(({ metadata }: any) => metadata.deletionTimestamp === undefined)
      .map(({ spec }: any) => spec.containers[0].image);
  const newsOf = async (name: string): Promise<string[]> =>
    (await get(`${CORE}/events`)).items
      .filter(({ involvedObject }: any) => involvedObject.name === name)
      .map(({ reason, message }: any) => `${reason}: ${message}`);
  const historyOf = async (app: string): Promise<[number, string, string][]> =>
    (await get(`${APPS}/controllerrevisions`)).items
      .filter(({ metadata }: any) => metadata.labels?.app === app)
      .map(({ revision, data, metadata }: any) => [
        revision,
        data.spec.template.spec.containers[0].image,
        metadata.name,
      ])
      .sort(([a]: [number], [b]: [number]) => a - b);

  it('tell of each Pod that is made and deleted, and of each change of number', async () => {
    await create(`${APPS}/deployments`, workload('web', { replicas: 1 }));
    await eventually(async () => (await imagesOf('web')).length === 1);
    await patch(`${APPS}/deployments/web`, { spec: { replicas: 0 } });
    await eventually(async () => (await newsOf('web')).length === 2);
    const [set] = (await get(`${APPS}/replicasets`)).items;
    assert.deepEqual((await newsOf('web')).sort(), [
      `ScalingReplicaSet: Scaled down replica set ${set.metadata.name} from 1 to 0`,
      `ScalingReplicaSet: Scaled up replica set ${set.metadata.name} from 0 to 1`,
    ]);
    await eventually(async () => (await newsOf(set.metadata.name)).length === 2);
    assert.match(
      (await newsOf(set.metadata.name)).join('\n'),
      /SuccessfulCreate: Created pod: web-/,
    );
  });

  for (const [plural, name] of [
    ['statefulsets', 'db'],
    ['daemonsets', 'log'],
  ] as const)
    it(`keep the history of ${plural}, and go back in it`, async () => {
      await create(`${APPS}/${plural}`, workload(name, { serviceName: name }));
      await eventually(async () => (await imagesOf(name)).join() === 'app:1');
      await patch(`${APPS}/${plural}/${name}`, { spec: { template: template(name, 'app:2') } });
      await eventually(async () => (await imagesOf(name)).join() === 'app:2');
      assert.deepEqual(
        (await historyOf(name)).map(([number, image]) => [number, image]),
        [
          [1, 'app:1'],
          [2, 'app:2'],
        ],
      );
      // As `kubectl rollout undo` does it: the revision's data is the patch.
      const [first] = await historyOf(name);
      const { data } = await get(`${APPS}/controllerrevisions/${first?.[2]}`);
      await patch(`${APPS}/${plural}/${name}`, data);
      await eventually(async () => (await imagesOf(name)).join() === 'app:1');
      assert.deepEqual(
        (await historyOf(name)).map(([number, image]) => [number, image]),
        [
          [2, 'app:2'],
          [3, 'app:1'],
        ],
      );
    });

  it('make Pods below the partition of the revision that was current', async () => {
    const spec = { replicas: 2, serviceName: 'part', podManagementPolicy: 'Parallel' };
    await create(`${APPS}/statefulsets`, workload('part', spec));
    const settled = async (): Promise<any> => (await get(`${APPS}/statefulsets/part`)).status;
    await eventually(async () => (await settled()).readyReplicas === 2);
    await patch(`${APPS}/statefulsets/part`, {
      spec: {
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
        template: template('part', 'app:2'),
      },
    });
    await eventually(async () => (await imagesOf('part')).join() === 'app:1,app:2');
    const { uid } = (await get(`${CORE}/pods/part-0`)).metadata;
    await world.api.request('DELETE', `${CORE}/pods/part-0`);
    await eventually(async () => {
      const { metadata } = await get(`${CORE}/pods/part-0`);
      return metadata?.uid !== undefined && metadata.uid !== uid;
    });
    assert.deepEqual(await imagesOf('part'), ['app:1', 'app:2']);
    const { currentRevision, updateRevision, updatedReplicas } = await settled();
    assert.notEqual(currentRevision, updateRevision);
    assert.equal(updatedReplicas, 1);
  });

  it('say why their Pods are refused, until they are not', async () => {
    await create('/api/v1/namespaces', { metadata: { name: 'tight' } });
    const tight = '/api/v1/namespaces/tight';
    const deployment = '/apis/apps/v1/namespaces/tight/deployments';
    await create(`${tight}/resourcequotas`, {
      metadata: { name: 'none' },
      spec: { hard: { pods: '0' } },
    });
    await eventually(
      async () => (await get(`${tight}/resourcequotas/none`)).status.used?.pods === '0',
    );
    await create(deployment, workload('web', { replicas: 1 }));
    const failure = async (): Promise<any> =>
      (await get(`${deployment}/web`)).status.conditions?.find(
        ({ type }: any) => type === 'ReplicaFailure',
      );
    await eventually(async () => (await failure()) !== undefined);
    assert.equal((await failure()).reason, 'FailedCreate');
    assert.match((await failure()).message, /^pods "web-.*" is forbidden: exceeded quota: none, /);
    await patch(`${tight}/resourcequotas/none`, { spec: { hard: { pods: '1' } } });
    await eventually(async () => (await failure()) === undefined);
    await eventually(async () => (await get(`${deployment}/web`)).status.availableReplicas === 1);
  });
});
