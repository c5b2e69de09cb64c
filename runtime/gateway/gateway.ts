/**
 * The gateway: listeners, timers and connections around the routing table, the throttlers and the
 * autoscaler's stream. One hop between client and pod; it does what ingress, activator and
 * queue-proxy do in Knative.
 */

import net from 'node:net';
import tls from 'node:tls';
import type { Secret } from '../apis/core/types.ts';
import { configMapKind, secretKind } from '../apis/core/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import type { Informer } from '../kube/informer.ts';
import { AsyncInvocations } from './async-invocations.ts';
import { Certificates } from './certificates.ts';
import { ClientConnection } from './client-connection.ts';
import type { ListenerTraits } from './client-connection.ts';
import { Http2Client } from './http2-client.ts';
import type { Exchange } from './exchange.ts';
import type { RequestHead } from './http/head.ts';
import { PodIndex } from './pod-index.ts';
import { RequestHandler } from './request-handler.ts';
import type { RequestLog } from './request-log.ts';
import { requestLogOf } from './request-log.ts';
import { metricsText, RequestMetrics } from './request-metrics.ts';
import { makeRequestIds } from './request-ids.ts';
import type { RequestClient } from './request-sink.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import { ServiceIndex } from './service-index.ts';
import { StatCollector } from './stat-collector.ts';
import type { AutoscalerAddress } from './stat-stream.ts';
import { StatStream } from './stat-stream.ts';
import { DOMAIN_INTERNAL_DEFAULT, TableFeed } from './table-feed.ts';
import { Throttler } from './throttler.ts';
import { TrafficMap } from './traffic-map.ts';

/** Request bodies; large uploads are streamed, so this bounds time and disk behind us, not memory. */
const BODY_BYTES_MAX_DEFAULT = 512 * 1024 * 1024;
/** Client connections per listener; each costs a few KiB. */
const CONNECTIONS_MAX = 20_000;
/** Requests in flight have this long to end when the gateway closes. */
const CLOSE_GRACE_MS = 10_000;
/** Deadlines are seconds long; looking at them ten times a second is exact enough and costs no timer per request. */
const DEADLINE_SWEEP_MS = 100;
const CONNECTION_SWEEP_MS = 1_000;
const REPORT_MS = 1_000;
/** From a connection's start to the end of its TLS handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Where Knative's ConfigMaps are. */
const SYSTEM_NAMESPACE = 'knative-serving';
const OBSERVABILITY_CONFIG = 'config-observability';
/** How long start waits for the first lists; after that it serves 503 until they come. */
const SYNC_WAIT_MS = 10_000;

export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

export interface GatewayOptions {
  /** Stable name of this worker in what it tells the autoscaler. */
  readonly identity: string;
  readonly external: ListenAddress;
  /** TLS for clients outside, by certificates of the Secrets that Ingresses name. Absent: none. */
  readonly externalTls?: ListenAddress | undefined;
  readonly internal: readonly ListenAddress[];
  readonly autoscaler: AutoscalerAddress;
  /** Where requests for the broker's host go that come in on internal listeners. */
  readonly brokerIngress?: ListenAddress | undefined;
  /** Where host ports of the process driver are. @default 127.0.0.1 */
  readonly upstreamHost?: string | undefined;
  /** Domain of the services' external hosts; routing goes by the Ingresses, so this only helps whoever asks for an unknown host. */
  readonly domain: string;
  /** Name that the Services of Routes point to. @default DOMAIN_INTERNAL_DEFAULT */
  readonly domainInternal?: string | undefined;
  /** Takes the lines of request logs, where config-observability asks for them. Absent: none. */
  readonly writeRequestLog?: ((line: string) => void) | undefined;
  /** Bytes of a request body before 413. @default 512 MiB */
  readonly bodyBytesMax?: number | undefined;
}

export interface GatewayHandle {
  readonly externalPort: number;
  /** 0 without TLS. */
  readonly externalTlsPort: number;
  readonly internalPorts: readonly number[];
  /** Opens one more internal listener, e.g. on a bridge that came up later; resolves with its port. */
  addInternalListener(address: ListenAddress): Promise<number>;
  /** Stops accepting, lets requests in flight end for up to 10 s, then drops them. */
  close(): Promise<void>;
}

/** Starts serving; resolves when the listeners are open and the first table is in use. Starts the context's informers. */
export async function startGateway(
  context: ControllerContext,
  options: GatewayOptions,
): Promise<GatewayHandle> {
  const gateway = new Gateway(context, options);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return gateway;
}

