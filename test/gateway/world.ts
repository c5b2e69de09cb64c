/** A gateway on real sockets with services that a test describes in one line each. */
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import type { StatMessage } from '../../runtime/apis/autoscaling/stat.ts';
import { podKind } from '../../runtime/apis/core/types.ts';
import type { Ingress } from '../../runtime/apis/networking/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import type { RevisionSpec } from '../../runtime/apis/serving/types.ts';
import { revisionKind, routeKind } from '../../runtime/apis/serving/types.ts';
import type { GatewayHandle, GatewayOptions } from '../../runtime/gateway/gateway.ts';
import { startGateway } from '../../runtime/gateway/gateway.ts';
import { FakeApi } from './fake-api.ts';

export const namespace = 'shop-dev';

export class World {
  readonly api = new FakeApi();
  /** All that the gateway told the autoscaler. */
  readonly stats: StatMessage[] = [];
  gateway!: GatewayHandle;
  private autoscaler: http.Server | undefined;
  private readonly servers: net.Server[] = [];
  private readonly sockets = new Set<net.Socket>();

  static async start(options: Partial<GatewayOptions> = {}): Promise<World> {
    const world = new World();
    const port = await world.startAutoscaler();
    world.gateway = await startGateway(world.api.context(), {
      identity: 'gateway-1',
      domain: 'localhost',
      external: { host: '127.0.0.1', port: 0 },
      internal: [{ host: '127.0.0.1', port: 0 }],
      autoscaler: { host: '127.0.0.1', port },
      ...options,
    });
    return world;
  }

  get port(): number {
    return this.gateway.externalPort;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.gateway.close();
    this.api.stop.abort();
    this.autoscaler?.closeAllConnections();
    for (const server of this.servers) server.close();
  }

  /** A service `<name>` with one revision `<name>-00001`; hosts as the Route controller makes them. */
  addService(
    name: string,
    options: { spec?: Partial<RevisionSpec>; annotations?: Record<string, string> } = {},
  ): void {
    const revision = `${name}-00001`;
    const { annotations = {}, spec } = options;
    this.api.put(revisionKind, {
      metadata: { name: revision, namespace, annotations },
      spec: { containers: [], containerConcurrency: 0, timeoutSeconds: 300, ...spec },
    });
    this.api.put(routeKind, {
      metadata: { name, namespace, annotations },
      spec: {},
      status: { traffic: [{ revisionName: revision, percent: 100, tag: 'blue' }] },
    });
    this.api.put(ingressKind, { metadata: { name, namespace }, spec: ingressSpec(name, revision) });
  }

  addPod(revision: string, port: number, name = `${revision}-a`): void {
    this.api.put(podKind, {
      metadata: {
        name,
        namespace,
        labels: { 'serving.knative.dev/revision': revision },
        annotations: { 'knit.dev/host-port': String(port) },
      },
      spec: { containers: [] },
      status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
    });
  }

  isIngressReady(name: string): boolean {
    const conditions = this.api.get(ingressKind, namespace, name)?.status?.conditions;
    return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  }

  removePod(name: string): void {
    this.api.remove(podKind, namespace, name);
  }

  /** Listens on a free port until the world ends. */
  async listen(server: net.Server): Promise<number> {
    this.servers.push(server);
    server.on('connection', (socket: net.Socket) => this.track(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  }

  /** A node:http upstream. */
  upstream(handler: http.RequestListener): Promise<number> {
    return this.listen(http.createServer({ keepAliveTimeout: 60_000 }, handler));
  }

  /** A raw client connection to the gateway. */
  async connect(port = this.port): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    this.track(socket);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  private track(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }

  private async startAutoscaler(): Promise<number> {
    this.autoscaler = http.createServer((request) => {
      let text = '';
      request.on('error', () => undefined);
      request.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.stats.push(JSON.parse(line) as StatMessage);
      });
    });
    return this.listen(this.autoscaler);
  }
}

/** Collects what comes back and waits for conditions on it. */
export class RawClient {
  text = '';
  isClosed = false;
  readonly socket: net.Socket;
  private wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
      this.wake?.();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.wake?.();
    });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves with all text so far once `test` holds. */
  async until(test: (text: string) => boolean): Promise<string> {
    while (!test(this.text)) {
      if (this.isClosed) throw new Error(`connection closed after: ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return this.text;
  }

  async untilClosed(): Promise<string> {
    while (!this.isClosed) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.text;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export function fetchText(
  port: number,
  options: http.RequestOptions & { body?: string | Buffer } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, agent: false, ...rest }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Waits for something to become true; the time limit is mocha's. */
export async function eventually(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const ingressSpec = (name: string, revision: string): Ingress['spec'] => {
  const splits = [
    {
      serviceName: revision,
      serviceNamespace: namespace,
      servicePort: 80,
      percent: 100,
      appendHeaders: {
        'Knative-Serving-Revision': revision,
        'Knative-Serving-Namespace': namespace,
      },
    },
  ];
  const local = `${name}.${namespace}`;
  return {
    rules: [
      {
        hosts: [local, `${local}.svc`, `${local}.svc.cluster.local`],
        visibility: 'ClusterLocal',
        http: { paths: [{ splits }] },
      },
      { hosts: [`${local}.localhost`], visibility: 'ExternalIP', http: { paths: [{ splits }] } },
    ],
  };
};
