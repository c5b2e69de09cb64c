/**
 * The broker's HTTP side: takes events in at `/<namespace>/<broker>`, and, for tools on this machine,
 * lets them follow a broker's log and replay a trigger. 202 means that the event is on disk.
 * Source: Knative Eventing cmd/broker/ingress (paths and codes), CloudEvents web hook handshake.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { InvalidCloudEvent } from '../cloudevents/cloud-event.ts';
import { decodeHttpEvent } from '../cloudevents/http-binding.ts';
import { serializeJsonEvent } from '../cloudevents/json-format.ts';
import type { Clock } from '../std/clock.ts';
import { drained } from '../std/drained.ts';
import type { Logger } from '../std/logger.ts';
import type { BrokerRuntime } from './broker-runtime.ts';
import type { EventLog } from './event-log.ts';
import { LogBusy, LogFull } from './event-log.ts';
import { HEADER_BYTES_MAX } from './event-sender.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import { decodeStoredEvent } from './stored-event.ts';

/** Larger events are refused with 413. CloudEvents asks intermediaries for 64 KiB at least; Lambda's own limit is 6 MB. */
const EVENT_BYTES_MAX = 8 * 1024 * 1024;
/** A client that sends slower than this is cut off, as by Knative's receivers (10 s), with room for large bodies. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than clients usually keep idle connections, so that they close first and never find one closed that they are about to use. */
const KEEP_ALIVE_MS = 75_000;
/** Requests that are still open so long after the stop are cut off. */
const CLOSE_MS_MAX = 2_000;
/** Seconds: a full disk does not empty itself at once, a busy one does. */
const RETRY_AFTER_FULL = '10';
const RETRY_AFTER_BUSY = '1';
const FOLLOW_BATCH = 256;
const FOLLOWERS_MAX = 64;

export interface IngressOptions {
  readonly find: (namespace: string, name: string) => BrokerRuntime | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface FollowOptions {
  readonly fromMs: number | undefined;
  readonly isFollowing: boolean;
}

export class IngressServer {
  readonly server: Server;
  private readonly options: IngressOptions;
  private readonly stopping = new AbortController();
  private followers = 0;

  constructor(options: IngressOptions) {
    this.options = options;
    this.server = createServer(
      {
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      (request, response) => {
        this.handle(request, response).catch((error: unknown) => {
          options.logger.error('ingress request failed', { error: String(error) });
          answer(response, 500, 'internal error');
        });
      },
    );
  }

  async close(): Promise<void> {
    this.stopping.abort();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeIdleConnections();
    // What is being written is acknowledged; who keeps a request open any longer is cut off.
    const cancel = this.options.clock.after(CLOSE_MS_MAX, () => this.server.closeAllConnections());
    await closed;
    cancel();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://broker');
    const parts = url.pathname.split('/').slice(1);
    if (parts.at(-1) === '') parts.pop();
    const [namespace, name, ...rest] = parts;
    if (namespace === 'healthz' && name === undefined) return answer(response, 200, 'ok');
    if (rest.length > 0) return this.handleTool(request, response, url, parts);
    if (request.method === 'OPTIONS') return answerOptions(request, response);
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST, OPTIONS');
      return answer(response, 405, 'use POST with one CloudEvent');
    }
    if (namespace === undefined) return answer(response, 404, 'use /<namespace>/<broker>');
    if (name === undefined) return answer(response, 400, 'use /<namespace>/<broker>');
    const runtime = this.options.find(namespace, name);
    if (!runtime) return answer(response, 404, `there is no broker ${namespace}/${name}`);
    await this.take(request, response, runtime);
  }

  private async take(
    request: IncomingMessage,
    response: ServerResponse,
    runtime: BrokerRuntime,
  ): Promise<void> {
    const body = await readBody(request, response);
    if (!body) return;
    try {
      const event = decodeHttpEvent(request.headers, body);
      await runtime.accept({ event, headers: forwardedHeaders(request.headers) });
      answer(response, 202, '');
    } catch (error) {
      if (error instanceof InvalidCloudEvent) answer(response, 400, error.message);
      else if (error instanceof LogFull && error.reason === 'disk')
        answer(response, 507, error.message, RETRY_AFTER_FULL);
      else if (error instanceof LogFull) answer(response, 429, error.message, RETRY_AFTER_FULL);
      else if (error instanceof LogBusy) answer(response, 429, error.message, RETRY_AFTER_BUSY);
      else {
        this.options.logger.error('event not stored', { error: describe(error) });
        answer(response, 503, 'the event could not be stored', RETRY_AFTER_BUSY);
      }
    }
  }