class Gateway implements GatewayHandle {
  externalPort = 0;
  externalTlsPort = 0;
  internalPorts: number[] = [];
  private readonly context: ControllerContext;
  private readonly options: GatewayOptions;
  private readonly handler: RequestHandler;
  private readonly traffic: TrafficMap;
  private readonly feed: TableFeed;
  private readonly stats: StatCollector;
  private readonly stream: StatStream;
  private readonly invocations: AsyncInvocations;
  private readonly broker: RevisionTraffic | undefined;
  private readonly servers: net.Server[] = [];
  private readonly connections = new Set<ClientConnection | Http2Client>();
  private readonly cancelTimers: (() => void)[] = [];
  private closing: Promise<void> | undefined;
  private requestLog: RequestLog | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(context: ControllerContext, options: GatewayOptions) {
    this.context = context;
    this.options = options;
    const { clock, random } = context;
    const logger = context.logger.child({ room: 'gateway' });
    const pods = new PodIndex(options.upstreamHost ?? '127.0.0.1');
    const services = new ServiceIndex();
    this.stats = new StatCollector(options.identity);
    this.traffic = new TrafficMap({
      clock,
      random,
      readyPods: ({ isRevision, key }) => (isRevision ? pods : services).readyPods(key),
      onStarved: (traffic) => this.poke(traffic),
    });
    this.stream = new StatStream({
      address: options.autoscaler,
      clock,
      logger,
      onConnected: () => this.stats.waiting(this.traffic.values(), clock.now()),
    });
    this.invocations = new AsyncInvocations({
      clock,
      logger,
      address: () => ({ host: dialable(options.external.host), port: this.externalPort }),
    });
    this.broker = options.brokerIngress && this.brokerTraffic(options.brokerIngress);
    this.feed = new TableFeed(context, {
      pods,
      services,
      onDestination: (destination) => this.traffic.destinationChanged(destination),
      onPods: (key) => this.traffic.podsChanged(key),
      domainInternal: options.domainInternal ?? DOMAIN_INTERNAL_DEFAULT,
    });
    this.handler = new RequestHandler(this.feed.table, {
      clock,
      random,
      requestId: makeRequestIds(),
      traffic: this.traffic,
      broker: this.broker,
      invocations: this.invocations,
      domain: options.domain,
      onDone: (exchange, nowMs) => this.requestDone(exchange, nowMs),
      metrics: () => metricsText(this.traffic.values()),
      domainInternal: options.domainInternal ?? DOMAIN_INTERNAL_DEFAULT,
    });
  }

  async start(): Promise<void> {
    const { external, internal } = this.options;
    const { clock, informers, signal } = this.context;
    this.feed.start();
    if (this.options.writeRequestLog) this.followRequestLog();
    const secrets = this.options.externalTls && informers.informer(secretKind);
    informers.start(signal);
    await this.waitForSync();
    this.feed.table.isLoaded = this.feed.isSynced;
    this.externalPort = await this.listen(external, true);
    for (const address of internal) await this.addInternalListener(address);
    if (secrets) await this.listenTls(secrets);
    this.cancelTimers.push(
      clock.every(DEADLINE_SWEEP_MS, () => this.handler.checkDeadlines(clock.now())),
      clock.every(CONNECTION_SWEEP_MS, () => this.sweep()),
      clock.every(REPORT_MS, () => this.report()),
    );
  }

