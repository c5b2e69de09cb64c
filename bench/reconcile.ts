/**
 * How long the control plane takes to bring many Services to Ready, and what one change costs among
 * many: the real API server on disk, Serving and the autoscaler in one process, as `knit up` has
 * them; pods and the gateway are played by two watchers that answer at once.
 */
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deploymentKind } from '../runtime/apis/apps/types.ts';
import { namespaceKind } from '../runtime/apis/core/types.ts';
import { isObjectReady } from '../runtime/apis/meta/condition.ts';
import type { KubeObject, ResourceKind } from '../runtime/apis/meta/object.ts';
import { ingressKind } from '../runtime/apis/networking/types.ts';
import type { Service } from '../runtime/apis/serving/types.ts';
import { serviceKind } from '../runtime/apis/serving/types.ts';
import type { ApiServer } from '../runtime/apiserver/start-api-server.ts';
import { startApiServer } from '../runtime/apiserver/start-api-server.ts';
import { startAutoscaler } from '../runtime/autoscaler/start-autoscaler.ts';
import { allDefinitions } from '../runtime/cli/all-definitions.ts';
import { KubeClient } from '../runtime/kube/client.ts';
import { InformerFactory } from '../runtime/kube/informer.ts';
import { startServing } from '../runtime/serving/start-serving.ts';
import { systemClock } from '../runtime/std/clock.ts';
import { silentLogger } from '../runtime/std/logger.ts';
import { seededRandom } from '../runtime/std/random.ts';
import { percentile } from './support/figure.ts';
import type { Figure } from './support/figure.ts';

const SERVICES_AT_ONCE = 1_000;
const SECONDS_GOAL = 30;
/** Sizes of the world between which the cost of one change must not grow. */
const FEW = 100;
const MANY = 10_000;
const CHANGES = 40;
/** Twice the cost in a world a hundred times as large would be a slope; noise is below it. */
const SLOPE_MAX = 2;
/** Creates under way at once, as several clients would have. */
const BATCH = 50;
/** After this something hangs. */
const WAIT_MS = 600_000;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const plane = await Plane.start();
  try {
    await plane.grow(FEW);
    const few = await plane.measureChanges();
    const startedMs = performance.now();
    await plane.grow(FEW + SERVICES_AT_ONCE);
    const seconds = (performance.now() - startedMs) / 1_000;
    await plane.grow(MANY);
    const many = await plane.measureChanges();
    return [
      {
        figure: `${SERVICES_AT_ONCE} Services created at once, until all are Ready`,
        value: seconds,
        unit: 's',
        goal: `< ${SECONDS_GOAL} s`,
        met: seconds < SECONDS_GOAL,
        runs: 1,
      },
      {
        figure: `one Service changed among ${MANY}, until it is Ready again, median`,
        value: many,
        unit: 'ms',
        comparison: { name: `among ${FEW}`, value: few },
        ratio: many / few,
        goal: `ratio < ${SLOPE_MAX}`,
        met: many / few < SLOPE_MAX,
        runs: CHANGES,
      },
    ];
  } finally {
    await plane.close();
  }
}

const nameOf = (index: number): string => `service-${String(index).padStart(5, '0')}`;

class Plane {
  private readonly stop = new AbortController();
  private readonly waiting = new Map<string, (service: Service) => boolean>();
  private readonly closers: (() => Promise<unknown>)[] = [];
  private readonly client: KubeClient;
  private size = 0;
  private onArrival: () => void = () => undefined;

  private constructor(api: ApiServer) {
    // Every informer and controller listens to it.
    setMaxListeners(0, this.stop.signal);
    this.client = new KubeClient(api.transport);
  }

