/**
 * The transport to an API server over HTTP(S) or a unix socket, by node:http: an idle runtime holds
 * two processes that use nothing else of HTTP's client side, and a client library costs each of them
 * several MiB. Credentials are static: whoever makes it has resolved exec plugins and the like before.
 */
import http from 'node:http';
import https from 'node:https';
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
  /** For tests. @default 30 s */
  readonly requestTimeoutMs?: number;
}

/** A request is given up when nothing moves for so long; an open watch or stream has no limit. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Watches hold a connection each; an informer-heavy process has a few dozen. */
const CONNECTIONS_MAX = 128;
/** Lists of a large cluster are tens of MiB; more is not an answer of an API server. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

type Opening = Omit<KubeRequest, 'method' | 'body'>;

export function makeHttpTransport(options: HttpTransportOptions): KubeTransport {
  const connection = new Connection(options);
  return {
    async request(request): Promise<KubeResponse> {
      const response = await connection.open(request);
      return { status: statusOf(response), body: await connection.readBody(response) };
    },

    async watch(request, onEvent): Promise<void> {
      const query = { ...request.query, watch: 'true' };
      const response = await connection.open({ ...request, query, method: 'GET' });
      if (statusOf(response) >= 400)
        throw ApiError.from(statusOf(response), await connection.readBody(response));
      unlimit(response);
      const lines = new LineSplitter((line) => onEvent(JSON.parse(line) as WatchEvent));
      try {
        for await (const chunk of response) lines.push(chunk as Uint8Array);
      } catch (cause) {
        throw connection.unreachable(cause);
      }
    },

    async stream(request: Opening) {
      const response = await connection.open({ ...request, method: 'GET' });
      unlimit(response);
      return { status: statusOf(response), body: response as AsyncIterable<Uint8Array> };
    },

    close: async () => connection.close(),
  };
}

/** The pooled way to one server. */
class Connection {
  private readonly options: HttpTransportOptions;
  private readonly base: URL;
  private readonly agent: http.Agent;
  private readonly inFlight = new Set<http.ClientRequest>();
  private isClosed = false;

  constructor(options: HttpTransportOptions) {
    this.options = options;
    this.base = new URL(options.server);
    const pool = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    this.agent = this.base.protocol === 'https:' ? new https.Agent(pool) : new http.Agent(pool);
  }

  /** Resolves with the head of the answer. @throws {ApiUnreachable} */
  open(request: KubeRequest): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) {
        reject(this.unreachable(new Error('the client is closed')));
        return;
      }
      const timeoutMs = this.options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const make = this.base.protocol === 'https:' ? https.request : http.request;
      const sent = make({
        ...this.target(),
        method: request.method,
        path: this.pathOf(request),
        headers: this.headersFor(request, body),
        timeout: timeoutMs,
        ...(request.signal ? { signal: request.signal } : {}),
      });
      this.inFlight.add(sent);
      sent.on('response', resolve);
      sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${timeoutMs} ms`)));
      // After the answer has begun, its own stream tells of what happens; this listener stays so
      // that an error of the request never goes unhandled.
      sent.on('error', (cause) => reject(this.unreachable(cause)));
      sent.on('close', () => this.inFlight.delete(sent));
      sent.end(body);
    });
  }

  /** The body as JSON, or as text where a proxy answered something else. @throws {ApiUnreachable} */
  async readBody(response: http.IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > BODY_BYTES_MAX)
          throw new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`);
        chunks.push(chunk);
      }
    } catch (cause) {
      throw this.unreachable(cause);
    }
    return parseBody(Buffer.concat(chunks).toString());
  }

  /** Ends what is under way, watches too. */
  close(): void {
    this.isClosed = true;
    for (const request of this.inFlight) request.destroy(new Error('the client is closed'));
    this.agent.destroy();
  }

  unreachable(cause: unknown): Error {
    if (cause instanceof ApiUnreachable) return cause;
    return new ApiUnreachable(
      `no answer from the API server at ${this.options.server}: ${reasonOf(cause)}`,
      { cause },
    );
  }

  private target(): https.RequestOptions {
    const { socketPath, ca, clientCert, clientKey, skipTlsVerify } = this.options;
    return {
      agent: this.agent,
      // An address of IPv6 stands in brackets in a URL only.
      host: this.base.hostname.replace(/^\[|\]$/g, ''),
      port: this.base.port === '' ? null : this.base.port,
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(ca === undefined ? {} : { ca }),
      ...(clientCert === undefined ? {} : { cert: clientCert }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(skipTlsVerify ? { rejectUnauthorized: false } : {}),
    };
  }

  private pathOf({ path, query }: KubeRequest): string {
    const search = new URLSearchParams(query).toString();
    return `${this.base.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`;
  }

  private headersFor(request: KubeRequest, body: string | undefined): http.OutgoingHttpHeaders {
    const { token } = this.options;
    return {
      accept: 'application/json',
      'user-agent': 'knit',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined
        ? {}
        : {
            'content-type': request.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
    };
  }
}

const statusOf = (response: http.IncomingMessage): number => response.statusCode ?? 0;

/** From here on the server may be silent for as long as it likes. */
function unlimit(response: http.IncomingMessage): void {
  response.socket.setTimeout(0);
}

function parseBody(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** Several addresses refused at once come as an AggregateError without a message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}
