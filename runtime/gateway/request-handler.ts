/**
 * From a parsed request to what handles it: looks it up in the table and makes the exchange. Also
 * writes the gateway's own answers, in Lambda's form for the Invoke API.
 */
import { isIP } from 'node:net';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import type { Answer } from './answer.ts';
import type { AsyncInvocations } from './async-invocations.ts';
import { EventCollector } from './event-collector.ts';
import type { Exchange, ExchangeOptions, ExchangeShared } from './exchange.ts';
import { FixedAnswer } from './fixed-answer.ts';
import type { GatewayError } from './gateway-error.ts';
import { errorAnswer } from './gateway-error.ts';
import type { RequestHead } from './http/head.ts';
import { fieldOf } from './http/head.ts';
import { isUpgrade, noHeaderChanges } from './http/rewrite.ts';
import { Http1Exchange } from './http1-exchange.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { lambdaErrorAnswer } from './lambda-error.ts';
import { MirroredRequest } from './mirrored-request.ts';
import type { RequestClient, RequestSink } from './request-sink.ts';
import type { RevisionTraffic } from './revision-traffic.ts';
import { normalizeHost, pathOf } from './routing/host.ts';
import { isInvokePath } from './routing/invoke-path.ts';
import type { RevisionDecision } from './routing/route.ts';
import { route } from './routing/route.ts';
import type { Destination, RoutingTable } from './routing/table.ts';
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
  /** Answers `/metrics` of the gateway's own name and of its addresses, to clients inside. */
  readonly metrics: () => string;
  readonly domainInternal: string;
}

/** Lambda's DryRun: the function exists and could be called. */
const accepted: Answer = { status: 204, headers: [], body: '' };

export class RequestHandler {
  /** Where clients outside find HTTPS. */
  httpsPort: number | undefined;
  private readonly table: RoutingTable;
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
    if (!client.isExternal && head.target === '/metrics' && this.isOwn(head))
      return new FixedAnswer(head, client, metricsAnswer(this.options.metrics()));
    const { isExternal, scheme } = client;
    const hasBroker = broker !== undefined;
    const { httpsPort } = this;
    const request = { head, isExternal, scheme, httpsPort, hasBroker, domain };
    const decision = route(this.table, request, random);
    if (decision.type === 'answer') return new FixedAnswer(head, client, decision.answer);
    if (decision.type === 'broker') return this.exchangeWithBroker(head, client);
    if (decision.invocation === 'Event')
      return new EventCollector({
        head,
        client,
        queue: this.options.invocations,
        requestId: requestId(),
      });
    if (decision.invocation === 'DryRun') return new FixedAnswer(head, client, accepted, true);
    const exchange = this.exchangeWithRevision(decision, decision.revision, head, client);
    const { mirror } = decision;
    if (!mirror || isUpgrade(head)) return exchange;
    return new MirroredRequest(
      exchange,
      (deaf) => this.exchangeWithRevision(decision, mirror, head, deaf),
      client,
    );
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

  private isOwn(head: RequestHead): boolean {
    const host = normalizeHost(head.authority);
    return host === this.options.domainInternal || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
  }

  checkDeadlines(nowMs: number): void {
    for (const exchange of this.inFlight) exchange.checkDeadlines(nowMs);
  }

  private exchangeWithRevision(
    decision: RevisionDecision,
    revision: Destination,
    head: RequestHead,
    client: RequestClient,
  ): Exchange {
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

const metricsAnswer = (body: string): Answer => ({
  status: 200,
  headers: [],
  body,
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
});

/** 0 stands for none. */
const shorter = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));
