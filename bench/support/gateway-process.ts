/**
 * A process of the gateway benchmark, forked by ../gateway.ts: an upstream on raw sockets, the gateway
 * in front of it, or the proxy that the obvious code makes of node:http. Sends its port to the parent.
 */
import http from 'node:http';
import net from 'node:net';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { startGateway } from '../../runtime/gateway/gateway.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import type { KubeTransport } from '../../runtime/kube/transport.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

/** Host that the gateway's only service has. */
export const benchHost = 'bench.default.localhost';

const body = 'x'.repeat(128);
const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Answers every request head with 128 bytes; requests have no body. */
function startUpstream(): Promise<number> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    let rest = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      const heads = (rest + bytes.toString('latin1')).split('\r\n\r\n');
      rest = heads.pop() ?? '';
      if (heads.length > 0) socket.write(answer.repeat(heads.length), 'latin1');
    });
  });
  return listen(server);
}

function startPlainProxy(upstreamPort: number): Promise<number> {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const options = { host: '127.0.0.1', port: upstreamPort, agent, method, path: url, headers };
    const upstream = http.request(options, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  });
  return listen(server);
}

async function startBenchGateway(upstreamPort: number): Promise<number> {
  const client = new KubeClient(fixedTransport(objectsFor(upstreamPort)));
  const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
  const { signal } = new AbortController();
  const informers = new InformerFactory(deps);
  informers.start(signal);
  const gateway = await startGateway(
    { ...deps, informers, signal },
    {
      identity: 'bench',
      domain: 'localhost',
      external: { host: '127.0.0.1', port: 0 },
      internal: [],
      // Nobody listens there: reports are made and dropped, which is what they cost the data path.
      autoscaler: { socketPath: '/nonexistent' },
    },
  );
  return gateway.externalPort;
}

function objectsFor(upstreamPort: number): Record<string, unknown[]> {
  const metadata = { name: 'bench', namespace: 'default', generation: 1, resourceVersion: '1' };
  const splits = [
    { serviceName: 'bench', serviceNamespace: 'default', servicePort: 80, percent: 100 },
  ];
  return {
    ingresses: [
      {
        metadata,
        spec: {
          rules: [{ hosts: [benchHost], visibility: 'ExternalIP', http: { paths: [{ splits }] } }],
        },
      },
    ],
    revisions: [{ metadata, spec: { containers: [], containerConcurrency: 0 } }],
    pods: [
      {
        metadata: {
          ...metadata,
          labels: { 'serving.knative.dev/revision': 'bench' },
          annotations: { 'knit.dev/host-port': String(upstreamPort) },
        },
        spec: { containers: [] },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      },
    ],
  };
}

/** Lists that never change, for informers that never hear more. */
function fixedTransport(objects: Record<string, unknown[]>): KubeTransport {
  return {
    request: async ({ method, path, body: sent }) => {
      if (method !== 'GET') return { status: 200, body: sent as KubeObject };
      const items = objects[path.slice(path.lastIndexOf('/') + 1)] ?? [];
      return { status: 200, body: { metadata: { resourceVersion: '1' }, items } };
    },
    watch: () => new Promise(() => undefined),
    stream: () => Promise.reject(new Error('the benchmark has no streams')),
    close: async () => undefined,
  };
}

function listen(server: net.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
}

const [role, upstreamPort] = process.argv.slice(2);
if (process.send && role !== undefined) {
  const port = Number(upstreamPort);
  const started =
    role === 'upstream'
      ? startUpstream()
      : role === 'gateway'
        ? startBenchGateway(port)
        : startPlainProxy(port);
  process.send({ port: await started });
  // The parent closes the channel when it is done, or by dying.
  process.on('disconnect', () => process.exit(0));
}
