/**
 * What a gateway tells the autoscaler: one line of JSON (NDJSON) per second over a long-lived POST to
 * `/stats` of the autoscaler's address, and at once when a request finds its revision without a pod
 * (a poke). Plays the part of the activator's and the queue-proxy's Stat messages.
 */
export interface RevisionStat {
  /** `namespace/revision`. */
  readonly key: string;
  /** Time-weighted average of requests in the gateway for this revision (queued and proxied) over the period. */
  readonly averageConcurrentRequests: number;
  /** Requests that arrived in the period, per second. */
  readonly requestCount: number;
  /** Requests that wait for a pod right now. */
  readonly queued: number;
}

export interface StatMessage {
  /** Identity of the gateway worker; stable over its life. */
  readonly gateway: string;
  /** End of the period, ms since the epoch. */
  readonly timestampMs: number;
  /** True when sent out of turn because a request waits. */
  readonly poke: boolean;
  /** Only revisions with traffic in the period; a revision is reported once more with zeros, then left out. */
  readonly stats: readonly RevisionStat[];
}
