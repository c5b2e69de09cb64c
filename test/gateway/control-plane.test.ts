/**
 * The gateway beside the real API server, serving and autoscaler, over a unix socket as in the local
 * home. Only the agent is the test's own: it runs "pods" that are ports of one node:http server.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appsDefinitions } from '../../runtime/apis/apps/definitions.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import type { Deployment } from '../../runtime/apis/apps/types.ts';
import { autoscalingDefinitions } from '../../runtime/apis/autoscaling/definitions.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { namespaceKind, podKind } from '../../runtime/apis/core/types.ts';
import { discoveryDefinitions } from '../../runtime/apis/discovery/definitions.ts';
import { gatewayDefinitions } from '../../runtime/apis/gateway/definitions.ts';
import { networkingDefinitions } from '../../runtime/apis/networking/definitions.ts';
import { servingDefinitions } from '../../runtime/apis/serving/definitions.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { startAutoscaler } from '../../runtime/autoscaler/start-autoscaler.ts';
import { startGateway } from '../../runtime/gateway/gateway.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { ControllerContext } from '../../runtime/kube/context.ts';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { KubeTransport } from '../../runtime/kube/transport.ts';
import { startServing } from '../../runtime/serving/start-serving.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { eventually, fetchText } from './world.ts';

describe('gateway beside the control plane', () => {
  const stops: (() => Promise<unknown>)[] = [];
  const contextOn = (transport: KubeTransport, signal: AbortSignal): ControllerContext => {
    const client = new KubeClient(transport);
    const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
    return { ...deps, informers: new InformerFactory(deps), signal };
  };

  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  it('makes a new service Ready, serves it, and serves it from zero pods', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'knit-gateway-'));
    stops.push(() => rm(directory, { recursive: true, force: true }));
    const abort = new AbortController();
    const api = await startApiServer({
      dataDir: join(directory, 'data'),
      definitions: [
        ...coreDefinitions,
        ...appsDefinitions,
        ...discoveryDefinitions,
        ...servingDefinitions,
        ...networkingDefinitions,
        ...autoscalingDefinitions,
        ...gatewayDefinitions,
      ],
      clock: systemClock,
      logger: silentLogger,
      socketPath: join(directory, 'api.sock'),
    });
    stops.push(() => api.close());
    const control = contextOn(api.transport, abort.signal);
    const serving = await startServing(control, {
      domain: 'localhost',
      externalPort: 8080,
      gatewayServiceHost: 'knit-gateway.knative-serving.svc.cluster.local',
    });
    const statSocketPath = join(directory, 'stats.sock');
    const autoscaler = await startAutoscaler(control, { statSocketPath });
    control.informers.start(abort.signal);
    await startPods(control);
    const transport = makeHttpTransport({
      server: 'http://knit-api',
      socketPath: join(directory, 'api.sock'),
    });
    const gateway = await startGateway(contextOn(transport, abort.signal), {
      identity: 'gateway-1',
      external: { host: '127.0.0.1', port: 0 },
      internal: [],
      autoscaler: { socketPath: statSocketPath },
      domain: 'localhost',
    });
    stops.push(async () => {
      await gateway.close();
      await autoscaler.close();
      await serving.close();
      abort.abort(new Error('test is over'));
      await transport.close();
    });

    await control.client.create(namespaceKind, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop-dev' },
    });
    await control.client.create(serviceKind, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name: 'hello', namespace: 'shop-dev' },
      spec: {
        template: { spec: { containers: [{ name: '', image: 'knit.local/hello:1' }] } },
      },
    });
    const services = control.informers.informer(serviceKind);
    await eventually(
      () =>
        services
          .get('shop-dev', 'hello')
          ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
        false,
    );
    const call = (): ReturnType<typeof fetchText> =>
      fetchText(gateway.externalPort, {
        headers: { Host: 'hello.shop-dev.localhost:8080' },
        path: '/x',
      });
    assert.equal((await call()).body, 'pod answers /x');

    // To zero by hand, since the shortest window that Knative allows is longer than a test may take.
    await control.client.patch(
      deploymentKind,
      { namespace: 'shop-dev', name: 'hello-00001-deployment' },
      { type: 'merge', subresource: 'scale', body: { spec: { replicas: 0 } } },
    );
    const pods = control.informers.informer(podKind);
    await eventually(() => pods.list().length === 0);
    assert.equal((await call()).body, 'pod answers /x');
  }).timeout(15_000);

  /** Plays the agent: one Ready pod for a Deployment with replicas, and its status. */
  async function startPods({ client, informers }: ControllerContext): Promise<void> {
    const server = http.createServer((request, response) =>
      response.end(`pod answers ${request.url}`),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const run = async (deployment: Deployment): Promise<void> => {
      const { name, namespace = '' } = deployment.metadata;
      const replicas = deployment.spec.replicas ?? 0;
      if (replicas > 0)
        await client.create(podKind, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: {
            name: `${name}-a`,
            namespace,
            labels: { ...deployment.spec.template.metadata?.labels },
            annotations: { 'knit.dev/host-port': String(port) },
          },
          spec: deployment.spec.template.spec,
        });
      else
        await client.delete(podKind, { namespace, name: `${name}-a` }, { gracePeriodSeconds: 0 });
      const pod = await client.get(podKind, { namespace, name: `${name}-a` });
      if (pod)
        await client.updateStatus(podKind, {
          ...pod,
          status: {
            phase: 'Running',
            podIP: '127.0.0.1',
            conditions: [{ type: 'Ready', status: 'True' }],
          },
        });
      await client.patch(
        deploymentKind,
        { namespace, name },
        {
          type: 'merge',
          subresource: 'status',
          body: {
            status: {
              observedGeneration: deployment.metadata.generation,
              replicas,
              readyReplicas: replicas,
              availableReplicas: replicas,
              conditions: [
                { type: 'Available', status: 'True' },
                { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
              ],
            },
          },
        },
      );
    };
    let last = Promise.resolve();
    informers.informer(deploymentKind).onChange(({ object, old, type }) => {
      if (type === 'deleted' || old?.metadata.generation === object.metadata.generation) return;
      // A pod that exists already is all that a later change needs.
      last = last.then(() => run(object)).catch(() => undefined);
    });
  }
});
