/**
 * The API over HTTP. A request goes through one chain: gate (who, and may they) -> place among the
 * requests in flight -> decoded body -> handler -> encoded answer. Upgrades share its first step.
 * Everything about objects is in api-handler.ts, about bytes in codec/, about streams in http/.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CancelTimer, Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { ApiHandler } from './api-handler.ts';
import { isPatchType, type ApiRequest } from './api-request.ts';
import type { ApiResponse } from './api-response.ts';
import type { AccessGate } from './auth/access-gate.ts';
import type { UserInfo } from './auth/user-info.ts';
import type { AnswerForm, BodyCodec, DecodedBody } from './codec/body-codec.ts';
import { makeJsonForm } from './codec/json-codec.ts';
import { isClosed, type HttpRequest, type HttpResponse } from './http/http-streams.ts';
import { classifyRequest, InFlight, type RequestClass } from './http/in-flight.ts';
import { BodyReader } from './http/read-body.ts';
import type { RequestMetrics } from './http/request-metrics.ts';
import { parseRequestTimeout } from './http/request-timeout.ts';
import { sendAnswer, sendStatus } from './http/send-body.ts';
import { sendLog } from './http/send-log.ts';
import { sendWatch } from './http/send-watch.ts';
import type { ServerPages } from './http/server-pages.ts';
import type { OpenWatches } from './open-watches.ts';
import { StatusError, toCommitFailure, toStatus } from './status-error.ts';
import { plainRendering } from './table.ts';
import { formatWarnings } from './warning-header.ts';

const FIELD_MANAGER_DEFAULT = 'unknown';
/** A client's own request id is echoed up to this length. */
const AUDIT_ID_LENGTH_MAX = 64;
const plainForm = makeJsonForm(plainRendering);

/** A request to leave HTTP/1.1 on its connection: exec, attach, port-forward. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent after its head. */
  readonly head: Buffer;
  readonly path: string;
  /** `command` and its like may be given many times. */
  readonly query: URLSearchParams;
  /** Authenticated, and allowed to ask for this path. */
  readonly user: UserInfo;
}

export interface HttpListenerOptions {
  readonly handler: ApiHandler;
  readonly watches: OpenWatches;
  /** Says who sends a request and whether that user may. */
  readonly gate: AccessGate;
  readonly codec: BodyCodec;
  readonly pages: ServerPages;
  readonly metrics: RequestMetrics;
  readonly inFlight: InFlight;
  readonly bodies: BodyReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes the connection over. A StatusError before its first byte is the answer. */
  readonly upgrade?: ((upgrade: UpgradeRequest) => Promise<void>) | undefined;
}

/** One request on its way through the chain. */
interface Call {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly kind: RequestClass;
}

export type HttpService = Pick<HttpListener, 'onRequest' | 'onUpgrade'>;

/** The two events of a server; the caller listens, binds them and closes. */
export class HttpListener {
  private readonly options: HttpListenerOptions;

  constructor(options: HttpListenerOptions) {
    this.options = options;
  }

