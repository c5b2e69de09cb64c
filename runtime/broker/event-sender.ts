/**
 * Sends events over HTTP and brings back the answer. Hosts of the cluster's own domain are dialled
 * at the local gateway with their own Host header, where there is one; on Kubernetes its DNS does it.
 * Retrying is not done here: whoever sends decides. The client library is loaded with the first event,
 * since a broker at rest does better without its 9 MiB.
 */
import type { Agent } from 'undici';
import type { CloudEvent } from '../cloudevents/cloud-event.ts';
import { encodeBinary, encodeStructured } from '../cloudevents/http-binding.ts';
import type { Clock } from '../std/clock.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface SendOptions {
  readonly timeoutMs: number;
  readonly format?: 'binary' | 'json';
  /** Beside those that the event itself makes. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface SendResult {
  /** undefined = no answer; `body` then holds the reason as text. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Connections to one host; beyond them requests wait in line. */
const CONNECTIONS_MAX = 128;
const CONNECT_TIMEOUT_MS = 10_000;
/** Attributes travel as headers, and events may carry many: Node's own limit of 16 KiB is too tight. */
export const HEADER_BYTES_MAX = 64 * 1024;
/** An answer is at most as large as an event may be; a larger one is a failure. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

export interface EventSenderOptions {
  readonly clock: Clock;
  /** Where hosts of the cluster's domain are dialled; undefined = by DNS. */
  readonly clusterLocalGateway?: HostPort | undefined;
}

export class EventSender {
  private readonly options: EventSenderOptions;
  private loading: Promise<HttpClient> | undefined;

  constructor(options: EventSenderOptions) {
    this.options = options;
  }

  /** Never rejects: without an answer the status is undefined. Redirects are not followed. */
  async send(url: string, event: CloudEvent, options: SendOptions): Promise<SendResult> {
    const message = options.format === 'json' ? encodeStructured(event) : encodeBinary(event);
    // Timer and listener end with the attempt: AbortSignal.timeout and .any would keep both for the
    // whole time-out, ten minutes of events.
    const attempt = new AbortController();
    let isTimedOut = false;
    const cancelTimer = this.options.clock.after(options.timeoutMs, () => {
      isTimedOut = true;
      attempt.abort();
    });
    const giveUp = (): void => attempt.abort();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    if (options.signal?.aborted) attempt.abort();
    try {
      this.loading ??= loadHttpClient(this.options.clusterLocalGateway);
      const { request, agent } = await this.loading;
      const answer = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: { ...options.headers, ...message.headers },
        body: message.body ?? '',
        signal: attempt.signal,
        // The signal bounds the whole attempt.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const body = await readBounded(answer.body);
      return { status: answer.statusCode, headers: answer.headers, body };
    } catch (error) {
      const reason = isTimedOut
        ? `no answer within ${options.timeoutMs} ms`
        : `no answer: ${describe(error)}`;
      return { status: undefined, headers: {}, body: Buffer.from(reason) };
    } finally {
      cancelTimer();
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  async close(): Promise<void> {
    const client = await this.loading;
    await client?.agent.destroy();
  }
}

interface HttpClient {
  readonly agent: Agent;
  readonly request: (typeof import('undici'))['request'];
}

async function loadHttpClient(gateway: HostPort | undefined): Promise<HttpClient> {
  const { Agent, buildConnector, request } = await import('undici');
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
  const agent = new Agent({
    connections: CONNECTIONS_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
    connect(target, callback) {
      if (!gateway || target.protocol !== 'http:' || !isClusterLocal(target.hostname))
        return connect(target, callback);
      return connect({ ...target, hostname: gateway.host, port: String(gateway.port) }, callback);
    },
  });
  return { agent, request };
}

/** `*.svc.cluster.local` and the short form `*.svc`. */
export function isClusterLocal(hostname: string): boolean {
  return hostname.endsWith('.svc.cluster.local') || hostname.endsWith('.svc');
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: string }).code;
  return code === undefined || error.message.includes(code)
    ? error.message
    : `${code} ${error.message}`;
}
