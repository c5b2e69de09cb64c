/**
 * From a parsed request to what handles it: looks it up in the table and makes the exchange. Also
 * writes the gateway's own answers, in Lambda's form for the Invoke API.
 */
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import type { AsyncInvocations } from './async-invocations.ts';
import type { ClientConnection, RequestSink } from './client-connection.ts';
import { EventCollector } from './event-collector.ts';
import { Exchange } from './exchange.ts';
import type { GatewayError } from './gateway-error.ts';
import { errorResponse, plainResponse } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import { fieldOf } from './http/head.ts';
import { noHeaderChanges, requestHeadFor } from './http/rewrite.ts';
import { lambdaErrorResponse } from './lambda-error.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import { pathOf } from './routing/host.ts';
import { isInvokePath } from './routing/invoke-path.ts';
import type { Decision, RevisionDecision } from './routing/route.ts';
import { route } from './routing/route.ts';
import type { RoutingTable } from './routing/table.ts';
import type { TrafficMap } from './traffic-map.ts';

/** The broker answers when the event is on disk; a minute without is a broken broker. */
const BROKER_TIMEOUT_MS = 60_000;

export interface RequestHandlerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly requestId: () => string;
  readonly traffic: TrafficMap;
  readonly broker: RevisionTraffic | undefined;
  readonly invocations: AsyncInvocations;
  readonly domain: string;
}

export class RequestHandler {
  /** Replaced as a whole. */
  table: RoutingTable;
  readonly inFlight = new Set<Exchange>();
  private readonly options: RequestHandlerOptions;
  /** Which decision a request under way came to: for its error answer. */
  private readonly decisions = new WeakMap<RequestHead, Decision>();

  constructor(table: RoutingTable, options: RequestHandlerOptions) {
    this.table = table;
    this.options = options;
  }

  /** @throws {GatewayError} for what is answered at once. */
  handle(head: RequestHead, client: ClientConnection, isExternal: boolean): RequestSink {
    const { broker, random, requestId, domain } = this.options;
    const request = { head, isExternal, hasBroker: broker !== undefined, domain };
    const decision = route(this.table, request, random);
    this.decisions.set(head, decision);
    if (decision.type === 'broker') return this.exchangeWithBroker(head, client, isExternal);
    if (decision.invocation === 'Event')
      return new EventCollector({
        head,
        client,
        queue: this.options.invocations,
        requestId: requestId(),
      });
    if (decision.invocation === 'DryRun') return new DryRun(head, client);
    return this.exchangeWithRevision(decision, { head, client, isExternal });
  }

  renderError(
    error: GatewayError,
    context: { head: RequestHead | undefined; close: boolean },
  ): string {
    const { head, close } = context;
    const decision = head && this.decisions.get(head);
    const revision =
      decision?.type === 'revision' ? decision.revision.key.replace(/^.*\//, '') : undefined;
    const named = revision === undefined ? {} : { revision };
    const isInvocation =
      decision?.type === 'revision'
        ? decision.invocation !== undefined
        : head !== undefined && !decision && isInvokePath(pathOf(head.target));
    if (isInvocation) return lambdaErrorResponse(error, { ...named, close });
    const accept = head && fieldOf(head, 'accept');
    return errorResponse(error, {
      ...named,
      ...(accept === undefined ? {} : { accept }),
      isHead: head?.method === 'HEAD',
      close,
    });
  }

  checkDeadlines(nowMs: number): void {
    for (const exchange of this.inFlight) exchange.checkDeadlines(nowMs);
  }

  private exchangeWithRevision(
    decision: RevisionDecision,
    request: { head: RequestHead; client: ClientConnection; isExternal: boolean },
  ): Exchange {
    const { head, client, isExternal } = request;
    const { revision } = decision;
    const upstreamHead = requestHeadFor(head, {
      target: decision.target,
      host: decision.host ?? head.authority,
      clientAddress: client.remoteAddress,
      isExternal,
      changes: decision.changes,
      requestId: this.options.requestId,
    });
    return new Exchange({
      head,
      upstreamHead,
      traffic: this.options.traffic.of(revision),
      responseChanges: decision.responseChanges,
      timeoutMs: shorter(revision.timeoutMs, decision.timeoutMs),
      responseStartTimeoutMs: revision.responseStartTimeoutMs,
      idleTimeoutMs: revision.idleTimeoutMs,
      clock: this.options.clock,
      inFlight: this.inFlight,
      client,
    });
  }

  private exchangeWithBroker(
    head: RequestHead,
    client: ClientConnection,
    isExternal: boolean,
  ): Exchange {
    const upstreamHead = requestHeadFor(head, {
      target: head.target,
      host: head.authority,
      clientAddress: client.remoteAddress,
      isExternal,
      changes: noHeaderChanges,
      requestId: this.options.requestId,
    });
    return new Exchange({
      head,
      upstreamHead,
      traffic: this.options.broker!,
      responseChanges: noHeaderChanges,
      timeoutMs: BROKER_TIMEOUT_MS,
      responseStartTimeoutMs: 0,
      idleTimeoutMs: 0,
      clock: this.options.clock,
      inFlight: this.inFlight,
      client,
    });
  }
}

/** 0 stands for none. */
const shorter = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

/** Lambda's DryRun: the function exists and could be called; 204 once the body has gone by. */
class DryRun implements RequestSink {
  readonly hasResponseStarted = false;
  mustClose: boolean;
  private readonly client: ClientConnection;
  private isStarted = false;
  private isComplete = false;

  constructor(head: RequestHead, client: ClientConnection) {
    this.client = client;
    this.mustClose = !head.keepAlive || head.minor === 0;
  }

  start(): void {
    this.isStarted = true;
    this.settle();
  }

  onBody(): void {
    // The payload is not looked at.
  }

  onBodyEnd(): void {
    this.isComplete = true;
    this.settle();
  }

  onClientDrain(): void {
    // Nothing is streamed to the client.
  }

  onClientGone(): void {
    this.isStarted = false;
  }

  fail(error: GatewayError): void {
    this.client.respondError(error);
  }

  private settle(): void {
    if (this.isStarted && this.isComplete)
      this.client.respond((close) => plainResponse(204, '', { close }));
  }
}
