/**
 * The pods' name server on the bridge address: cluster names from the API's objects, everything else
 * forwarded to the machine's resolvers. UDP and TCP; keeps no cache.
 */
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';

import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { makeResponse, parseQuery, RCODE, TYPE_A, TYPE_SRV, UDP_BYTES_MAX } from './dns-packet.ts';
import { lookUp, type RecordSource } from './dns-records.ts';

export interface DnsServerOptions {
  readonly address: string;
  /** @default 53; 0 picks a free one */
  readonly port?: number;
  readonly source: RecordSource;
  /** The machine's resolvers. @default those of /etc/resolv.conf */
  readonly resolvers?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Pods come and go: a short life, so that no client keeps an address of one that is gone. */
const TTL_SECONDS = 5;
const FORWARD_TIMEOUT_MS = 2_000;
const FORWARDS_MAX = 256;
const TCP_MESSAGE_BYTES_MAX = 65_535;
const TCP_IDLE_MS = 10_000;
const TCP_CONNECTIONS_MAX = 64;

export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const resolvers = options.resolvers ?? readResolvers(options.address);
  const forwarder = new Forwarder(resolvers, options.clock);
  const answer = async (message: Buffer, bytesMax: number): Promise<Buffer | undefined> => {
    const query = parseQuery(message);
    if (!query) return undefined;
    const found = lookUp(query.name, options.source);
    if (found.type === 'addresses') {
      // A name that exists without AAAA records: no error, no answers, so that clients take the A.
      const addresses = query.type === TYPE_A ? found.addresses : [];
      const services = query.type === TYPE_SRV ? (found.services ?? []) : [];
      const records = { addresses, services, ttlSeconds: TTL_SECONDS, bytesMax };
      return makeResponse(message, query, { rcode: RCODE.ok, ...records });
    }
    if (found.type === 'missing') return makeResponse(message, query, { rcode: RCODE.nameError });
    if (found.name !== query.name) return chase(found.name, { message, query, bytesMax });
    return (
      (await forwarder.ask(message)) ?? makeResponse(message, query, { rcode: RCODE.serverFailure })
    );
  };
  /** An ExternalName to a public name: the resolvers' addresses under the asked name. */
  const chase = async (
    name: string,
    asked: { message: Buffer; query: NonNullable<ReturnType<typeof parseQuery>>; bytesMax: number },
  ): Promise<Buffer> => {
    const { message, query, bytesMax } = asked;
    try {
      const { Resolver } = await import('node:dns/promises');
      const resolver = new Resolver({ timeout: FORWARD_TIMEOUT_MS, tries: 1 });
      if (resolvers.length === 0) throw new Error('the machine has no resolver');
      resolver.setServers([...resolvers]);
      const addresses = query.type === TYPE_A ? await resolver.resolve4(name) : [];
      return makeResponse(message, query, { rcode: RCODE.ok, addresses, bytesMax });
    } catch {
      return makeResponse(message, query, { rcode: RCODE.serverFailure });
    }
  };

  const udp = await listenUdp(options, answer);
  const port = udp.address().port;
  const tcp = await listenTcp({ address: options.address, port }, answer).catch(
    (error: unknown) => {
      udp.close();
      throw error;
    },
  );
  const sockets = tcp.sockets;
  return {
    port,
    close: async () => {
      forwarder.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.server.close(() => resolve())),
      ]);
    },
  };
}

type Answer = (message: Buffer, bytesMax: number) => Promise<Buffer | undefined>;

function listenUdp(options: DnsServerOptions, answer: Answer): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (message, remote) => {
    void answer(message, UDP_BYTES_MAX).then((response) => {
      if (response) socket.send(response, remote.port, remote.address, () => {});
    });
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(options.port ?? 53, options.address, () => {
      socket.off('error', reject);
      socket.on('error', (error) => options.logger.warn('name server socket failed', { error }));
      resolve(socket);
    });
  });
}

function listenTcp(
  at: { readonly address: string; readonly port: number },
  answer: Answer,
): Promise<{ server: Server; sockets: Set<TcpSocket> }> {
  const sockets = new Set<TcpSocket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        const message = pending.subarray(2, 2 + length);
        pending = pending.subarray(2 + length);
        void answer(message, TCP_MESSAGE_BYTES_MAX).then((response) => {
          if (!response || socket.destroyed) return;
          const prefix = Buffer.alloc(2);
          prefix.writeUInt16BE(response.length);
          socket.write(Buffer.concat([prefix, response]));
        });
      }
    });
  });
  server.maxConnections = TCP_CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, () => {
      server.off('error', reject);
      resolve({ server, sockets });
    });
  });
}

/** Passes queries on as they are; each has a socket of its own, so that its port cannot be guessed. */
class Forwarder {
  private readonly resolvers: readonly string[];
  private readonly clock: Clock;
  private readonly open = new Set<() => void>();

  constructor(resolvers: readonly string[], clock: Clock) {
    this.resolvers = resolvers;
    this.clock = clock;
  }

  /** The first answer of the first resolver that gives one; undefined when none does. */
  async ask(message: Buffer): Promise<Buffer | undefined> {
    if (this.open.size >= FORWARDS_MAX) return undefined;
    for (const resolver of this.resolvers) {
      const answer = await this.askOne(resolver, message);
      if (answer) return answer;
    }
    return undefined;
  }

  close(): void {
    for (const finish of this.open) finish();
  }

  private askOne(resolver: string, message: Buffer): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = createSocket(resolver.includes(':') ? 'udp6' : 'udp4');
      const finish = (answer?: Buffer): void => {
        if (!this.open.delete(giveUp)) return;
        cancel();
        socket.close();
        resolve(answer);
      };
      const giveUp = (): void => finish();
      const cancel = this.clock.after(FORWARD_TIMEOUT_MS, giveUp);
      this.open.add(giveUp);
      socket.on('error', giveUp);
      socket.on('message', (answer) => {
        if (answer.length >= 2 && answer.readUInt16BE(0) === message.readUInt16BE(0))
          finish(answer);
      });
      // Connected, so that only the resolver can answer.
      socket.connect(53, resolver, (failure?: Error) => {
        // The callback hears of an unreachable network too; an unconnected send would throw.
        if (failure) giveUp();
        else if (this.open.has(giveUp)) socket.send(message, (error) => error && giveUp());
      });
    });
  }
}

function readResolvers(own: string): string[] {
  try {
    const text = readFileSync('/etc/resolv.conf', 'utf8');
    return [...text.matchAll(/^nameserver\s+(\S+)/gm)]
      .map((match) => match[1] ?? '')
      .filter((address) => address !== '' && address !== own);
  } catch {
    return [];
  }
}
