/**
 * The API over HTTP/1.1, on TLS or a unix socket: reads bodies, checks the token, writes answers,
 * keeps watches flowing. Everything about objects is in api-handler.ts.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { drained } from '../std/drained.ts';
import type { Logger } from '../std/logger.ts';
import { toCommitFailure, toStatus, type ApiHandler, type ApiResponse } from './api-handler.ts';
import type { ApiRequest } from './api-request.ts';
import type { AccessGate } from './auth/access-gate.ts';
import type { UserInfo } from './auth/user-info.ts';
import { checkDepth } from './json-value.ts';
import type { OpenWatches } from './open-watches.ts';
import { StatusError, type Status } from './status-error.ts';
import { parseAccept, plainRendering } from './table.ts';
import type { ServerWatchEvent } from './watch.ts';

/** As the real server: the largest object etcd takes, with room for encoding. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;
/** What may wait in memory for one slow watcher, beyond the initial state; then it must list again. */
const WATCH_BACKLOG_BYTES_MAX = 16 * 1024 * 1024;
/** Clients keep idle connections for 90 s; closing first would race with their next request. */
const KEEP_ALIVE_MS = 120_000;
const CONNECTIONS_MAX = 10_000;
/** When the head of a log is sent at the latest, with or without a first line. */
const LOG_BEGINS_MS = 1_000;

const FIELD_MANAGER_DEFAULT = 'unknown';
const jsonTypes = new Set([
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  // JSON is YAML; a body in YAML's own syntax is refused.
  'application/apply-patch+yaml',
]);

export interface HttpListenerOptions {
  readonly handler: ApiHandler;
  readonly watches: OpenWatches;
  /** Says who sends a request and whether that user may. */
  readonly gate: AccessGate;
  readonly logger: Logger;
}

/** Makes `server` answer API requests. The caller listens and closes. */
export function serveApi(server: Server, options: HttpListenerOptions): void {
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => response.destroy());
    serve(request, response, options).catch((error: unknown) => {
      const status = toStatus(error);
      if (status.code === 500)
        options.logger.error('failed to answer an API request', {
          method: request.method,
          path: request.url?.split('?')[0],
          error: error instanceof Error ? error.stack : String(error),
        });
      sendJson(response, status.code, status);
    });
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpListenerOptions,
): Promise<void> {
  response.setHeader('Audit-Id', randomUUID());
  response.setHeader('Cache-Control', 'no-cache, private');
  const { path, query } = splitUrl(request.url ?? '/');
  const user = await options.gate.admit(request, path, query);
  const answer = options.handler.handle(await readRequest(request, path, query, user));
  switch (answer.type) {
    case 'text':
      response.writeHead(answer.code, { 'Content-Type': 'text/plain; charset=utf-8' });
      response.end(answer.body);
      return;
    case 'watch':
      sendWatch(answer, response, options.watches);
      return;
    case 'log':
      await sendLog(answer, response);
      return;
    default: {
      const refusal = await refusalOf(answer.durable);
      if (refusal) sendJson(response, refusal.code, refusal);
      else sendJson(response, answer.code, answer.body, answer.contentType);
    }
  }
}

async function refusalOf(durable: Promise<void> | undefined): Promise<Status | undefined> {
  try {
    await durable;
    return undefined;
  } catch (error) {
    return toCommitFailure(error);
  }
}

async function readRequest(
  request: IncomingMessage,
  path: string,
  query: Record<string, string>,
  user: UserInfo,
): Promise<ApiRequest> {
  const { accept } = request.headers;
  const isDiscovery = path === '/api' || path === '/apis';
  const isObjects = path.startsWith('/api/') || path.startsWith('/apis/');
  const rendering = isObjects ? parseAccept(accept, query['includeObject']) : plainRendering;
  if (!rendering) throw StatusError.notAcceptable('application/json');
  const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  return {
    method: request.method ?? 'GET',
    path,
    query,
    body: parseBody(await readBody(request), contentType),
    contentType: contentType.toLowerCase(),
    user,
    defaultFieldManager: managerOf(request.headers['user-agent']),
    rendering,
    mustBeDurable: true,
    wantsAggregatedDiscovery:
      isDiscovery && /g=apidiscovery\.k8s\.io;v=v2(;|,|$)/.test(accept ?? ''),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX)
    throw StatusError.tooLarge(BODY_BYTES_MAX);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) throw StatusError.tooLarge(BODY_BYTES_MAX);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw StatusError.badRequest('the request ended before its body was complete');
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function parseBody(bytes: Buffer, contentType: string): unknown {
  if (bytes.length === 0) return undefined;
  if (contentType !== '' && !jsonTypes.has(contentType.toLowerCase()))
    throw StatusError.unsupportedMediaType(['application/json']);
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw StatusError.badRequest(`the body is not valid JSON: ${(error as Error).message}`);
  }
  checkDepth(body);
  return body;
}

