/**
 * One address and port of a Service: accepts connections and joins each with an endpoint's. Bytes
 * only; whoever half-closes is half-closed on the other side.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../std/clock.ts';
import type { Endpoint, ServiceTarget } from './service-targets.ts';

/** Of one port of one Service at once; more are refused by not being accepted. */
const CONNECTIONS_MAX = 4_096;
/** An endpoint on this machine answers at once or not at all. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Endpoints tried for one connection. */
const ATTEMPTS_MAX = 3;
/** Clients whose endpoint is remembered; beyond that the oldest are forgotten. */
const AFFINITIES_MAX = 10_000;

interface Affinity {
  readonly endpoint: Endpoint;
  readonly untilMs: number;
}

export class ServiceListener {
  private readonly clock: Clock;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly affinities = new Map<string, Affinity>();
  private target: ServiceTarget;
  private next = 0;
  private closed: Promise<void> | undefined;

  constructor(target: ServiceTarget, clock: Clock) {
    this.target = target;
    this.clock = clock;
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.accept(socket),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** @throws {Error} when the address cannot be bound. */
  listen(): Promise<void> {
    const { host, port } = this.target;
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        // A later failure to accept concerns one connection.
        this.server.on('error', () => {});
        resolve();
      });
    });
  }

  /** New connections go to these endpoints; those that are open stay. */
  update(target: ServiceTarget): void {
    this.target = target;
  }

  /** Refuses new connections at once; resolves when the last open one has ended by itself. */
  finish(): Promise<void> {
    return (this.closed ??= new Promise((resolve) => {
      this.server.close(() => resolve());
    }));
  }

  /** As `finish`, and ends what is open. */
  close(): Promise<void> {
    const closed = this.finish();
    for (const socket of this.sockets) socket.destroy();
    return closed;
  }

  private accept(client: Socket): void {
    this.keep(client);
    client.on('error', () => client.destroy());
    this.join(client, new Set());
  }

  /** Tries endpoints until one answers; nothing was read from the client yet, so nothing is lost. */
  private join(client: Socket, tried: Set<Endpoint>): void {
    const endpoint = this.choose(client.remoteAddress ?? '', tried);
    if (!endpoint || client.destroyed) {
      client.resetAndDestroy();
      return;
    }
    tried.add(endpoint);
    const upstream = connect({ ...endpoint, allowHalfOpen: true });
    this.keep(upstream);
    const cancel = this.clock.after(CONNECT_TIMEOUT_MS, () => upstream.destroy());
    let isJoined = false;
    const abandon = (): void => void upstream.destroy();
    client.once('close', abandon);
    upstream.on('error', () => upstream.destroy());
    upstream.once('connect', () => {
      cancel();
      isJoined = true;
      client.setNoDelay(true);
      upstream.setNoDelay(true);
      // `pipe` passes on the end of each direction by itself.
      client.pipe(upstream);
      upstream.pipe(client);
      client.resume();
    });
    upstream.once('close', (hadError) => {
      cancel();
      client.off('close', abandon);
      if (isJoined) {
        if (hadError) client.resetAndDestroy();
        else client.destroySoon();
      } else if (!client.destroyed) this.join(client, tried);
    });
  }

  private choose(clientAddress: string, tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { endpoints, affinityMs } = this.target;
    if (tried.size >= ATTEMPTS_MAX) return undefined;
    const nowMs = this.clock.now();
    const same = affinityMs === undefined ? undefined : this.affinities.get(clientAddress);
    const kept =
      same &&
      same.untilMs > nowMs &&
      endpoints.find(
        ({ host, port }) => host === same.endpoint.host && port === same.endpoint.port,
      );
    const chosen = kept && !tried.has(kept) ? kept : this.chooseNext(tried);
    if (chosen && affinityMs !== undefined) {
      this.affinities.delete(clientAddress);
      this.affinities.set(clientAddress, { endpoint: chosen, untilMs: nowMs + affinityMs });
      const [oldest] = this.affinities.keys();
      if (this.affinities.size > AFFINITIES_MAX && oldest !== undefined)
        this.affinities.delete(oldest);
    }
    return chosen;
  }

  private chooseNext(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { endpoints } = this.target;
    for (let step = 0; step < endpoints.length; step++) {
      const endpoint = endpoints[this.next++ % endpoints.length];
      if (endpoint && !tried.has(endpoint)) return endpoint;
    }
    return undefined;
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
  }
}
