/**
 * From a parsed request to what handles it: looks it up in the table and makes the exchange. Also
 * writes the gateway's own answers, in Lambda's form for the Invoke API.
 */
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import type { Answer } from './answer.ts';
import type { AsyncInvocations } from './async-invocations.ts';
import { EventCollector } from './event-collector.ts';
import type { Exchange, ExchangeOptions, ExchangeShared } from './exchange.ts';
import type { GatewayError } from './gateway-error.ts';
import { errorAnswer } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import { fieldOf } from './http/head.ts';
import { isUpgrade, noHeaderChanges } from './http/rewrite.ts';
import { Http1Exchange } from './http1-exchange.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { lambdaErrorAnswer } from './lambda-error.ts';
import type { RequestClient, RequestSink } from './request-sink.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import { pathOf } from './routing/host.ts';
import { isInvokePath } from './routing/invoke-path.ts';
import type { RevisionDecision } from './routing/route.ts';
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
  /** Told of each exchange when it is over. */
  readonly onDone: (exchange: Exchange, nowMs: number) => void;
}

export class RequestHandler {
  /** Replaced as a whole. */
  table: RoutingTable;
  readonly inFlight = new Set<Exchange>();
  private readonly options: RequestHandlerOptions;
  private readonly shared: ExchangeShared;

  constructor(table: RoutingTable, options: RequestHandlerOptions) {
    this.table = table;
    this.options = options;
    const { clock, requestId, onDone } = options;
    this.shared = { clock, requestId, onDone, inFlight: this.inFlight };
  }

  /** @throws {GatewayError} for what is answered at once. */
  handle(head: RequestHead, client: RequestClient): RequestSink {
    const { broker, random, requestId, domain } = this.options;
    const { isExternal } = client;
    const request = { head, isExternal, hasBroker: broker !== undefined, domain };
    const decision = route(this.table, request, random);
    if (decision.type === 'broker') return this.exchangeWithBroker(head, client);
    if (decision.invocation === 'Event')
      return new EventCollector({
        head,
        client,
        queue: this.options.invocations,
        requestId: requestId(),
      });
    if (decision.invocation === 'DryRun') return new DryRun(head, client);
    return this.exchangeWithRevision(decision, head, client);
  }

  answerTo(
    error: GatewayError,
    head: RequestHead | undefined,
    sink: RequestSink | undefined,
  ): Answer {
    const revision = sink?.revision;
    const isInvocation =
      sink?.isInvocation ?? (head !== undefined && isInvokePath(pathOf(head.target)));
    if (isInvocation) return lambdaErrorAnswer(error, revision);
    return errorAnswer(error, { revision, accept: head && fieldOf(head, 'accept') });
  }

  checkDeadlines(nowMs: number): void {
    for (const exchange of this.inFlight) exchange.checkDeadlines(nowMs);
  }

  private exchangeWithRevision(
    decision: RevisionDecision,
    head: RequestHead,
    client: RequestClient,
  ): Exchange {
    const { revision } = decision;
    const options: ExchangeOptions = {
      head,
      target: decision.target,
      host: decision.host ?? head.authority,
      changes: decision.changes,
      traffic: this.options.traffic.of(revision),
      responseChanges: decision.responseChanges,
      timeoutMs: shorter(revision.timeoutMs, decision.timeoutMs),
      responseStartTimeoutMs: revision.responseStartTimeoutMs,
      idleTimeoutMs: revision.idleTimeoutMs,
      isInvocation: decision.invocation !== undefined,
      client,
      shared: this.shared,
    };
    // Who switches protocols does it in HTTP/1.1, whatever else the pod speaks.
    return revision.protocol === 'h2c' && !isUpgrade(head)
      ? new Http2Exchange(options)
      : new Http1Exchange(options);
  }

  private exchangeWithBroker(head: RequestHead, client: RequestClient): Exchange {
    return new Http1Exchange({
      head,
      target: head.target,
      host: head.authority,
      changes: noHeaderChanges,
      traffic: this.options.broker!,
      responseChanges: noHeaderChanges,
      timeoutMs: BROKER_TIMEOUT_MS,
      responseStartTimeoutMs: 0,
      idleTimeoutMs: 0,
      isInvocation: false,
      client,
      shared: this.shared,
    });
  }
}

/** 0 stands for none. */
const shorter = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

/** Lambda's DryRun: the function exists and could be called; 204 once the body has gone by. */
class DryRun implements RequestSink {
  readonly hasResponseStarted = false;
  readonly wantsPayload = true;
  readonly isInvocation = true;
  readonly revision = undefined;
  mustClose: boolean;
  private readonly client: RequestClient;
  private isStarted = false;
  private isComplete = false;

  constructor(head: RequestHead, client: RequestClient) {
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
      this.client.respond({ status: 204, headers: [], body: '' });
  }
}