/** The name of the program, as `kubectl` of `kubectl/v1.32.4 (linux/amd64) ...`. */
const managerOf = (userAgent: string | undefined): string =>
  userAgent?.split('/')[0]?.trim() || FIELD_MANAGER_DEFAULT;

function splitUrl(url: string): { path: string; query: Record<string, string> } {
  const mark = url.indexOf('?');
  const query: Record<string, string> = {};
  if (mark < 0) return { path: url, query };
  for (const [key, value] of new URLSearchParams(url.slice(mark + 1)))
    if (key !== '__proto__') query[key] = value;
  return { path: url.slice(0, mark), query };
}

function sendJson(
  response: ServerResponse,
  code: number,
  body: unknown,
  contentType = 'application/json',
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  const headers: Record<string, string | number> = {
    'Content-Type': contentType,
    'Content-Length': bytes.length,
  };
  // What is left of a refused body is not worth reading.
  if (code === 413) headers['Connection'] = 'close';
  if (code === 401) headers['WWW-Authenticate'] = 'Bearer';
  const details = (body as { details?: { retryAfterSeconds?: number } } | null)?.details;
  if (code >= 400 && details?.retryAfterSeconds) headers['Retry-After'] = details.retryAfterSeconds;
  response.writeHead(code, headers);
  response.end(bytes);
}

/** The JSON of objects that watches deliver, so that a change is serialized once for all watchers. */
const serialized = new WeakMap<object, string>();

function toLine({ type, object }: ServerWatchEvent): string {
  let json = serialized.get(object as object);
  if (json === undefined) {
    json = JSON.stringify(object);
    if (Object.isFrozen(object)) serialized.set(object as object, json);
  }
  return `{"type":"${type}","object":${json}}\n`;
}

function sendWatch(
  answer: ApiResponse & { type: 'watch' },
  response: ServerResponse,
  watches: OpenWatches,
): void {
  response.setHeader('Content-Type', 'application/json');
  let isInitial = true;
  let initialBytes = 0;
  const end = (() => {
    try {
      return watches.add({
        open: answer.open,
        timeoutSeconds: answer.timeoutSeconds,
        signal: undefined,
        onEvent(event) {
          const line = toLine(event);
          if (isInitial) initialBytes += line.length;
          response.write(line);
          if (response.writableLength > initialBytes + WATCH_BACKLOG_BYTES_MAX) response.destroy();
        },
        onEnd: () => response.end(),
      });
    } catch (error) {
      // As upstream: a version that is gone is told inside a stream that did start.
      if (!(error instanceof StatusError) || error.status.code !== 410) throw error;
      response.end(toLine({ type: 'ERROR', object: error.status }));
      return undefined;
    }
  })();
  isInitial = false;
  if (!end) return;
  response.flushHeaders();
  response.on('close', end);
}

async function sendLog(
  answer: ApiResponse & { type: 'log' },
  response: ServerResponse,
): Promise<void> {
  const reader = new AbortController();
  response.on('close', () => reader.abort());
  response.setHeader('Content-Type', 'text/plain');
  // A refusal comes before the first bytes. A container that has nothing to say may take hours for
  // those, and clients give up an answer that does not begin.
  const timer = setTimeout(() => response.flushHeaders(), LOG_BEGINS_MS);
  try {
    for await (const chunk of answer.open(reader.signal)) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(response);
    }
  } finally {
    clearTimeout(timer);
  }
  response.end();
}
