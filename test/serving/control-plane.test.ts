/**
 * Serving and the autoscaler on the real API server, with a real report stream. The agent and the
 * gateway are played by two watchers that write the statuses which those would write.
 */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appsDefinitions } from '../../runtime/apis/apps/definitions.ts';
import type { Deployment } from '../../runtime/apis/apps/types.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import { autoscalingDefinitions } from '../../runtime/apis/autoscaling/definitions.ts';
import type { StatMessage } from '../../runtime/apis/autoscaling/stat.ts';
import { podAutoscalerKind } from '../../runtime/apis/autoscaling/types.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { configMapKind, coreServiceKind } from '../../runtime/apis/core/types.ts';
import { getCondition, isObjectReady } from '../../runtime/apis/meta/condition.ts';
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import { networkingDefinitions } from '../../runtime/apis/networking/definitions.ts';
import type { Ingress } from '../../runtime/apis/networking/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { servingDefinitions } from '../../runtime/apis/serving/definitions.ts';
import {
  configurationKind,
  revisionKind,
  routeKind,
  serviceKind,
} from '../../runtime/apis/serving/types.ts';
import type { ApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import type { AutoscalerHandle } from '../../runtime/autoscaler/start-autoscaler.ts';
import { startAutoscaler } from '../../runtime/autoscaler/start-autoscaler.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { Informer } from '../../runtime/kube/informer.ts';
import type { ServingHandle } from '../../runtime/serving/start-serving.ts';
import { startServing } from '../../runtime/serving/start-serving.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { seededRandom } from '../../runtime/std/random.ts';
import { makeService } from './world.ts';

/** A reconcile that should have come by now never will. */
const WAIT_MS = 5_000;

class ControlPlane {
  readonly clock = new FakeClock(Math.floor(Date.now() / 1_000) * 1_000);
  client!: KubeClient;
  autoscaler!: AutoscalerHandle;
  private readonly stop = new AbortController();
  private readonly dataDir: string;
  private api!: ApiServer;
  private serving!: ServingHandle;
  private informers!: InformerFactory;

  private constructor(dataDir: string) {
    // Every informer and controller listens to it.
    setMaxListeners(0, this.stop.signal);
    this.dataDir = dataDir;
  }

  static async start(): Promise<ControlPlane> {
    const plane = new ControlPlane(await mkdtemp(join(tmpdir(), 'knit-serving-')));
    await plane.run();
    return plane;
  }

  informer<T extends KubeObject>(kind: ResourceKind<T>): Informer<T> {
    return this.informers.informer(kind);
  }

  /** Resolves with the object once it holds; rejects when that takes too long. */
  async until<T extends KubeObject>(
    kind: ResourceKind<T>,
    name: string,
    holds: (object: T) => boolean,
  ): Promise<T> {
    const informer = this.informer(kind);
    let stopWatching = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => {
          const last = JSON.stringify(informer.get('ns', name));
          reject(new Error(`${kind.kind} "${name}" never came to hold; last seen: ${last}`));
        }, WAIT_MS);
        stopWatching = informer.onChange(({ object }) => {
          if (object.metadata.name === name && object.metadata.namespace === 'ns' && holds(object))
            resolve(object);
        });
      });
    } finally {
      clearTimeout(timer);
      stopWatching();
    }
  }

  async close(): Promise<void> {
    await this.autoscaler.close();
    await this.serving.close();
    this.stop.abort();
    await this.api.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async run(): Promise<void> {
    this.api = await startApiServer({
      dataDir: this.dataDir,
      definitions: [
        ...coreDefinitions,
        ...appsDefinitions,
        ...networkingDefinitions,
        ...autoscalingDefinitions,
        ...servingDefinitions,
      ],
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    this.client = new KubeClient(this.api.transport);
    const { client, clock } = this;
    const [random, logger, signal] = [seededRandom(2), silentLogger, this.stop.signal];
    const informers = new InformerFactory({ client, clock, random, logger });
    this.informers = informers;
    const context = { client, informers, clock, random, logger, signal };
    this.serving = await startServing(context, {
      domain: 'localhost',
      externalPort: 8080,
      gatewayServiceHost: 'knit-gateway.knative-serving.svc.cluster.local',
    });
    this.autoscaler = await startAutoscaler(context, { statPort: 0 });
    for (const kind of [serviceKind, configurationKind, revisionKind, routeKind, podAutoscalerKind])
      informers.informer<KubeObject>(kind);
    informers.informer(deploymentKind).onChange(({ object }) => this.playAgent(object));
    informers.informer(ingressKind).onChange(({ object }) => this.playGateway(object));
    informers.start(signal);
    await informers.waitForSync(signal);
    await client.create(
      { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'ns' },
      },
    );
  }

  private playAgent(deployment: Deployment): void {
    const replicas = deployment.spec.replicas ?? 1;
    if (deployment.status?.readyReplicas === replicas) return;
    const status = { replicas, readyReplicas: replicas, availableReplicas: replicas };
    const { name, namespace } = deployment.metadata;
    this.write(deploymentKind, { name, namespace }, { status });
  }

  private playGateway(ingress: Ingress): void {
    if (ingress.status?.observedGeneration === ingress.metadata.generation) return;
    const conditions = ['LoadBalancerReady', 'NetworkConfigured', 'Ready'].map((type) => ({
      type,
      status: 'True',
    }));
    const { name, namespace, generation } = ingress.metadata;
    this.write(
      ingressKind,
      { name, namespace },
      { status: { observedGeneration: generation, conditions } },
    );
  }

  private write(
    kind: ResourceKind,
    ref: { name: string; namespace: string | undefined },
    body: unknown,
  ): void {
    // The object may be gone by the time that the write arrives.
    this.client
      .patch(kind, ref, { type: 'merge', subresource: 'status', body })
      .catch(() => undefined);
  }
}

/** A gateway's report stream. */
class ReportStream {
  private readonly request: http.ClientRequest;

  constructor(port: number) {
    this.request = http.request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/stats',
      agent: false,
    });
    this.request.on('error', () => undefined);
    this.request.flushHeaders();
  }

  async send(message: Partial<StatMessage>): Promise<void> {
    const line = { gateway: 'g', timestampMs: 0, poke: false, stats: [], ...message };
    await new Promise<void>((resolve) =>
      this.request.write(`${JSON.stringify(line)}\n`, () => resolve()),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  close(): void {
    this.request.destroy();
  }
}

describe('the control plane of Serving', function () {
  this.timeout(30_000);
  let plane: ControlPlane;
  let reports: ReportStream;
  const deployment = 'hello-00001-deployment';
  const waiting = (queued: number): Partial<StatMessage> => ({
    poke: queued > 0,
    stats: [
      { key: 'ns/hello-00001', averageConcurrentRequests: queued, requestCount: queued, queued },
    ],
  });

  const busy = (concurrency: number): Partial<StatMessage> => ({
    stats: [
      {
        key: 'ns/hello-00001',
        averageConcurrentRequests: concurrency,
        requestCount: concurrency,
        queued: 0,
      },
    ],
  });

  before(async () => {
    plane = await ControlPlane.start();
    reports = new ReportStream(plane.autoscaler.statPort ?? 0);
    await reports.send({});
  });
  after(async () => {
    reports.close();
    await plane.close();
  });

  it('brings a Service to Ready without waiting for any timer', async () => {
    await plane.client.create(serviceKind, makeService('hello'));
    const service = await plane.until(serviceKind, 'hello', isObjectReady);
    assert.equal(service.status?.url, 'http://hello.ns.localhost:8080');
    assert.equal(service.metadata.annotations?.['serving.knative.dev/creator'] !== undefined, true);
    assert.equal(service.spec.template.spec.timeoutSeconds, 300);
    const autoscaler = await plane.until(podAutoscalerKind, 'hello-00001', isObjectReady);
    assert.equal(autoscaler.status?.actualScale, 1);
  });

  it('writes nothing more once everything has settled', async () => {
    const version = async (): Promise<string> =>
      (await plane.client.list(serviceKind)).metadata.resourceVersion;
    // The first tick finds out that the pod is idle, which the status then says.
    await plane.clock.advanceAsync(2_000, 1_000);
    await plane.until(podAutoscalerKind, 'hello-00001', ({ status }) => status?.desiredScale === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = await version();
    await plane.clock.advanceAsync(4_000, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await version(), before);
  });

  it('scales to zero after a stable window without traffic, and the Service stays Ready', async () => {
    await plane.clock.advanceAsync(52_000, 1_000);
    assert.equal(plane.informer(deploymentKind).get('ns', deployment)?.spec.replicas, 1);
    await plane.clock.advanceAsync(8_000, 1_000);
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 0);
    const revision = await plane.until(
      revisionKind,
      'hello-00001',
      ({ status }) => getCondition(status?.conditions, 'Active')?.reason === 'NoTraffic',
    );
    assert.equal(isObjectReady(revision), true);
    assert.equal(isObjectReady(await plane.until(serviceKind, 'hello', () => true)), true);
  });

  it('scales up at once when a request waits, with no tick in between', async () => {
    await reports.send(waiting(1));
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 1);
    await plane.until(podAutoscalerKind, 'hello-00001', isObjectReady);
  });

  it('stays up while there is traffic', async () => {
    for (let second = 0; second < 90; second += 1) {
      if (second % 30 === 0) await reports.send(busy(0.5));
      await plane.clock.advanceAsync(1_000);
    }
    assert.equal(plane.informer(deploymentKind).get('ns', deployment)?.spec.replicas, 1);
  });

  it('scales up what waits when the autoscaler hears of it only after a restart of the gateway', async () => {
    await plane.clock.advanceAsync(130_000, 2_000);
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 0);
    reports.close();
    reports = new ReportStream(plane.autoscaler.statPort ?? 0);
    await reports.send({ ...waiting(3), poke: false });
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 1);
  });

  it('decides nothing while no gateway is connected', async () => {
    await plane.until(podAutoscalerKind, 'hello-00001', isObjectReady);
    reports.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await plane.clock.advanceAsync(300_000, 10_000);
    assert.equal(plane.informer(deploymentKind).get('ns', deployment)?.spec.replicas, 1);
    reports = new ReportStream(plane.autoscaler.statPort ?? 0);
    await reports.send({});
  });

  it('honours a min-scale that is put on the live Revision, and a max-scale', async () => {
    const annotate = (annotations: Record<string, string>): Promise<unknown> =>
      plane.client.patch(
        revisionKind,
        { namespace: 'ns', name: 'hello-00001' },
        { type: 'merge', body: { metadata: { annotations } } },
      );
    await annotate({ 'autoscaling.knative.dev/min-scale': '2' });
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 2);
    await annotate({
      'autoscaling.knative.dev/min-scale': '0',
      'autoscaling.knative.dev/max-scale': '3',
    });
    await reports.send(waiting(5_000));
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 3);
  });

  it('follows a change of its ConfigMap', async () => {
    const metadata = { name: 'config-autoscaler', namespace: 'knative-serving' };
    const data = { 'stable-window': '6s' };
    await plane.client.create(configMapKind, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data,
    });
    await reports.send({
      stats: [{ key: 'ns/hello-00001', averageConcurrentRequests: 0, requestCount: 0, queued: 0 }],
    });
    await plane.clock.advanceAsync(30_000, 1_000);
    await plane.until(deploymentKind, deployment, ({ spec }) => spec.replicas === 0);
  });

  it('refuses an invalid Service with the path of every fault', async () => {
    const service = makeService('bad', { traffic: [{ latestRevision: true, percent: 50 }] });
    const spec = {
      ...service.spec,
      template: { spec: { ...service.spec.template.spec, timeoutSeconds: 7_000 } },
    };
    await assert.rejects(plane.client.create(serviceKind, { ...service, spec }), (error: Error) => {
      assert.match(error.message, /Traffic targets sum to 50, want 100: spec\.traffic/);
      assert.match(
        error.message,
        /expected 0 <= 7000 <= 600: spec\.template\.spec\.timeoutSeconds/,
      );
      return true;
    });
  });

  it('takes everything of a Service down with it', async () => {
    await plane.client.delete(serviceKind, { namespace: 'ns', name: 'hello' });
    const deadline = Date.now() + WAIT_MS;
    const kinds: ResourceKind[] = [
      configurationKind,
      routeKind,
      revisionKind,
      deploymentKind,
      podAutoscalerKind,
      ingressKind,
      coreServiceKind,
    ];
    const left = (): string[] =>
      kinds.flatMap((kind) =>
        plane
          .informer(kind)
          .list({ namespace: 'ns' })
          .map((object) => `${object.kind} ${object.metadata.name}`),
      );
    while (left().length > 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(left(), []);
  });
});
