/**
 * One address and TCP port of a Service: accepts connections and joins each with an endpoint's. Bytes
 * only; whoever half-closes is half-closed on the other side.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../std/clock.ts';
import { EndpointChoice } from './endpoint-choice.ts';
import type { Endpoint, ServiceTarget } from './service-targets.ts';

/** Of one port of one Service at once; more are refused by not being accepted. */
const CONNECTIONS_MAX = 4_096;
/** An endpoint on this machine answers at once or not at all. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Endpoints tried for one connection. */
const ATTEMPTS_MAX = 3;
export class ServiceListener {
  private readonly clock: Clock;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly choice: EndpointChoice;
  private target: ServiceTarget;
  private closed: Promise<void> | undefined;

  constructor(target: ServiceTarget, clock: Clock) {
    this.target = target;
    this.clock = clock;
    this.choice = new EndpointChoice(clock);
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
    const endpoint =
      tried.size < ATTEMPTS_MAX
        ? this.choice.choose(this.target, client.remoteAddress ?? '', tried)
        : undefined;
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

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
  }
}