  async addInternalListener(address: ListenAddress): Promise<number> {
    const port = await this.listen(address, false);
    this.internalPorts = [...this.internalPorts, port];
    return port;
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async waitForSync(): Promise<void> {
    const { informers, clock, signal } = this.context;
    if (this.feed.isSynced) return;
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.after(SYNC_WAIT_MS, resolve);
      informers.waitForSync(signal).then(resolve, reject).finally(cancel);
    });
  }

  private listen(address: ListenAddress, isExternal: boolean): Promise<number> {
    const server = net.createServer({ noDelay: true, keepAlive: true }, (socket) =>
      this.accept(socket, { scheme: 'http', isExternal }),
    );
    return this.open(server, address);
  }

  private async listenTls(secrets: Informer<Secret>): Promise<void> {
    const { logger } = this.context;
    const certificates = new Certificates({ table: this.feed.table, secrets, logger });
    const server = tls.createServer(
      {
        noDelay: true,
        keepAlive: true,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        minVersion: 'TLSv1.2',
        SNICallback: (name, done) => {
          const context = certificates.contextFor(name);
          if (context) done(null, context);
          else done(new Error(`no certificate for ${name}`));
        },
      },
      (socket) => {
        const traits: ListenerTraits = { scheme: 'https', isExternal: true };
        if (socket.alpnProtocol === 'h2') this.acceptHttp2(socket, traits, noBytes);
        else this.accept(socket, traits);
      },
    );
    // A handshake that fails concerns the client alone, and hears of it.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.externalTlsPort = await this.open(server, this.options.externalTls!);
    this.handler.httpsPort = this.externalTlsPort;
  }

  private open(server: net.Server, address: ListenAddress): Promise<number> {
    server.maxConnections = CONNECTIONS_MAX;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off('error', reject);
        server.on('error', (error) =>
          this.context.logger.error('listener failed', {
            host: address.host,
            error: error.message,
          }),
        );
        this.servers.push(server);
        resolve((server.address() as net.AddressInfo).port);
      });
    });
  }

  private accept(socket: net.Socket, traits: ListenerTraits): void {
    const connection = new ClientConnection({
      ...this.clientOptions(socket, traits),
      onHttp2: (taken, received) => this.acceptHttp2(taken, traits, received),
      onClosed: (closed) => this.connections.delete(closed),
    });
    this.connections.add(connection);
  }

  private acceptHttp2(socket: net.Socket, traits: ListenerTraits, received: Buffer): void {
    const client = new Http2Client({
      ...this.clientOptions(socket, traits),
      received,
      onClosed: (closed) => this.connections.delete(closed),
    });
    this.connections.add(client);
  }

  private clientOptions(socket: net.Socket, traits: ListenerTraits) {
    const { handler } = this;
    return {
      socket,
      traits,
      clock: this.context.clock,
      bodyBytesMax: this.options.bodyBytesMax ?? BODY_BYTES_MAX_DEFAULT,
      handle: (head: RequestHead, client: RequestClient) => handler.handle(head, client),
      answerTo: handler.answerTo.bind(handler),
    };
  }

  private brokerTraffic({ host, port }: ListenAddress): RevisionTraffic {
    const { clock, random } = this.context;
    const throttler = new Throttler({
      containerConcurrency: 0,
      clock,
      random,
      onStarved: () => undefined,
    });
    throttler.setPods([{ name: 'broker-ingress', address: { host: dialable(host), port } }]);
    const name = 'broker-ingress';
    return {
      key: name,
      namespace: '',
      name,
      throttler,
      meter: undefined,
      metrics: new RequestMetrics(),
      labels: { service: name, configuration: '' },
    };
  }

  private requestDone(exchange: Exchange, nowMs: number): void {
    const { traffic } = exchange.options;
    traffic.metrics.record(exchange, nowMs);
    if (this.requestLog && traffic !== this.broker)
      this.options.writeRequestLog?.(this.requestLog(exchange, nowMs));
  }

  private followRequestLog(): void {
    const { informers, logger } = this.context;
    const maps = informers.informer(configMapKind, { namespace: SYSTEM_NAMESPACE });
    this.unsubscribe = maps.onChange(({ type, object }) => {
      if (object.metadata.name !== OBSERVABILITY_CONFIG) return;
      try {
        this.requestLog = requestLogOf(type === 'deleted' ? undefined : object.data);
      } catch (error) {
        // The one before stays in force.
        logger.error('request log is not configured', { error: String(error) });
      }
    });
  }

  private poke(traffic: RevisionTraffic): void {
    this.stream.hurry();
    // While disconnected nothing is kept: the first message of the next connection says what waits.
    if (!this.stream.isConnected) return;
    const message = this.stats.poke(traffic, this.context.clock.now());
    if (message) this.stream.send(message);
  }

  private report(): void {
    const message = this.stats.collect(this.traffic.values(), this.context.clock.now());
    if (message) this.stream.send(message);
  }

  private sweep(): void {
    const nowMs = this.context.clock.now();
    for (const connection of this.connections) connection.checkDeadlines(nowMs);
    this.traffic.sweep(this.feed.table, nowMs);
    this.broker?.throttler.closeStale(nowMs);
    this.feed.table.isLoaded ||= this.feed.isSynced;
  }

  private async shutDown(): Promise<void> {
    const closed = this.servers.map(
      (server) => new Promise<void>((resolve) => void server.close(() => resolve())),
    );
    for (const connection of this.connections) connection.drain();
    const cancel = this.context.clock.after(CLOSE_GRACE_MS, () => {
      for (const connection of this.connections) connection.destroy();
    });
    await Promise.all(closed);
    cancel();
    for (const cancelTimer of this.cancelTimers) cancelTimer();
    this.unsubscribe?.();
    this.invocations.close();
    this.stream.close();
    this.traffic.close();
    this.broker?.throttler.close();
    await this.feed.close();
  }
}

const noBytes: Buffer = Buffer.alloc(0);

/** A wildcard address can be listened on but not dialled everywhere. */
const dialable = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
