/** A gateway with as many services as it is told, forked by ../gateway-routes.ts; reports and waits for its end. */
import net from 'node:net';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { startGateway } from '../../runtime/gateway/gateway.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { KubeTransport, WatchHandler } from '../../runtime/kube/transport.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export interface RoutesReport {
  readonly residentMib: number;
  readonly changeMs: readonly number[];
}

const CHANGES = 200;

const metadataOf = (index: number) => ({
  name: `service-${index}`,
  namespace: 'default',
  generation: 1,
  resourceVersion: '1',
  uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels: { 'serving.knative.dev/service': `service-${index}` },
});

function ingressOf(index: number, percent = 100): KubeObject {
  const { name } = metadataOf(index);
  const splits = [
    {
      serviceName: `${name}-00001`,
      serviceNamespace: 'default',
      servicePort: 80,
      percent,
      appendHeaders: {
        'Knative-Serving-Revision': `${name}-00001`,
        'Knative-Serving-Namespace': 'default',
      },
    },
  ];
  const local = `${name}.default`;
  const spec = {
    httpOption: 'Enabled',
    rules: [
      {
        hosts: [local, `${local}.svc`, `${local}.svc.cluster.local`],
        visibility: 'ClusterLocal',
        http: { paths: [{ splits }] },
      },
      { hosts: [`${local}.localhost`], visibility: 'ExternalIP', http: { paths: [{ splits }] } },
    ],
  };
  return { metadata: metadataOf(index), spec } as unknown as KubeObject;
}

const revisionOf = (index: number): unknown => ({
  metadata: { ...metadataOf(index), name: `service-${index}-00001` },
  spec: {
    containerConcurrency: 0,
    timeoutSeconds: 300,
    containers: [
      { name: 'user-container', image: 'knit.local/x', ports: [{ containerPort: 8080 }] },
    ],
  },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});

const routeOf = (index: number): unknown => ({
  metadata: metadataOf(index),
  spec: { traffic: [{ latestRevision: true, percent: 100 }] },
  status: { traffic: [{ revisionName: `service-${index}-00001`, percent: 100 }] },
});

const coreServiceOf = (index: number): unknown => ({
  metadata: metadataOf(index),
  spec: { type: 'ExternalName', externalName: 'knit-gateway.knative-serving.svc.cluster.local' },
});

const makers: Readonly<Record<string, (index: number) => unknown>> = {
  ingresses: ingressOf,
  revisions: revisionOf,
  routes: routeOf,
  services: coreServiceOf,
};

async function report(routes: number): Promise<RoutesReport> {
  let onIngress: WatchHandler | undefined;
  const transport: KubeTransport = {
    request: async ({ method, path, body }) => {
      if (method !== 'GET') return { status: 200, body: body as KubeObject };
      const make = makers[path.slice(path.lastIndexOf('/') + 1).replace(/\?.*$/, '')];
      // Parsed from one text, as what came over a socket is.
      const texts = Array.from({ length: make ? routes : 0 }, (_, index) =>
        JSON.stringify(make!(index)),
      );
      const items = JSON.parse(`[${texts.join(',')}]`) as unknown[];
      return { status: 200, body: { metadata: { resourceVersion: '1' }, items } };
    },
    watch: ({ path }, onEvent) => {
      if (path.endsWith('/ingresses')) onIngress = onEvent;
      return new Promise(() => undefined);
    },
    stream: () => Promise.reject(new Error('the benchmark has no streams')),
    close: async () => undefined,
  };
  const client = new KubeClient(transport);
  const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
  const { signal } = new AbortController();
  const informers = new InformerFactory(deps);
  const gateway = await startGateway(
    { ...deps, informers, signal },
    {
      identity: 'bench',
      domain: 'localhost',
      external: { host: '127.0.0.1', port: 0 },
      internal: [],
      autoscaler: { socketPath: '/nonexistent' },
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const residentMib = Math.round(process.memoryUsage().rss / 1024 / 1024);
  const changeMs: number[] = [];
  for (let change = 0; change < CHANGES; change++) {
    const index = Math.floor((change / CHANGES) * routes);
    const object = ingressOf(index, change % 2 === 0 ? 0 : 100);
    object.metadata.generation = 2;
    object.metadata.resourceVersion = String(change + 2);
    const startMs = performance.now();
    onIngress!({ type: 'MODIFIED', object });
    changeMs.push(performance.now() - startMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await answers(gateway.externalPort);
  return { residentMib, changeMs };
}

/** The last service's host is known: what was measured is a gateway that serves. */
async function answers(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET /_knit/x HTTP/1.1\r\nHost: service-0.default.localhost\r\n\r\n');
  const [bytes] = await new Promise<[Buffer]>((resolve, reject) => {
    socket.once('data', (data) => resolve([data]));
    socket.once('error', reject);
  });
  socket.destroy();
  if (!bytes.toString().includes('path-not-found')) throw new Error(bytes.toString());
}

const [routes] = process.argv.slice(2);
if (process.send && routes !== undefined) {
  process.send(await report(Number(routes)));
  process.on('disconnect', () => process.exit(0));
}
