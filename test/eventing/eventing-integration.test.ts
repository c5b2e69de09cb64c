/** Control plane and data plane together: the embedded API server, real controllers, a real broker, a real subscriber. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brokerKind, triggerKind } from '../../runtime/apis/eventing/types.ts';
import { isObjectReady } from '../../runtime/apis/meta/condition.ts';
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import { pingSourceKind } from '../../runtime/apis/sources/types.ts';
import type { ApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import type { BrokerHandle } from '../../runtime/broker/start-broker.ts';
import { startBroker } from '../../runtime/broker/start-broker.ts';
import { allDefinitions } from '../../runtime/cli/all-definitions.ts';
import type { EventingHandle } from '../../runtime/eventing/start-eventing.ts';
import { startEventing } from '../../runtime/eventing/start-eventing.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { ControllerContext } from '../../runtime/kube/context.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { SourcesHandle } from '../../runtime/sources/start-sources.ts';
import { startSources } from '../../runtime/sources/start-sources.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { Subscriber } from '../broker/broker-harness.ts';

const namespace = 'default';
const ref = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello' };

describe('eventing, all of it', () => {
  let directory: string;
  let server: ApiServer;
  let context: ControllerContext;
  let eventing: EventingHandle;
  let sources: SourcesHandle;
  let broker: BrokerHandle;
  const stopping = new AbortController();
  const gateway = new Subscriber();

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'knit-eventing-'));
    const deps = { clock: systemClock, random: Math.random, logger: silentLogger };
    server = await startApiServer({
      ...deps,
      dataDir: path.join(directory, 'data'),
      definitions: allDefinitions,
    });
    const client = new KubeClient(server.transport);
    const informers = new InformerFactory({ client, ...deps });
    context = { client, informers, ...deps, signal: stopping.signal };
    await gateway.listen();
    const clusterLocalGateway = { host: '127.0.0.1', port: gateway.port };
    eventing = await startEventing(context);
    sources = await startSources(context, { clusterLocalGateway });
    broker = await startBroker(context, {
      dataDir: path.join(directory, 'events'),
      listen: { host: '127.0.0.1', port: 0 },
      clusterLocalGateway,
    });
    informers.start(stopping.signal);
    await informers.waitForSync();
  });
  after(async () => {
    stopping.abort(new Error('the test is over'));
    await broker.close();
    await sources.close();
    await eventing.close();
    await server.close();
    await gateway.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Resolves with the object once it passes. */
  function until<T extends KubeObject>(
    kind: ResourceKind<T>,
    name: string,
    passes: (object: T) => boolean,
  ): Promise<T> {
    return new Promise((resolve) => {
      context.informers.informer(kind).onChange(({ type, object }) => {
        if (type !== 'deleted' && object.metadata.name === name && passes(object)) resolve(object);
      });
    });
  }

  it('makes a Trigger ready when its Service appears, delivers an event and a ping', async function () {
    this.timeout(10_000);
    const { client } = context;
    await client.create(brokerKind, {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Broker',
      metadata: { namespace, name: 'default' },
    });
    const ready = await until(brokerKind, 'default', isObjectReady);
    assert.equal(
      ready.status?.address?.url,
      'http://broker-ingress.knative-eventing.svc.cluster.local/default/default',
    );
    await client.create(triggerKind, {
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Trigger',
      metadata: { namespace, name: 'early' },
      spec: {
        broker: 'default',
        filters: [{ cesql: "type = 'order' AND total > 100" }],
        subscriber: { ref, uri: '/_knit/event/trigger' },
      },
    });
    const waiting = await until(triggerKind, 'early', ({ status }) => status !== undefined);
    assert(!isObjectReady(waiting));

    const created = await client.create(serviceKind, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { namespace, name: 'hello' },
      spec: {
        template: { spec: { containers: [{ name: 'user-container', image: 'knit.local/hello' }] } },
      },
    });
    await client.updateStatus(serviceKind, {
      ...created,
      status: { address: { url: 'http://hello.default.svc.cluster.local' } },
    });
    const trigger = await until(triggerKind, 'early', isObjectReady);
    assert.equal(
      trigger.status?.subscriberUri,
      'http://hello.default.svc.cluster.local/_knit/event/trigger',
    );

    await until(triggerKind, 'early', isObjectReady);
    await broker.settled();
    const send = async (id: string, total: string): Promise<void> => {
      const response = await fetch(`http://127.0.0.1:${broker.port}/default/default`, {
        method: 'POST',
        headers: {
          'ce-specversion': '1.0',
          'ce-id': id,
          'ce-source': '/shop',
          'ce-type': 'order',
          'ce-total': total,
        },
      });
      assert.equal(response.status, 202);
    };
    await send('small', '5');
    await send('large', '500');
    await gateway.count(1);
    assert.deepEqual(gateway.ids(), ['large']);
    assert.equal(gateway.received[0]?.path, '/_knit/event/trigger');
    assert.equal(gateway.received[0]?.headers.host, 'hello.default.svc.cluster.local');

    await client.create(pingSourceKind, {
      apiVersion: 'sources.knative.dev/v1',
      kind: 'PingSource',
      metadata: { namespace, name: 'tick' },
      spec: { schedule: '* * * * * *', data: '{}', contentType: 'application/json', sink: { ref } },
    });
    await until(pingSourceKind, 'tick', isObjectReady);
    await gateway.count(2);
    assert.equal(gateway.received[1]?.headers['ce-type'], 'dev.knative.sources.ping');
    await client.delete(pingSourceKind, { namespace, name: 'tick' });
  });
});
