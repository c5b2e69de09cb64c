/**
 * A metric over the last seconds: one bucket per second, to which reports are added. Silence inside
 * the window counts as zero; a window without any report has no value.
 * Source: knative.dev/serving pkg/autoscaler/aggregation/bucketing.go.
 */
export type Aggregation = 'linear' | 'weighted-exponential';

const BUCKET_MS = 1_000;
/** Averages are rounded, so that sums of fractions do not tip a decision at a boundary. */
const DECIMALS = 1e6;
/** Smallest weight of the newest bucket in the exponential average. */
const COEFFICIENT_MIN = 0.2;

export class MetricWindow {
  private bucketCount: number;
  private aggregation: Aggregation;
  private readonly buckets = new Map<number, number>();
  private firstSecond = 0;
  private lastSecond = -1;

  /** `windowMs` is rounded to whole seconds, at least one. */
  constructor(windowMs: number, aggregation: Aggregation = 'linear') {
    this.bucketCount = bucketCountOf(windowMs);
    this.aggregation = aggregation;
  }

  /** Changes the width; what is still inside is kept. */
  configure(windowMs: number, aggregation: Aggregation): void {
    this.bucketCount = bucketCountOf(windowMs);
    this.aggregation = aggregation;
  }

  /** Whether anything was ever recorded. */
  get hasRecords(): boolean {
    return this.lastSecond >= 0;
  }

  /** Adds to the bucket of `atMs`; a negative value takes back what was added before. */
  record(atMs: number, value: number): void {
    const second = Math.floor(atMs / BUCKET_MS);
    if (this.isEmptyAt(second)) {
      this.buckets.clear();
      this.firstSecond = second;
    }
    this.lastSecond = Math.max(this.lastSecond, second);
    this.buckets.set(second, Math.max(0, (this.buckets.get(second) ?? 0) + value));
    for (const old of this.buckets.keys()) {
      // Seconds were inserted in order: the first one inside the window ends the search.
      if (old > this.lastSecond - this.bucketCount) break;
      this.buckets.delete(old);
    }
  }

  /** The average per second at `nowMs`; undefined when nothing was recorded within the window. */
  average(nowMs: number): number | undefined {
    const now = Math.floor(nowMs / BUCKET_MS);
    const silent = now - this.lastSecond;
    if (this.lastSecond < 0 || silent > this.bucketCount) return undefined;
    // Just fallen out of the window: upstream calls that zero, and not until a second later unknown.
    if (silent === this.bucketCount) return 0;
    const value = this.aggregation === 'linear' ? this.linear(now) : this.exponential(now);
    return Math.round(value * DECIMALS) / DECIMALS;
  }

  private isEmptyAt(second: number): boolean {
    return this.lastSecond < 0 || second - this.lastSecond >= this.bucketCount;
  }

  private linear(now: number): number {
    const silent = Math.max(0, now - this.lastSecond);
    const written = this.lastSecond - this.firstSecond + 1;
    const divisor = Math.min(written, this.bucketCount - silent);
    let sum = 0;
    for (const [second, value] of this.buckets) if (second > now - this.bucketCount) sum += value;
    return sum / divisor;
  }

  private exponential(now: number): number {
    const smoothing = Math.max(1 - (1 - 0.9999) ** (1 / this.bucketCount), COEFFICIENT_MIN);
    let sum = 0;
    for (const [second, value] of this.buckets) {
      const age = Math.max(0, now - second);
      if (age < this.bucketCount) sum += value * smoothing * (1 - smoothing) ** age;
    }
    return sum;
  }
}

const bucketCountOf = (windowMs: number): number => Math.max(1, Math.round(windowMs / BUCKET_MS));
