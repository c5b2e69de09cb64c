/**
 * Counts requests and how long they took, and prints them as Prometheus text with upstream's names.
 * Labels come from the kinds that are served, never from a client's text, so that their number is
 * bounded. Source: k8s.io/apiserver pkg/endpoints/metrics (names and labels).
 */
import type { KindRegistry } from '../kind-registry.ts';
import { parseResourcePath, type ResourcePath } from '../request-path.ts';
import type { RequestClass } from './in-flight.ts';

const BUCKETS_SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 5, 10, 30, 60];
/** Group, version, resource, subresource, verb and code together; the rest is counted as one row. */
const SERIES_MAX = 5_000;

interface Histogram {
  readonly buckets: number[];
  count: number;
  sumSeconds: number;
}

/** A gauge read when the metrics are asked for: label text (may be empty) and value. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => Iterable<readonly [labels: string, value: number]>;
}

export class RequestMetrics {
  private readonly registry: KindRegistry;
  private readonly totals = new Map<string, number>();
  private readonly durations = new Map<string, Histogram>();

  constructor(registry: KindRegistry) {
    this.registry = registry;
  }

  observe(
    call: { method: string; path: string; kind: RequestClass },
    code: number,
    durationMs: number,
  ): void {
    const labels = this.labelsOf(call);
    increment(this.totals, `code="${code}",${labels}`);
    if (call.kind === 'longRunning') return;
    let histogram = this.durations.get(labels);
    if (!histogram) {
      if (this.durations.size >= SERIES_MAX) return;
      histogram = { buckets: BUCKETS_SECONDS.map(() => 0), count: 0, sumSeconds: 0 };
      this.durations.set(labels, histogram);
    }
    const seconds = durationMs / 1_000;
    histogram.count++;
    histogram.sumSeconds += seconds;
    const bucket = BUCKETS_SECONDS.findIndex((limit) => seconds <= limit);
    if (bucket >= 0) histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1;
  }

  /** The whole page. */
  print(gauges: readonly Gauge[]): string {
    const lines = [
      '# HELP apiserver_request_total Counter of apiserver requests.',
      '# TYPE apiserver_request_total counter',
    ];
    for (const [labels, count] of this.totals)
      lines.push(`apiserver_request_total{${labels}} ${count}`);
    const name = 'apiserver_request_duration_seconds';
    lines.push(
      `# HELP ${name} Response latency distribution in seconds.`,
      `# TYPE ${name} histogram`,
    );
    for (const [labels, { buckets, count, sumSeconds }] of this.durations) {
      let below = 0;
      BUCKETS_SECONDS.forEach((limit, index) => {
        below += buckets[index] ?? 0;
        lines.push(`${name}_bucket{${labels},le="${limit}"} ${below}`);
      });
      lines.push(
        `${name}_bucket{${labels},le="+Inf"} ${count}`,
        `${name}_sum{${labels}} ${sumSeconds}`,
        `${name}_count{${labels}} ${count}`,
      );
    }
    for (const gauge of gauges) {
      lines.push(`# HELP ${gauge.name} ${gauge.help}`, `# TYPE ${gauge.name} gauge`);
      for (const [labels, value] of gauge.read())
        lines.push(`${gauge.name}${labels === '' ? '' : `{${labels}}`} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  private labelsOf(call: { method: string; path: string; kind: RequestClass }): string {
    const target = this.targetOf(call.path);
    const verb = verbOf(call, target);
    const { group = '', version = '', plural = '', subresource } = target ?? {};
    const known = subresource !== undefined && /^[a-z]{1,20}$/.test(subresource) ? subresource : '';
    return `group="${group}",resource="${plural}",subresource="${known}",verb="${verb}",version="${version}"`;
  }

  /** @returns undefined for a path at which no kind is served. */
  private targetOf(path: string): ResourcePath | undefined {
    try {
      const target = parseResourcePath(path);
      return target && this.registry.find(target.group, target.version, target.plural)
        ? target
        : undefined;
    } catch {
      return undefined;
    }
  }
}

function increment(totals: Map<string, number>, labels: string): void {
  const key = totals.has(labels) || totals.size < SERIES_MAX ? labels : 'code="other"';
  totals.set(key, (totals.get(key) ?? 0) + 1);
}

function verbOf(
  { method, kind }: { method: string; kind: RequestClass },
  target: ResourcePath | undefined,
): string {
  const isObject = target?.name !== undefined;
  switch (method) {
    case 'GET':
      if (kind === 'longRunning') return target?.subresource ? 'CONNECT' : 'WATCH';
      return isObject || !target ? 'GET' : 'LIST';
    case 'DELETE':
      return isObject ? 'DELETE' : 'DELETECOLLECTION';
    case 'POST':
    case 'PUT':
    case 'PATCH':
      return method;
    default:
      return 'other';
  }
}
