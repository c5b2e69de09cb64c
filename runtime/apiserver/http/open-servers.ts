/**
 * The sockets below the chain: one TLS port that speaks HTTP/2 and HTTP/1.1 (clients choose by
 * ALPN), and a unix socket with HTTP/1.1. Bounds connections, and closes without cutting answers.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { HttpService } from '../http-listener.ts';

/** Clients keep idle connections for 90 s; closing first would race with their next request. */
const KEEP_ALIVE_MS = 120_000;
const CONNECTIONS_MAX = 10_000;
/** As upstream's --http2-max-streams-per-connection: one client's informers share a connection. */
const STREAMS_PER_CONNECTION_MAX = 1_000;
/** As Go's default. Selectors and bearer tokens are long; nothing legitimate is longer. */
const HEAD_BYTES_MAX = 1024 * 1024;
/** HTTP/2 counts 32 bytes per header beside its text. */
const HEADERS_PAIRS_MAX = 256;
/** What a client may send on one connection before it is read: as upstream, 25 MB for all streams. */
const STREAM_WINDOW_BYTES = 256 * 1024;
/** How long answers on their way may take once the server stops; clients retry what is cut. */
const CLOSE_GRACE_MS = 1_000;

export interface TlsListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Certificate, key and, where client certificates are asked for, their CA. */
  readonly secure: SecureContextOptions & Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized'>;
}

export interface OpenServer {
  /** Stops accepting, lets answers on their way end for a second, then cuts. */
  close(): Promise<void>;
}

export async function openTlsServer(
  service: HttpService,
  { host, port, secure }: TlsListenOptions,
): Promise<OpenServer & { readonly port: number }> {
  const server = createSecureServer({
    ...secure,
    minVersion: 'TLSv1.2',
    allowHTTP1: true,
    maxHeaderListPairs: HEADERS_PAIRS_MAX,
    settings: {
      maxConcurrentStreams: STREAMS_PER_CONNECTION_MAX,
      maxHeaderListSize: HEAD_BYTES_MAX,
      initialWindowSize: STREAM_WINDOW_BYTES,
    },
  });
  // Of HTTP/1.1, which the server speaks beside HTTP/2; its types know only the latter's.
  Object.assign(server, { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: HEAD_BYTES_MAX });
  server.maxConnections = CONNECTIONS_MAX;
  // A handshake that fails is the client's affair.
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('request', (request, response) =>
    service.onRequest(request, response as unknown as Parameters<HttpService['onRequest']>[1]),
  );
  server.on('upgrade', (request, socket, head) => service.onUpgrade(request, socket, head));
  const sockets = trackSockets(server, 'secureConnection');
  await listen(server, { host, port });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      closeServer(server, sockets, () => {
        for (const session of sessions) session.close();
        (server as unknown as Server).closeIdleConnections();
      }),
  };
}

/** Whoever may open the socket (mode 0600) is served. */
export async function openSocketServer(service: HttpService, path: string): Promise<OpenServer> {
  // A socket that a killed server left behind; a live one holds the store's lock already.
  await rm(path, { force: true });
  const server = createServer({ maxHeaderSize: HEAD_BYTES_MAX });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('request', (request, response) => service.onRequest(request, response));
  server.on('upgrade', (request, socket, head) => service.onUpgrade(request, socket, head));
  const sockets = trackSockets(server, 'connection');
  await listen(server, { path });
  await chmod(path, 0o600);
  return { close: () => closeServer(server, sockets, () => server.closeIdleConnections()) };
}

function trackSockets(server: NetServer, event: 'connection' | 'secureConnection'): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

function listen(
  server: NetServer,
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(
  server: NetServer,
  sockets: ReadonlySet<Socket>,
  closeIdle: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    closeIdle();
  });
}
