/**
 * One address and UDP port of a Service: passes datagrams on to an endpoint, and its answers back. A
 * client keeps its endpoint while it goes on sending, since its datagrams may belong together.
 */
import { createSocket, type Socket } from 'node:dgram';

import type { CancelTimer, Clock } from '../../std/clock.ts';
import { EndpointChoice } from './endpoint-choice.ts';
import type { Endpoint, ServiceTarget } from './service-targets.ts';

/** As the kernel's connection tracking forgets a client that got an answer, and as kube-proxy had it. */
const IDLE_MS = 120_000;
/** Each holds one socket; beyond that the one that was silent the longest goes. */
const CLIENTS_MAX = 1_024;

interface Client {
  readonly endpoint: Endpoint;
  readonly socket: Socket;
  cancelIdle: CancelTimer;
}

export class ServiceDatagrams {
  private readonly clock: Clock;
  private readonly choice: EndpointChoice;
  private readonly socket = createSocket('udp4');
  /** By address and port; the one that sent last is the last. */
  private readonly clients = new Map<string, Client>();
  private target: ServiceTarget;
  private closed: Promise<void> | undefined;

  constructor(target: ServiceTarget, clock: Clock) {
    this.target = target;
    this.clock = clock;
    this.choice = new EndpointChoice(clock);
    this.socket.on('message', (bytes, { address, port }) => this.passOn(bytes, address, port));
  }

  /** @throws {Error} when the address cannot be bound. */
  listen(): Promise<void> {
    const { host, port } = this.target;
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.bind(port, host, () => {
        this.socket.off('error', reject);
        // A later failure concerns one datagram.
        this.socket.on('error', () => {});
        resolve();
      });
    });
  }

  /** Clients whose endpoint is not among these get another with their next datagram. */
  update(target: ServiceTarget): void {
    this.target = target;
    for (const [key, { endpoint }] of this.clients)
      if (
        !target.endpoints.some(({ host, port }) => host === endpoint.host && port === endpoint.port)
      )
        this.forget(key);
  }

  /** There is no connection to wait for. */
  finish(): Promise<void> {
    return this.close();
  }

  /** Resolves when nothing listens any more. */
  close(): Promise<void> {
    return (this.closed ??= new Promise((resolve) => {
      for (const key of this.clients.keys()) this.forget(key);
      this.socket.close(() => resolve());
    }));
  }

  private passOn(bytes: Buffer, address: string, port: number): void {
    const key = `${address}:${port}`;
    const client = this.clients.get(key) ?? this.admit(key, address, port);
    if (!client) return;
    client.cancelIdle();
    client.cancelIdle = this.clock.after(IDLE_MS, () => this.forget(key));
    this.clients.delete(key);
    this.clients.set(key, client);
    const { endpoint, socket } = client;
    socket.send(bytes, endpoint.port, endpoint.host, () => {});
  }

  /** Undefined without an endpoint: as on any network, the datagram is lost. */
  private admit(key: string, address: string, port: number): Client | undefined {
    const endpoint = this.choice.choose(this.target, address);
    if (!endpoint || this.closed) return undefined;
    const [longestSilent] = this.clients.keys();
    if (this.clients.size >= CLIENTS_MAX && longestSilent !== undefined) this.forget(longestSilent);
    const socket = createSocket('udp4');
    socket.on('error', () => this.forget(key));
    socket.on('message', (bytes, from) => {
      // Nobody but the endpoint answers for the Service.
      if (from.address === endpoint.host && from.port === endpoint.port && !this.closed)
        this.socket.send(bytes, port, address, () => {});
    });
    return { endpoint, socket, cancelIdle: () => {} };
  }

  private forget(key: string): void {
    const client = this.clients.get(key);
    if (!client) return;
    this.clients.delete(key);
    client.cancelIdle();
    client.socket.close();
  }
}
