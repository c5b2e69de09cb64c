/** A broker under test: real HTTP in and out, real files, and objects set by hand instead of an API server. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Broker, DeliverySpec, Trigger } from '../../runtime/apis/eventing/types.ts';
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import type { ObjectCache, ObjectChange } from '../../runtime/broker/broker-context.ts';
import type { BrokerHandle, BrokerOptions } from '../../runtime/broker/start-broker.ts';
import { startBroker } from '../../runtime/broker/start-broker.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export class FakeCache<T extends KubeObject> implements ObjectCache<T> {
  hasSynced = true;
  objects: T[] = [];
  private readonly handlers = new Set<(change: ObjectChange<T>) => void>();
  list(): readonly T[] {
    return this.objects;
  }
  onChange(handler: (change: ObjectChange<T>) => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }
  set(...objects: T[]): void {
    this.objects = objects;
    for (const handler of this.handlers)
      for (const object of objects) handler({ type: 'updated', object });
  }
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A subscriber: remembers every request and answers as it is told. */
export class Subscriber {
  readonly received: Received[] = [];
  respond: (request: Received, response: ServerResponse) => void = (_request, response) =>
    void response.writeHead(204).end();
  private readonly server: Server;
  private waiting: { count: number; resolve: () => void }[] = [];

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const received = { path: request.url ?? '', headers: request.headers, body };
        this.received.push(received);
        this.respond(received, response);
        this.waiting = this.waiting.filter(({ count, resolve }) => {
          if (this.received.length < count) return true;
          resolve();
          return false;
        });
      });
    });
  }
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  url(pathname = '/'): string {
    return `http://127.0.0.1:${this.port}${pathname}`;
  }
  /** Resolves when that many requests have come in all. */
  async count(count: number): Promise<void> {
    if (this.received.length >= count) return;
    await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
  }
  ids(): string[] {
    return this.received.map(({ headers }) => String(headers['ce-id'])).sort();
  }
  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export class BrokerHarness {
  readonly brokers = new FakeCache<Broker>();
  readonly triggers = new FakeCache<Trigger>();
  dataDir = '';
  handle: BrokerHandle | undefined;
  private stopping = new AbortController();

  async start(options: Partial<BrokerOptions> = {}): Promise<void> {
    if (this.dataDir === '') this.dataDir = await mkdtemp(path.join(tmpdir(), 'knit-broker-'));
    this.stopping = new AbortController();
    const caches: Record<string, unknown> = { Broker: this.brokers, Trigger: this.triggers };
    this.handle = await startBroker(
      {
        informers: {
          informer: <T extends KubeObject>(kind: ResourceKind<T>) =>
            caches[kind.kind] as ObjectCache<T>,
        },
        clock: systemClock,
        logger: silentLogger,
        signal: this.stopping.signal,
      },
      { dataDir: this.dataDir, listen: { host: '127.0.0.1', port: 0 }, ...options },
    );
    await this.handle.settled();
  }

  /** Sets the objects and waits until the broker has taken them in. */
  async set(broker: Broker, ...triggers: Trigger[]): Promise<void> {
    this.brokers.set(broker);
    this.triggers.set(...triggers);
    await this.handle?.settled();
  }

  url(pathname: string): string {
    return `http://127.0.0.1:${this.handle?.port ?? 0}${pathname}`;
  }

  async send(id: string, extra: Record<string, string> = {}, body = '{}'): Promise<Response> {
    return fetch(this.url('/shop/default'), {
      method: 'POST',
      headers: {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-source': '/test',
        'ce-type': 'test.event',
        'content-type': 'application/json',
        ...extra,
      },
      body,
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.handle?.close();
    this.handle = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
    this.dataDir = '';
  }
}

export function makeBroker(
  options: { delivery?: DeliverySpec; uid?: string; deadLetterSinkUri?: string } = {},
): Broker {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Broker',
    metadata: { namespace: 'shop', name: 'default', uid: options.uid ?? 'b-1', generation: 1 },
    spec: options.delivery ? { delivery: options.delivery } : {},
    status: {
      address: { url: 'http://broker-ingress.knative-eventing.svc.cluster.local/shop/default' },
      ...(options.deadLetterSinkUri === undefined
        ? {}
        : { deadLetterSinkUri: options.deadLetterSinkUri }),
    },
  };
}

export function makeTrigger(
  name: string,
  subscriberUri: string | undefined,
  options: { spec?: Partial<Trigger['spec']>; deadLetterSinkUri?: string } = {},
): Trigger {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { namespace: 'shop', name, uid: `t-${name}`, generation: 1 },
    spec: { broker: 'default', subscriber: { uri: subscriberUri ?? '' }, ...options.spec },
    status: {
      ...(subscriberUri === undefined ? {} : { subscriberUri }),
      ...(options.deadLetterSinkUri === undefined
        ? {}
        : { deadLetterSinkUri: options.deadLetterSinkUri }),
    },
  };
}
