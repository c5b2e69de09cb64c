import assert from 'node:assert/strict';
import { discoveryDefinitions } from '../../runtime/apis/discovery/definitions.ts';
import type { EndpointSlice } from '../../runtime/apis/discovery/types.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { makeEndpointsController } from '../../runtime/workloads/endpoints/endpoints-controller.ts';
import { startApi, testDefinitions, type Api } from '../apiserver/api-harness.ts';

const base = '/api/v1/namespaces/default';
const slicesPath = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

describe('Endpoints of a Service', () => {
  let api: Api;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    api = await startApi({ definitions: [...testDefinitions, ...discoveryDefinitions] });
    stop = new AbortController();
    const client = new KubeClient(api.server.transport);
    const common = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    const informers = new InformerFactory(common);
    const context = { ...common, informers, signal: stop.signal };
    running = makeEndpointsController(context).run(stop.signal);
    informers.start(stop.signal);
    await informers.waitForSync(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await api.close();
  });

  async function createService(name: string, spec: object): Promise<void> {
    const { status, body } = await api.request('POST', `${base}/services`, {
      metadata: { name, labels: { team: 'x' } },
      spec,
    });
    assert.equal(status, 201, JSON.stringify(body));
  }

  async function createPod(
    name: string,
    ip: string,
    options: { ready?: boolean; ports?: object[]; annotations?: object; spec?: object } = {},
  ): Promise<void> {
    const { ready = true, ports = [{ name: 'web', containerPort: 8080 }] } = options;
    const created = await api.request('POST', `${base}/pods`, {
      metadata: { name, labels: { app: 'a' }, annotations: options.annotations },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', ports }], ...options.spec },
    });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    await setReady(name, ip, ready);
  }

  async function setReady(name: string, ip: string, ready: boolean): Promise<void> {
    const body = {
      status: {
        phase: 'Running',
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      },
    };
    const contentType = 'application/merge-patch+json';
    const { status } = await api.request('PATCH', `${base}/pods/${name}/status`, body, {
      contentType,
    });
    assert.equal(status, 200);
  }

  const slicesOf = async (service: string): Promise<EndpointSlice[]> => {
    const query = { labelSelector: `kubernetes.io/service-name=${service}` };
    return (await api.request('GET', slicesPath, undefined, { query })).body.items;
  };

  /** `10.0.0.1:8080 ready`, sorted, of all slices. */
  const linesOf = async (service: string): Promise<string[]> =>
    (await slicesOf(service))
      .flatMap(({ endpoints = [], ports = [] }) =>
        endpoints.map(
          ({ addresses, conditions }) =>
            `${addresses[0]}:${ports.map(({ port }) => port).join(',')} ${conditions?.ready === true ? 'ready' : 'not ready'}`,
        ),
      )
      .sort();

  /** The waits of the test machine, not of the controller: it writes after 50 ms. */
  async function eventually(look: () => Promise<unknown>, expected: unknown): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const seen = await look();
      try {
        assert.deepEqual(seen, expected);
        return;
      } catch (error) {
        if (attempt === 600) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  it('follow the readiness of its pods', async () => {
    await createService('a', { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'web' }] });
    await createPod('one', '10.0.0.1');
    await createPod('two', '10.0.0.2', { ready: false });
    await eventually(() => linesOf('a'), ['10.0.0.1:8080 ready', '10.0.0.2:8080 not ready']);
    await setReady('two', '10.0.0.2', true);
    await setReady('one', '10.0.0.1', false);
    await eventually(() => linesOf('a'), ['10.0.0.1:8080 not ready', '10.0.0.2:8080 ready']);
    const [slice] = await slicesOf('a');
    assert.equal(slice?.metadata.labels?.['team'], 'x');
    assert.equal(
      slice?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'],
      'endpointslice-controller.k8s.io',
    );
    assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, 'Service');
    await eventually(
      async () => (await api.request('GET', `${base}/endpoints/a`)).body.subsets,
      [
        {
          addresses: [
            {
              ip: '10.0.0.2',
              nodeName: 'n',
              targetRef: {
                kind: 'Pod',
                namespace: 'default',
                name: 'two',
                uid: (await api.request('GET', `${base}/pods/two`)).body.metadata.uid,
              },
            },
          ],
          notReadyAddresses: [
            {
              ip: '10.0.0.1',
              nodeName: 'n',
              targetRef: {
                kind: 'Pod',
                namespace: 'default',
                name: 'one',
                uid: (await api.request('GET', `${base}/pods/one`)).body.metadata.uid,
              },
            },
          ],
          ports: [{ port: 8080, protocol: 'TCP' }],
        },
      ],
    );
  });

  it('keep pods apart whose named port is another one, and of a pod of the process driver its port of the machine', async () => {
    await createService('a', { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'web' }] });
    await createPod('one', '10.0.0.1');
    await createPod('two', '10.0.0.2', { ports: [{ name: 'web', containerPort: 9090 }] });
    await createPod('three', '127.0.0.1', { annotations: { 'knit.dev/host-port': '40123' } });
    await eventually(
      () => linesOf('a'),
      ['10.0.0.1:8080 ready', '10.0.0.2:9090 ready', '127.0.0.1:40123 ready'],
    );
    assert.equal((await slicesOf('a')).length, 3);
  });

  it('publish pods that are not ready where the Service says so, with their host names', async () => {
    await createService('a', {
      clusterIP: 'None',
      selector: { app: 'a' },
      publishNotReadyAddresses: true,
      ports: [{ port: 80, targetPort: 8080 }],
    });
    const spec = { hostname: 'first', subdomain: 'a' };
    await createPod('one', '10.0.0.1', { ready: false, spec });
    await eventually(() => linesOf('a'), ['10.0.0.1:8080 ready']);
    const [slice] = await slicesOf('a');
    assert.equal(slice?.endpoints?.[0]?.hostname, 'first');
    assert.deepEqual(slice?.endpoints?.[0]?.conditions, {
      ready: true,
      serving: false,
      terminating: false,
    });
    assert.equal(slice.metadata.labels?.['service.kubernetes.io/headless'], '');
  });

  it('leave out a pod that is being deleted from those that take traffic', async () => {
    await createService('a', { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 8080 }] });
    await createPod('one', '10.0.0.1');
    await eventually(() => linesOf('a'), ['10.0.0.1:8080 ready']);
    await api.request('DELETE', `${base}/pods/one`);
    await eventually(() => linesOf('a'), ['10.0.0.1:8080 not ready']);
    await eventually(
      async () => (await api.request('GET', `${base}/endpoints/a`)).body.subsets,
      undefined,
    );
    const options = { gracePeriodSeconds: 0 };
    await api.request('DELETE', `${base}/pods/one`, options);
    await eventually(() => linesOf('a'), []);
  });

  it('mirror hand-written Endpoints, unless these say not to', async () => {
    await createService('a', { ports: [{ name: 'http', port: 80 }] });
    await api.request('POST', `${base}/endpoints`, {
      metadata: { name: 'a' },
      subsets: [
        {
          addresses: [{ ip: '192.0.2.1' }],
          notReadyAddresses: [{ ip: '192.0.2.2' }],
          ports: [{ name: 'http', port: 8000 }],
        },
      ],
    });
    await eventually(() => linesOf('a'), ['192.0.2.1:8000 ready', '192.0.2.2:8000 not ready']);
    const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
    const contentType = 'application/merge-patch+json';
    await api.request('PATCH', `${base}/endpoints/a`, { metadata: { labels } }, { contentType });
    await eventually(() => linesOf('a'), []);
  });

  it('leave hand-written slices alone', async () => {
    await createService('a', { ports: [{ name: 'http', port: 80 }] });
    await api.request('POST', slicesPath, {
      metadata: { name: 'mine', labels: { 'kubernetes.io/service-name': 'a' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.9'] }],
      ports: [{ name: 'http', port: 1 }],
    });
    await createService('b', { selector: { app: 'a' }, ports: [{ port: 80 }] });
    await createPod('one', '10.0.0.1');
    await eventually(() => linesOf('b'), ['10.0.0.1:80 ready']);
    assert.deepEqual(
      (await slicesOf('a')).map(({ metadata }) => metadata.name),
      ['mine'],
    );
  });

  it('split 250 pods into slices of at most 100', async () => {
    await createService('a', { selector: { app: 'a' }, ports: [{ port: 80 }] });
    for (let i = 0; i < 250; i++)
      await createPod(`pod-${i}`, `10.0.${Math.floor(i / 200)}.${(i % 200) + 1}`);
    await eventually(
      async () =>
        (await slicesOf('a')).map(({ endpoints = [] }) => endpoints.length).sort((a, b) => a - b),
      [50, 100, 100],
    );
  });

  it('go with the Service', async () => {
    await createService('a', { selector: { app: 'a' }, ports: [{ port: 80 }] });
    await createPod('one', '10.0.0.1');
    await eventually(() => linesOf('a'), ['10.0.0.1:80 ready']);
    await api.request('DELETE', `${base}/services/a`);
    await eventually(() => linesOf('a'), []);
    await eventually(async () => (await api.request('GET', `${base}/endpoints/a`)).status, 404);
  });
});