  static async start(): Promise<Plane> {
    const dataDir = await mkdtemp(join(tmpdir(), 'knit-bench-reconcile-'));
    const api = await startApiServer({
      dataDir,
      definitions: allDefinitions,
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    const plane = new Plane(api);
    await plane.connect();
    plane.closers.push(
      () => api.close(),
      () => rm(dataDir, { recursive: true, force: true }),
    );
    return plane;
  }

  /** Creates Services until there are `size`, and waits until all are Ready. */
  async grow(size: number): Promise<void> {
    const names = Array.from({ length: size - this.size }, (_, index) => nameOf(this.size + index));
    this.size = size;
    const arrived = this.arrivalOf(names, isObjectReady);
    for (let at = 0; at < names.length; at += BATCH)
      await Promise.all(
        names
          .slice(at, at + BATCH)
          .map((name) => this.client.create(serviceKind, makeService(name))),
      );
    await arrived;
  }

  /** Median ms from a change of the image to Ready with it, one change after the other. */
  async measureChanges(): Promise<number> {
    const samples: number[] = [];
    for (let index = 0; index < CHANGES; index += 1) {
      const name = nameOf(Math.floor((index * this.size) / CHANGES));
      const stored = await this.client.get(serviceKind, { namespace: 'default', name });
      if (!stored) throw new Error(`Service ${name} is gone`);
      const service = structuredClone(stored);
      const [container] = service.spec.template.spec.containers;
      if (container) container.image = `knit.local/hello:${this.size}-${index}`;
      const generation = (service.metadata.generation ?? 0) + 1;
      const arrived = this.arrivalOf(
        [name],
        (object) => (object.metadata.generation ?? 0) >= generation && isObjectReady(object),
      );
      const startedMs = performance.now();
      await this.client.update(serviceKind, service);
      await arrived;
      samples.push(performance.now() - startedMs);
    }
    return percentile(samples, 0.5);
  }

  async close(): Promise<void> {
    this.stop.abort();
    for (const close of this.closers) await close();
  }

  private async connect(): Promise<void> {
    const { client } = this;
    const { signal } = this.stop;
    const [clock, random, logger] = [systemClock, seededRandom(2), silentLogger];
    const informers = new InformerFactory({ client, clock, random, logger });
    const context = { client, informers, clock, random, logger, signal };
    const serving = await startServing(context, {
      domain: 'localhost',
      gatewayServiceHost: 'knit-gateway.knative-serving.svc.cluster.local',
    });
    const autoscaler = await startAutoscaler(context, { statPort: 0 });
    this.closers.push(
      () => serving.close(),
      () => autoscaler.close(),
    );
    informers.informer(serviceKind).onChange(({ object }) => {
      if (this.waiting.get(object.metadata.name)?.(object) !== true) return;
      this.waiting.delete(object.metadata.name);
      if (this.waiting.size === 0) this.onArrival();
    });
    informers.informer(deploymentKind).onChange(({ object: { metadata, spec, status } }) => {
      const replicas = spec.replicas ?? 1;
      if (status?.readyReplicas === replicas) return;
      const next = { replicas, readyReplicas: replicas, availableReplicas: replicas };
      this.writeStatus(deploymentKind, metadata, next);
    });
    informers.informer(ingressKind).onChange(({ object: { metadata, status } }) => {
      const { generation } = metadata;
      if (status?.observedGeneration === generation) return;
      const conditions = ['LoadBalancerReady', 'NetworkConfigured', 'Ready'].map((type) => ({
        type,
        status: 'True',
      }));
      this.writeStatus(ingressKind, metadata, { observedGeneration: generation, conditions });
    });
    informers.start(signal);
    await informers.waitForSync(signal);
    const metadata = { name: 'default' };
    await client
      .create(namespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata })
      // Some API servers bring it with them.
      .catch(() => undefined);
  }

  private writeStatus(kind: ResourceKind, metadata: KubeObject['metadata'], status: unknown): void {
    const { namespace, name } = metadata;
    this.client
      .patch(kind, { namespace, name }, { type: 'merge', subresource: 'status', body: { status } })
      // A newer one is on its way.
      .catch(() => undefined);
  }

  /** Resolves when all of them hold. */
  private arrivalOf(names: readonly string[], holds: (service: Service) => boolean): Promise<void> {
    for (const name of names) this.waiting.set(name, holds);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const [first] = this.waiting.keys();
        reject(new Error(`${this.waiting.size} Services did not become Ready, e.g. ${first}`));
      }, WAIT_MS);
      this.onArrival = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const makeService = (name: string): Service => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { template: { spec: { containers: [{ name: '', image: 'knit.local/hello:1' }] } } },
});
