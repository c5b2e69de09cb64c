/**
 * Time-weighted average of a revision's concurrent requests per report period, and how many arrived.
 * Source: knative/serving pkg/autoscaler/metrics RequestStats (behaviour; facts 3.2).
 */
export interface MeterReading {
  readonly averageConcurrentRequests: number;
  /** Per second of the period. */
  readonly requestCount: number;
}

export class ConcurrencyMeter {
  concurrency = 0;
  private requests = 0;
  /** Request-milliseconds since the last reading. */
  private area = 0;
  private changedMs: number;
  private readMs: number;

  constructor(nowMs: number) {
    this.changedMs = nowMs;
    this.readMs = nowMs;
  }

  enter(nowMs: number): void {
    this.integrate(nowMs);
    this.concurrency += 1;
    this.requests += 1;
  }

  exit(nowMs: number): void {
    this.integrate(nowMs);
    this.concurrency -= 1;
  }

  /** Ends the period. A period of no length reads as the present concurrency. */
  read(nowMs: number): MeterReading {
    this.integrate(nowMs);
    const periodMs = nowMs - this.readMs;
    const reading =
      periodMs <= 0
        ? { averageConcurrentRequests: this.concurrency, requestCount: this.requests }
        : {
            averageConcurrentRequests: this.area / periodMs,
            requestCount: (this.requests * 1_000) / periodMs,
          };
    this.area = 0;
    this.requests = 0;
    this.readMs = nowMs;
    return reading;
  }

  private integrate(nowMs: number): void {
    if (nowMs > this.changedMs) this.area += this.concurrency * (nowMs - this.changedMs);
    this.changedMs = Math.max(this.changedMs, nowMs);
  }
}
