/** What a new Pod is given by admission, and what limits of its namespace refuse. */
import assert from 'node:assert/strict';
import { schedulingDefinitions } from '../../../runtime/apis/scheduling/definitions.ts';
import { type Api, startApi, testDefinitions } from '../api-harness.ts';

const ROOT = '/api/v1/namespaces/default';
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';

const pod = (name: string, spec = {}, container = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'i', ...container }], ...spec },
});

describe('Admission of a Pod', () => {
  let api: Api;
  const create = async (body: object): Promise<any> =>
    (await api.request('POST', `${ROOT}/pods`, body)).body;

  before(async () => {
    api = await startApi({ definitions: [...testDefinitions, ...schedulingDefinitions] });
  });
  after(() => api.close());

  it('gives priority 0 and five minutes of patience with an absent node', async () => {
    const { spec } = await create(pod('plain'));
    assert.equal(spec.priority, 0);
    assert.equal(spec.preemptionPolicy, 'PreemptLowerPriority');
    assert.deepEqual(
      spec.tolerations.map(({ key, tolerationSeconds }: any) => [key, tolerationSeconds]),
      [
        ['node.kubernetes.io/not-ready', 300],
        ['node.kubernetes.io/unreachable', 300],
      ],
    );
  });

  it('leaves one that tolerates everything as it is', async () => {
    const { spec } = await create(pod('hardy', { tolerations: [{ operator: 'Exists' }] }));
    assert.deepEqual(spec.tolerations, [{ operator: 'Exists' }]);
  });

  it('finds the priority in the class, and refuses another number', async () => {
    const critical = { priorityClassName: 'system-node-critical' };
    assert.equal((await create(pod('critical', critical))).spec.priority, 2_000_001_000);
    assert.equal(
      (await create(pod('wrong', { ...critical, priority: 1 }))).message,
      'pods "wrong" is forbidden: the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 2000001000 from the given PriorityClass name',
    );
  });

  it('takes the class that is everybody’s default, of which there is one', async () => {
    await api.request('POST', CLASSES, {
      metadata: { name: 'usual' },
      value: 50,
      globalDefault: true,
    });
    const { spec } = await create(pod('usual'));
    assert.deepEqual([spec.priorityClassName, spec.priority], ['usual', 50]);
    const second = await api.request('POST', CLASSES, {
      metadata: { name: 'second' },
      value: 60,
      globalDefault: true,
    });
    assert.match(second.body.message, /PriorityClass usual is already marked as default/);
  });

  it('takes overhead, place and tolerations from the runtime class', async () => {
    await api.request('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
      metadata: { name: 'boxed' },
      handler: 'boxed',
      overhead: { podFixed: { memory: '16Mi' } },
      scheduling: { nodeSelector: { boxed: 'yes' }, tolerations: [{ key: 'boxed' }] },
    });
    const { spec } = await create(pod('boxed', { runtimeClassName: 'boxed' }));
    assert.deepEqual(spec.overhead, { memory: '16Mi' });
    assert.deepEqual(spec.nodeSelector, { boxed: 'yes' });
    assert.equal(spec.tolerations[0].key, 'boxed');
    const { message } = await create(
      pod('elsewhere', { runtimeClassName: 'boxed', nodeSelector: { boxed: 'no' } }),
    );
    assert.match(message, /conflict: runtimeClass\.scheduling\.nodeSelector\[boxed\] = yes/);
  });

  describe('in a namespace with a LimitRange', () => {
    before(async () => {
      await api.request('POST', `${ROOT}/limitranges`, {
        metadata: { name: 'limits' },
        spec: {
          limits: [
            {
              type: 'Container',
              max: { memory: '256Mi' },
              default: { memory: '128Mi' },
              defaultRequest: { cpu: '10m' },
            },
            { type: 'Pod', max: { memory: '300Mi' } },
          ],
        },
      });
    });

    it('fills in what containers leave unsaid, and its quality of service follows', async () => {
      const { metadata, spec, status } = await create(pod('modest'));
      assert.deepEqual(spec.containers[0].resources, {
        requests: { cpu: '10m', memory: '128Mi' },
        limits: { memory: '128Mi' },
      });
      assert.equal(status.qosClass, 'Burstable');
      assert.equal(
        metadata.annotations['kubernetes.io/limit-ranger'],
        'LimitRanger plugin set: cpu, memory request for container main; memory limit for container main',
      );
    });

    it('refuses a container and a Pod that are too large', async () => {
      const limits = (memory: string): object => ({ resources: { limits: { memory } } });
      assert.equal(
        (await create(pod('large', {}, limits('280Mi')))).message,
        'pods "large" is forbidden: maximum memory usage per Container is 256Mi, but limit is 280Mi',
      );
      const containers = ['a', 'b'].map((name) => ({ name, image: 'i', ...limits('200Mi') }));
      assert.equal(
        (await create(pod('wide', { containers }))).message,
        'pods "wide" is forbidden: maximum memory usage per Pod is 300Mi, but limit is 400Mi',
      );
    });
  });
});
