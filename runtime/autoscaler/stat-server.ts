/**
 * Takes the gateways' reports: `POST /stats` with NDJSON, for as long as the gateway lives. The
 * answer comes when the stream ends, so a gateway reads any answer as the end.
 */
import { chmod, rm } from 'node:fs/promises';
import http from 'node:http';
import type { StatMessage } from '../apis/autoscaling/stat.ts';
import { LineSplitter } from '../kube/line-splitter.ts';
import type { Logger } from '../std/logger.ts';
import { parseStatMessage } from './parse-stat-message.ts';

/** What the server calls, synchronously as bytes arrive. */
export interface StatListener {
  onConnect(connection: object): void;
  onMessage(connection: object, message: StatMessage): void;
  onDisconnect(connection: object): void;
}

export interface StatServerOptions {
  /** Unix socket; a stale file there is removed. */
  readonly socketPath?: string | undefined;
  /** TCP port, where there is no socket path; 0 picks a free one. */
  readonly port?: number | undefined;
  /** @default 127.0.0.1 */
  readonly host?: string | undefined;
  readonly listener: StatListener;
  readonly logger: Logger;
}

export interface StatServer {
  /** The TCP port; undefined with a socket path. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

/** One per gateway worker, with room for those that reconnect before the old stream is seen to end. */
const CONNECTIONS_MAX = 256;

export async function startStatServer(options: StatServerOptions): Promise<StatServer> {
  const server = http.createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method === 'GET' && path === '/healthz') response.end('ok\n');
    else if (request.method === 'POST' && path === '/stats') takeStream(request, response, options);
    else {
      response.statusCode = 404;
      response.end('POST /stats is all that is served here\n');
    }
  });
  // A report stream has no end in sight.
  server.requestTimeout = 0;
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, options);
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: http.Server, options: StatServerOptions): Promise<void> {
  const { socketPath, port = 0, host = '127.0.0.1' } = options;
  if (socketPath !== undefined) await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const onListening = (): void => {
      server.removeListener('error', reject);
      resolve();
    };
    if (socketPath === undefined) server.listen(port, host, onListening);
    else server.listen(socketPath, onListening);
  });
  if (socketPath !== undefined) await chmod(socketPath, 0o600);
}

function takeStream(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { listener, logger }: StatServerOptions,
): void {
  const connection = {};
  request.socket.setNoDelay(true);
  listener.onConnect(connection);
  const take = (line: string): void => {
    if (line.trim() !== '') listener.onMessage(connection, parseStatMessage(line));
  };
  const lines = new LineSplitter(take);
  let isBroken = false;
  request.on('data', (chunk: Buffer) => {
    if (isBroken) return;
    try {
      lines.push(chunk);
    } catch (error) {
      isBroken = true;
      logger.warn('gateway sent what is no report', { error: String(error) });
      response.statusCode = 400;
      response.end(`${String(error)}\n`, () => request.destroy());
    }
  });
  request.on('end', () => {
    if (!response.writableEnded) response.end();
  });
  request.on('error', (error) => logger.debug('gateway stream broke', { error: String(error) }));
  request.on('close', () => listener.onDisconnect(connection));
}
