/**
 * One ready pod (or another fixed address) as the throttler sees it: how many requests are in it,
 * and its idle connections. Gone pods finish what they have.
 */
import { Http2Upstream } from './http2-upstream.ts';
import type { Address } from './upstream-connection.ts';
import { UPSTREAM_IDLE_MS, UpstreamConnection } from './upstream-connection.ts';

/** Idle connections kept per pod; as many as Knative's queue-proxy keeps for an unlimited revision. */
const IDLE_CONNECTIONS_MAX = 1_000;

export class PodTarget {
  readonly name: string;
  readonly address: Address;
  inFlight = 0;
  /** No longer among the ready pods: takes no new request. */
  isGone = false;
  /** Could not be reached a moment ago: the throttler passes it over until it is cleared. */
  isSuspect = false;
  /** Failed connection attempts in a row. */
  failures = 0;
  private readonly idle: UpstreamConnection[] = [];
  private http2: Http2Upstream | undefined;

  constructor(name: string, address: Address) {
    this.name = name;
    this.address = address;
  }

  /** The connection that was used last and is young enough, or undefined. */
  takeIdle(nowMs: number): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.idle.pop();
      if (!connection) return undefined;
      connection.onIdleClose = undefined;
      if (!connection.isClosed && nowMs - connection.idleSinceMs < UPSTREAM_IDLE_MS)
        return connection;
      connection.destroy();
    }
  }

  /** Connections for pods that speak HTTP/2. */
  overHttp2(): Http2Upstream {
    this.http2 ??= new Http2Upstream(this.address);
    return this.http2;
  }

  connect(): UpstreamConnection {
    return new UpstreamConnection(this.address);
  }

  putIdle(connection: UpstreamConnection, nowMs: number): void {
    if (this.isGone || connection.isClosed || this.idle.length >= IDLE_CONNECTIONS_MAX) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = nowMs;
    connection.onIdleClose = () => {
      const index = this.idle.indexOf(connection);
      if (index >= 0) this.idle.splice(index, 1);
    };
    this.idle.push(connection);
  }

  /** Closes connections that nobody will use in time; the oldest are at the front. */
  closeStale(nowMs: number): void {
    while (this.idle.length > 0 && nowMs - this.idle[0]!.idleSinceMs >= UPSTREAM_IDLE_MS)
      this.dropFirst();
    this.http2?.sweep();
  }

  /** Takes the pod out of use. */
  retire(): void {
    this.isGone = true;
    this.http2?.retire();
    while (this.idle.length > 0) this.dropFirst();
  }

  private dropFirst(): void {
    const connection = this.idle.shift();
    if (!connection) return;
    connection.onIdleClose = undefined;
    connection.destroy();
  }
}