  /** `GET .../events`, `POST .../triggers/<name>/replay`: for this machine only. */
  private async handleTool(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    parts: readonly string[],
  ): Promise<void> {
    const [namespace = '', name = '', what, triggerName, verb] = parts;
    const isEvents = what === 'events' && parts.length === 3;
    const isReplay = what === 'triggers' && verb === 'replay' && parts.length === 5;
    if (!isEvents && !isReplay) return answer(response, 400, 'use /<namespace>/<broker>');
    if (!isFromThisMachine(request)) return answer(response, 403, 'only from this machine');
    const runtime = this.options.find(namespace, name);
    if (!runtime) return answer(response, 404, `there is no broker ${namespace}/${name}`);
    const from = url.searchParams.get('from');
    const fromMs = from === null ? undefined : Date.parse(from);
    if (Number.isNaN(fromMs)) return answer(response, 400, `from: "${from}", must be RFC 3339`);
    if (isEvents) {
      if (request.method !== 'GET') return answer(response, 405, 'use GET');
      const isFollowing = url.searchParams.get('follow') === 'true';
      return this.follow(response, runtime, { fromMs, isFollowing });
    }
    if (request.method !== 'POST') return answer(response, 405, 'use POST');
    if (fromMs === undefined) return answer(response, 400, 'from: missing, give an RFC 3339 time');
    const sequence = await runtime.replay(triggerName ?? '', fromMs);
    if (sequence === undefined)
      return answer(
        response,
        404,
        `broker ${namespace}/${name} has no trigger ${triggerName ?? ''}; it has ${runtime.triggerNames().join(', ') || 'none'}`,
      );
    response.writeHead(202, { 'content-type': 'application/json' });
    const events = runtime.log.nextSequence - sequence;
    response.end(`${JSON.stringify({ fromSequence: sequence, events })}\n`);
  }

  /** Structured events, one a line. Without `from`, following begins at the end and listing at the oldest. */
  private async follow(
    response: ServerResponse,
    { log }: BrokerRuntime,
    options: FollowOptions,
  ): Promise<void> {
    if (this.followers >= FOLLOWERS_MAX) return answer(response, 429, 'too many followers', '1');
    this.followers += 1;
    try {
      await this.sendEvents(response, log, options);
    } finally {
      this.followers -= 1;
    }
  }

  private async sendEvents(
    response: ServerResponse,
    log: EventLog,
    options: FollowOptions,
  ): Promise<void> {
    const start = options.isFollowing ? log.nextSequence : log.firstSequence;
    let position = options.fromMs === undefined ? start : await log.sequenceAt(options.fromMs);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    let wake: () => void = () => undefined;
    const rouse = (): void => wake();
    const unsubscribe = log.onAppend(rouse);
    response.on('close', rouse);
    this.stopping.signal.addEventListener('abort', rouse);
    try {
      while (!response.destroyed && !this.stopping.signal.aborted) {
        const appended = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const { records, next } = await log.read(position, FOLLOW_BATCH);
        let isWritable = true;
        for (const record of records) {
          response.write(serializeJsonEvent(decodeStoredEvent(record.body).event));
          isWritable = response.write('\n');
        }
        const isAtEnd = next === position && records.length === 0;
        position = next;
        if (!isWritable) await drained(response);
        else if (isAtEnd && !options.isFollowing) break;
        else if (isAtEnd) await appended;
      }
    } finally {
      unsubscribe();
      this.stopping.signal.removeEventListener('abort', rouse);
      response.end();
    }
  }
}

/** undefined when the body is too large, which has been answered, or the client went away. */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Buffer | undefined> {
  const tooLarge = `an event may have ${EVENT_BYTES_MAX} bytes at most`;
  if (Number(request.headers['content-length'] ?? 0) > EVENT_BYTES_MAX) {
    response.setHeader('Connection', 'close');
    answer(response, 413, tooLarge);
    return undefined;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > EVENT_BYTES_MAX) {
        response.setHeader('Connection', 'close');
        answer(response, 413, tooLarge);
        return undefined;
      }
      chunks.push(chunk);
    }
  } catch {
    return undefined; // The client broke off: nobody is left to answer, and nothing was accepted.
  }
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}

function answerOptions(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Allow', 'POST, OPTIONS');
  response.setHeader('WebHook-Allowed-Origin', request.headers['webhook-request-origin'] ?? '*');
  response.setHeader('WebHook-Allowed-Rate', '*');
  answer(response, 200, '');
}

/**
 * The gateway hands pods' requests on from loopback too, but keeps their Host header: so both the
 * peer and the host that it asked for must be this machine.
 */
function isFromThisMachine(request: IncomingMessage): boolean {
  const peer = request.socket.remoteAddress ?? '';
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const isPeerLocal = peer === '::1' || /^(?:::ffff:)?127\./.test(peer);
  const isHostLocal = host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
  return isPeerLocal && isHostLocal && request.headers['x-forwarded-for'] === undefined;
}

function answer(response: ServerResponse, status: number, text: string, retryAfter?: string): void {
  if (response.headersSent || response.destroyed) return void response.end();
  const headers: Record<string, string> =
    text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' };
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  response.writeHead(status, headers);
  response.end(text === '' ? undefined : `${text}\n`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${String(error.cause)}`;
}
