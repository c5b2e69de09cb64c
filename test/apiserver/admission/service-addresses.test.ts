import assert from 'node:assert/strict';
import { startApi, type Api } from '../api-harness.ts';

const services = '/api/v1/namespaces/default/services';
const web = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});
const merge = { contentType: 'application/merge-patch+json' };

describe('The addresses of Services', () => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi({ serviceCidr: '10.20.0.0/28' });
  });
  afterEach(() => api.close());

  const create = (name: string, spec?: object) => api.request('POST', services, web(name, spec));

  it('fill in what a client leaves out', async () => {
    const { status, body } = await create('a', { clusterIP: '10.20.0.5' });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(body.spec, {
      type: 'ClusterIP',
      clusterIP: '10.20.0.5',
      clusterIPs: ['10.20.0.5'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    });
  });

  it('are given to one Service each, until the network of 14 is full, and again after a deletion', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 14; i++) seen.add((await create(`s${i}`)).body.spec.clusterIP);
    assert.equal(seen.size, 14);
    assert.ok([...seen].every((ip) => /^10\.20\.0\.([1-9]|1[0-4])$/.test(ip)));
    const refused = await create('late');
    assert.equal(refused.status, 422);
    assert.match(refused.body.message, /failed to allocate IP: range is full/);
    const freed = (await api.request('GET', `${services}/s3`)).body.spec.clusterIP;
    await api.request('DELETE', `${services}/s3`);
    assert.equal((await create('late')).body.spec.clusterIP, freed);
  });

  it('are remembered over a restart', async () => {
    await create('a', { clusterIP: '10.20.0.7' });
    await api.restart();
    const { status, body } = await create('b', { clusterIP: '10.20.0.7' });
    assert.equal(status, 422);
    assert.equal(
      body.message,
      'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.20.0.7"]: failed to allocate IP 10.20.0.7: provided IP is already allocated',
    );
  });

  it('come from the network only', async () => {
    const { status, body } = await create('a', { clusterIP: '10.21.0.7' });
    assert.equal(status, 422);
    assert.match(
      body.message,
      /the provided IP \(10\.21\.0\.7\) is not in the valid range\. The range of valid IPs is 10\.20\.0\.0\/28$/,
    );
  });

  it('stay when an update does not name them, and cannot be changed', async () => {
    const { body: before } = await create('a');
    const put = await api.request('PUT', `${services}/a`, web('a', { selector: { app: 'x' } }));
    assert.equal(put.status, 200, JSON.stringify(put.body));
    assert.equal(put.body.spec.clusterIP, before.spec.clusterIP);
    const other = before.spec.clusterIP === '10.20.0.9' ? '10.20.0.8' : '10.20.0.9';
    const { status, body } = await api.request(
      'PATCH',
      `${services}/a`,
      { spec: { clusterIP: other, clusterIPs: [other] } },
      merge,
    );
    assert.equal(status, 422);
    assert.equal(
      body.message,
      `Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ["${other}"]: may not change once set`,
    );
  });

  it('are none of a headless Service and of an ExternalName; both families of one without selector', async () => {
    const headless = await create('a', { clusterIP: 'None' });
    assert.deepEqual(headless.body.spec.clusterIPs, ['None']);
    assert.deepEqual(headless.body.spec.ipFamilies, ['IPv4', 'IPv6']);
    assert.equal(headless.body.spec.ipFamilyPolicy, 'RequireDualStack');
    const external = await create('b', { type: 'ExternalName', externalName: 'example.com' });
    assert.equal(external.status, 201);
    assert.equal(external.body.spec.clusterIP, undefined);
  });

  it('go when the Service becomes an ExternalName, and come back with its type', async () => {
    await create('a');
    const away = await api.request(
      'PATCH',
      `${services}/a`,
      { spec: { type: 'ExternalName', externalName: 'example.com' } },
      merge,
    );
    assert.equal(away.status, 200, JSON.stringify(away.body));
    assert.equal(away.body.spec.clusterIP, undefined);
    const back = await api.request(
      'PATCH',
      `${services}/a`,
      { spec: { type: 'ClusterIP', externalName: null } },
      merge,
    );
    assert.match(back.body.spec.clusterIP, /^10\.20\.0\./);
  });

  it('include node ports of 30000 to 32767, which a change back to ClusterIP takes away', async () => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 30_001 },
    ];
    const { status, body } = await create('a', { type: 'NodePort', ports });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.spec.externalTrafficPolicy, 'Cluster');
    const [first, second] = body.spec.ports;
    assert.ok(first.nodePort >= 30_000 && first.nodePort <= 32_767 && first.nodePort !== 30_001);
    assert.equal(second.nodePort, 30_001);
    const taken = await create('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] });
    assert.equal(
      taken.body.message,
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
    );
    const back = await api.request(
      'PATCH',
      `${services}/a`,
      { spec: { type: 'ClusterIP' } },
      merge,
    );
    assert.equal(back.status, 200, JSON.stringify(back.body));
    assert.ok(back.body.spec.ports.every((port: { nodePort?: number }) => !port.nodePort));
    assert.equal(back.body.spec.externalTrafficPolicy, undefined);
  });

  it('are not used up by a dry run', async () => {
    for (let i = 0; i < 14; i++)
      await api.request('POST', services, web(`dry${i}`, { clusterIP: '10.20.0.3' }), {
        query: { dryRun: 'All' },
      });
    assert.equal((await create('a', { clusterIP: '10.20.0.3' })).status, 201);
  });

  it('are refused with all other problems of a Service at once', async () => {
    const { status, body } = await api.request('POST', services, {
      metadata: { name: 'a' },
      spec: {
        type: 'Wrong',
        sessionAffinity: 'Maybe',
        ports: [{ port: 80 }, { name: 'UPPER', port: 70_000 }],
      },
    });
    assert.equal(status, 422);
    assert.deepEqual(
      body.details.causes.map(({ field }: { field: string }) => field),
      [
        'spec.ports[0].name',
        'spec.ports[1].name',
        'spec.ports[1].port',
        'spec.ports[1].targetPort',
        'spec.sessionAffinity',
        'spec.type',
      ],
    );
  });
});