  onRequest(request: HttpRequest, response: HttpResponse): void {
    const { clock, logger, metrics } = this.options;
    const startedMs = clock.now();
    const { path, query } = splitUrl(request.url ?? '/');
    const method = request.method ?? 'GET';
    const call: Call = {
      request,
      response,
      method,
      path,
      query,
      kind: classifyRequest(method, path, query),
    };
    response.on('error', () => response.destroy());
    response.on('close', () => metrics.observe(call, response.statusCode, clock.now() - startedMs));
    let form = plainForm;
    let cancelTimeout: CancelTimer | undefined;
    try {
      if (call.kind !== 'longRunning')
        cancelTimeout = clock.after(parseRequestTimeout(query['timeout']), () => {
          sendStatus(response, StatusError.requestTimeout().status, form);
        });
    } catch (error) {
      sendStatus(response, toStatus(error), form);
      return;
    }
    this.serve(call, (negotiated) => (form = negotiated))
      .catch((error: unknown) => {
        const status = toStatus(error);
        if (status.code === 500)
          logger.error('failed to answer an API request', {
            method,
            path,
            error: error instanceof Error ? error.stack : String(error),
          });
        // A stream that has begun can only be cut; an answer that was sent stands.
        if (response.headersSent && !response.writableEnded) response.destroy();
        else sendStatus(response, status, form);
      })
      .finally(() => cancelTimeout?.());
  }

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.upgrade(request, socket, head).catch((error: unknown) => {
      if (socket.destroyed) return;
      const status = toStatus(error);
      const { bytes } = plainForm.encode(status, undefined);
      socket.end(
        `HTTP/1.1 ${status.code} ${status.reason ?? ''}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n${bytes.toString()}`,
      );
    });
  }

  private async serve(call: Call, onForm: (form: AnswerForm) => void): Promise<void> {
    const { request, response, path, query, kind } = call;
    const { gate, inFlight } = this.options;
    response.setHeader('Audit-Id', auditIdOf(request));
    response.setHeader('Cache-Control', 'no-cache, private');
    const user = await gate.admit(request, path, query);
    inFlight.enter(kind, user);
    response.on('close', () => inFlight.leave(kind));
    // The client may be gone since; then nobody would give the place back.
    if (isClosed(response)) {
      inFlight.leave(kind);
      return;
    }
    await this.answer(call, user, onForm);
  }

  private async answer(
    call: Call,
    user: UserInfo,
    onForm: (form: AnswerForm) => void,
  ): Promise<void> {
    const { request, response, method, path, query } = call;
    const { handler, codec, pages, bodies } = this.options;
    const { headers } = request;
    const page = method === 'GET' ? pages.find(path, query) : undefined;
    if (page) {
      const { code, contentType, text } = page;
      const encoded = { bytes: Buffer.from(text), contentType };
      await sendAnswer(response, code, encoded, { acceptEncoding: headers['accept-encoding'] });
      return;
    }
    const form = codec.negotiate({
      accept: headers.accept,
      userAgent: headers['user-agent'],
      path,
      query,
    });
    onForm(form);
    const contentType = mediaTypeOf(headers['content-type']);
    const bytes = await bodies.read(request);
    // What is no patch is refused where its path is known to take patches at all.
    const decoded: DecodedBody =
      method === 'PATCH' && !isPatchType(contentType)
        ? { value: undefined, contentType, problems: [] }
        : codec.decode(bytes, contentType);
    const warnings: string[] = [];
    const asked: ApiRequest = {
      method,
      path,
      query,
      body: decoded.value,
      ...(decoded.unreadable ? { unreadable: decoded.unreadable } : {}),
      contentType: decoded.contentType,
      user,
      defaultFieldManager: managerOf(headers['user-agent']),
      rendering: form.rendering,
      mustBeDurable: true,
      isTrusted: false,
      parseProblems: decoded.problems,
      warnings,
      wantsAggregatedDiscovery: wantsAggregated(path, headers.accept),
    };
    let answer: ApiResponse;
    try {
      answer = await handler.handle(asked);
    } finally {
      // A refusal carries its warnings too.
      if (warnings.length > 0) response.setHeader('Warning', formatWarnings(warnings));
    }
    await this.send(call, answer, form);
  }

  private async send(call: Call, answer: ApiResponse, form: AnswerForm): Promise<void> {
    const { request, response } = call;
    const acceptEncoding = request.headers['accept-encoding'];
    switch (answer.type) {
      case 'text': {
        const { contentType = 'text/plain; charset=utf-8' } = answer;
        const encoded = { bytes: Buffer.from(answer.body), contentType };
        setHeaders(response, answer.headers);
        return sendAnswer(response, answer.code, encoded, { acceptEncoding });
      }
      case 'watch':
        return sendWatch(answer, response, { watches: this.options.watches, form });
      case 'log':
        return sendLog(answer, response);
      default: {
        try {
          await answer.durable;
        } catch (error) {
          return sendStatus(response, toCommitFailure(error), form);
        }
        const { code, body, contentType } = answer;
        const encoded = form.encode(body, contentType);
        setHeaders(response, answer.headers);
        const ifNoneMatch = answer.isTagged ? (request.headers['if-none-match'] ?? '') : undefined;
        return sendAnswer(response, code, encoded, { acceptEncoding, ifNoneMatch });
      }
    }
  }

  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { gate, upgrade } = this.options;
    const url = request.url ?? '/';
    const { path, query } = splitUrl(url);
    const user = await gate.admit(request, path, query);
    if (!upgrade)
      throw StatusError.badRequest('this server does not upgrade connections at this path');
    const mark = url.indexOf('?');
    const parameters = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    await upgrade({ request, socket, head, path, query: parameters, user });
  }
}

function setHeaders(
  response: HttpResponse,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
}

function auditIdOf({ headers }: HttpRequest): string {
  const given = headers['audit-id'];
  return typeof given === 'string' && given.length <= AUDIT_ID_LENGTH_MAX && given !== ''
    ? given
    : randomUUID();
}

/** `Application/JSON; charset=utf-8` is `application/json`. */
const mediaTypeOf = (contentType: string | undefined): string =>
  (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const wantsAggregated = (path: string, accept: string | undefined): boolean =>
  (path === '/api' || path === '/apis') && /g=apidiscovery\.k8s\.io;v=v2(;|,|$)/.test(accept ?? '');

/** The name of the program, as `kubectl` of `kubectl/v1.32.4 (linux/amd64) ...`. */
const managerOf = (userAgent: string | undefined): string =>
  userAgent?.split('/')[0]?.trim() || FIELD_MANAGER_DEFAULT;

/** Of a parameter that is given more than once the first value counts, as upstream. */
function splitUrl(url: string): { path: string; query: Record<string, string> } {
  const mark = url.indexOf('?');
  const query: Record<string, string> = {};
  if (mark < 0) return { path: url, query };
  for (const [key, value] of new URLSearchParams(url.slice(mark + 1)))
    if (key !== '__proto__') query[key] ??= value;
  return { path: url.slice(0, mark), query };
}
