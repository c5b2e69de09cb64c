/** The pods' name server: packets under random bytes, what names mean, and a real server on loopback. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';

import fc from 'fast-check';
import { makeResponse, parseQuery, RCODE, TYPE_A } from '../../runtime/agent/dns/dns-packet.ts';
import { lookUp, type RecordSource } from '../../runtime/agent/dns/dns-records.ts';
import { type DnsServer, startDnsServer } from '../../runtime/agent/dns/dns-server.ts';
import type { CoreService, Endpoints, Pod } from '../../runtime/apis/core/types.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

function makeQuery(name: string, type = TYPE_A): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([header, ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1])]);
}

describe('a DNS packet', () => {
  it('is read back as it was asked, whatever the name', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,63}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
        const query = parseQuery(makeQuery(labels.join('.')));
        assert.equal(query?.name, labels.join('.'));
        assert.equal(query?.id, 0x1234);
      }),
    );
  });

  it('never throws on random bytes, nor on a query with bytes changed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseQuery(Buffer.from(bytes))),
    );
    const valid = makeQuery('a.b');
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.nat(255), (index, value) => {
        const changed = Buffer.from(valid);
        changed[index] = value;
        const query = parseQuery(changed);
        if (query) makeResponse(changed, query, { rcode: 0, addresses: ['10.0.0.1'] });
      }),
    );
  });

  it('says that it was cut when not all addresses fit', () => {
    const message = makeQuery('many.ns');
    const query = parseQuery(message);
    assert.ok(query);
    const addresses = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
    const response = makeResponse(message, query, { rcode: RCODE.ok, addresses });
    assert.ok(response.length <= 512);
    assert.ok((response.readUInt16BE(2) & 0x0200) !== 0);
  });
});

const services: Record<string, CoreService['spec']> = {
  'shop/hello': {
    type: 'ExternalName',
    externalName: 'knit-gateway.knative-serving.svc.cluster.local',
  },
  'knative-serving/knit-gateway': {},
  'shop/db': { selector: { app: 'db' } },
  'shop/web': { clusterIP: 'None', ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  'shop/api': { clusterIP: '10.128.0.9', ports: [{ name: 'http', port: 80 }] },
  'shop/away': { type: 'ExternalName', externalName: 'example.com' },
  'shop/circle': { type: 'ExternalName', externalName: 'circle.shop.svc.cluster.local' },
};
const source: RecordSource = {
  service: (namespace, name) => {
    const spec = services[`${namespace}/${name}`];
    return spec && { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec };
  },
  endpoints: (namespace, name): Endpoints | undefined =>
    name === 'knit-gateway'
      ? {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { namespace, name },
          subsets: [{ addresses: [{ ip: '10.63.0.1' }] }],
        }
      : name === 'web'
        ? {
            apiVersion: 'v1',
            kind: 'Endpoints',
            metadata: { namespace, name },
            subsets: [
              {
                addresses: [{ ip: '10.63.0.4', hostname: 'web-0' }, { ip: '10.63.0.5' }],
                ports: [{ name: 'http', port: 8080 }],
              },
            ],
          }
        : undefined,
  readyPods: (_namespace, labels) =>
    labels['app'] === 'db' ? ([{ status: { podIP: '10.63.0.9' } }] as unknown as Pod[]) : [],
};

describe('a cluster name', () => {
  const gateway = { type: 'addresses', addresses: ['10.63.0.1'] };

  it('resolves in all its forms, through ExternalName', () => {
    for (const name of ['hello.shop', 'hello.shop.svc', 'hello.shop.svc.cluster.local'])
      assert.deepEqual(lookUp(name, source), gateway, name);
  });

  it('resolves a selector to ready pods', () => {
    assert.deepEqual(lookUp('db.shop', source), { type: 'addresses', addresses: ['10.63.0.9'] });
  });

  it('has its ClusterIP where a proxy stands behind it, unless it is headless or has an SCTP port', () => {
    const spec = { clusterIP: '10.128.0.9', selector: { app: 'db' }, ports: [{ port: 5432 }] };
    const lookUpWith = (changed: object): unknown => {
      const service = (namespace: string, name: string): CoreService => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace, name },
        spec: { ...spec, ...changed },
      });
      return lookUp('db.shop', { ...source, hasProxy: true, service });
    };
    const pods = { type: 'addresses', addresses: ['10.63.0.9'] };
    assert.deepEqual(lookUpWith({}), { type: 'addresses', addresses: ['10.128.0.9'] });
    assert.deepEqual(lookUpWith({ clusterIP: 'None' }), pods);
    const clusterIP = { type: 'addresses', addresses: ['10.128.0.9'] };
    assert.deepEqual(lookUpWith({ ports: [{ port: 53, protocol: 'UDP' }] }), clusterIP);
    assert.deepEqual(lookUpWith({ ports: [{ port: 53, protocol: 'SCTP' }] }), pods);
  });

  it('is missing when no such Service exists, or it points in a circle', () => {
    assert.deepEqual(lookUp('none.shop.svc.cluster.local', source), { type: 'missing' });
    assert.deepEqual(lookUp('circle.shop', source), { type: 'missing' });
    assert.deepEqual(lookUp('x.y.z.cluster.local', source), { type: 'missing' });
  });

  it('is forwarded when it is a public name, also behind ExternalName', () => {
    assert.deepEqual(lookUp('example.com', source), { type: 'forward', name: 'example.com' });
    assert.deepEqual(lookUp('away.shop', source), { type: 'forward', name: 'example.com' });
  });
});

describe('the name server', () => {
  let server: DnsServer;
  let resolver: Resolver;
  before(async () => {
    const shared = { source, resolvers: [], clock: systemClock, logger: silentLogger };
    server = await startDnsServer({ address: '127.0.0.1', port: 0, ...shared });
    resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${server.port}`]);
  });
  after(() => server.close());

  it('answers a resolver library', async () => {
    assert.deepEqual(await resolver.resolve4('hello.shop.svc.cluster.local'), ['10.63.0.1']);
  });

  it('knows the hosts of a Service by their names, and by their addresses', async () => {
    const zone = 'web.shop.svc.cluster.local';
    assert.deepEqual(await resolver.resolve4(`web-0.${zone}`), ['10.63.0.4']);
    assert.deepEqual(await resolver.resolve4(`10-63-0-5.${zone}`), ['10.63.0.5']);
    assert.deepEqual(await resolver.resolve4('10-63-0-5.shop.pod.cluster.local'), ['10.63.0.5']);
    for (const name of [`web-1.${zone}`, `a.b.${zone}`, 'x.shop.pod.cluster.local'])
      await assert.rejects(resolver.resolve4(name), { code: 'ENOTFOUND' }, name);
  });

  it('knows where the named ports of a Service are', async () => {
    const record = (name: string, port: number) => ({ name, port, priority: 0, weight: 100 });
    assert.deepEqual(await resolver.resolveSrv('_http._tcp.web.shop.svc.cluster.local'), [
      record('web-0.web.shop.svc.cluster.local', 8080),
      record('10-63-0-5.web.shop.svc.cluster.local', 8080),
    ]);
    assert.deepEqual(await resolver.resolveSrv('_http._tcp.api.shop.svc.cluster.local'), [
      record('api.shop.svc.cluster.local', 80),
    ]);
    for (const name of [
      '_http._udp.web.shop.svc.cluster.local',
      '_x._tcp.web.shop.svc.cluster.local',
    ])
      await assert.rejects(resolver.resolveSrv(name), { code: 'ENOTFOUND' }, name);
  });

  it('says that a name exists without IPv6 addresses', async () => {
    await assert.rejects(resolver.resolve6('hello.shop'), { code: 'ENODATA' });
  });

  it('says that a name does not exist', async () => {
    await assert.rejects(resolver.resolve4('none.shop.svc'), { code: 'ENOTFOUND' });
  });

  it('fails quickly where the machine has no resolvers', async () => {
    const from = performance.now();
    await assert.rejects(resolver.resolve4('www.example.com'), { code: 'ESERVFAIL' });
    assert.ok(performance.now() - from < 1_000);
  });

  it('fails, and lives on, where the machine has lost its network', async () => {
    // Nobody may send there, so that connecting fails as it does without a route.
    const shared = { source, resolvers: ['255.255.255.255'], clock: systemClock };
    const lost = await startDnsServer({
      address: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      ...shared,
    });
    try {
      const asking = new Resolver({ timeout: 2_000, tries: 1 });
      asking.setServers([`127.0.0.1:${lost.port}`]);
      await assert.rejects(asking.resolve4('www.example.com'), { code: 'ESERVFAIL' });
      assert.deepEqual(await asking.resolve4('hello.shop.svc'), ['10.63.0.1']);
    } finally {
      await lost.close();
    }
  });
});
