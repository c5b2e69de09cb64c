/**
 * The transport to an API server over HTTP(S) or a unix socket, by undici. Credentials are static:
 * whoever makes it has resolved exec plugins and the like before.
 */
import { Pool } from 'undici';
import { ApiError, ApiUnreachable } from './api-error.ts';
import { LineSplitter } from './line-splitter.ts';
import type { KubeRequest, KubeResponse, KubeTransport, WatchEvent } from './transport.ts';

export interface HttpTransportOptions {
  /** Base URL, e.g. `https://127.0.0.1:6443`; a path prefix is kept. */
  readonly server: string;
  /** PEM. */
  readonly ca?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly token?: string | undefined;
  /** Connect to this unix socket instead of the server's address. */
  readonly socketPath?: string | undefined;
  readonly skipTlsVerify?: boolean | undefined;
}

/** A request that has not been answered by then is given up; watches and streams have no limit. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Watches hold a connection each; an informer-heavy process has a few dozen. */
const CONNECTIONS_MAX = 128;

type Opening = Pick<KubeRequest, 'path' | 'query' | 'signal'>;

export function makeHttpTransport(options: HttpTransportOptions): KubeTransport {
  const base = new URL(options.server);
  const prefix = base.pathname.replace(/\/$/, '');
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: 0,
    connect: {
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.clientCert === undefined ? {} : { cert: options.clientCert }),
      ...(options.clientKey === undefined ? {} : { key: options.clientKey }),
      ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
      ...(options.skipTlsVerify ? { rejectUnauthorized: false } : {}),
    },
  });
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'knit' };
  if (options.token) headers['authorization'] = `Bearer ${options.token}`;

  const fullPath = ({ path, query }: Opening, extra: Record<string, string> = {}): string => {
    const search = new URLSearchParams({ ...query, ...extra }).toString();
    return `${prefix}${path}${search === '' ? '' : `?${search}`}`;
  };
  const open = async (request: Opening, extra: Record<string, string>) => {
    try {
      return await pool.request({
        method: 'GET',
        path: fullPath(request, extra),
        headers,
        ...(request.signal ? { signal: request.signal } : {}),
      });
    } catch (cause) {
      throw unreachable(options.server, cause);
    }
  };

  return {
    async request(request: KubeRequest): Promise<KubeResponse> {
      try {
        const hasBody = request.body !== undefined;
        const response = await pool.request({
          method: request.method,
          path: fullPath(request),
          headers: hasBody
            ? { ...headers, 'content-type': request.contentType ?? 'application/json' }
            : headers,
          ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
          ...(request.signal ? { signal: request.signal } : {}),
        });
        const text = await response.body.text();
        return { status: response.statusCode, body: parseBody(text) };
      } catch (cause) {
        throw unreachable(options.server, cause);
      }
    },

    async watch(request, onEvent): Promise<void> {
      const response = await open(request, { watch: 'true' });
      if (response.statusCode >= 400)
        throw ApiError.from(response.statusCode, parseBody(await response.body.text()));
      const lines = new LineSplitter((line) => onEvent(JSON.parse(line) as WatchEvent));
      try {
        for await (const chunk of response.body) lines.push(chunk as Uint8Array);
      } catch (cause) {
        throw unreachable(options.server, cause);
      }
    },

    async stream(request) {
      const response = await open(request, {});
      return { status: response.statusCode, body: response.body as AsyncIterable<Uint8Array> };
    },

    close: () => pool.destroy(),
  };
}

function parseBody(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable(server: string, cause: unknown): Error {
  if (cause instanceof ApiError || cause instanceof ApiUnreachable) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ApiUnreachable(`no answer from the API server at ${server}: ${reason}`, { cause });
}
