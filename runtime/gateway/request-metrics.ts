/**
 * What the gateway counts about requests, per destination, and its text for Prometheus. Names are
 * those that Knative's metrics have in Prometheus; a histogram of cold starts is Knit's own. Pure.
 * Source: knative/serving pkg/queue and pkg/activator metrics, facts 4.7; Prometheus text format 0.0.4.
 */
import type { Exchange } from './exchange.ts';
import type { RevisionTraffic } from './revision-traffic.ts';

/** Upper bounds in seconds; OpenTelemetry's advice for HTTP durations, and a minute for what waits. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 60];

class Histogram {
  readonly counts: number[] = BOUNDS.map(() => 0);
  count = 0;
  sumSeconds = 0;

  record(durationMs: number): void {
    const seconds = durationMs / 1_000;
    this.count += 1;
    this.sumSeconds += seconds;
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.counts[bucket]! += 1;
  }
}

/** Counters of one destination. */
export class RequestMetrics {
  /** By status code; 0 = the client left before there was one. */
  readonly byCode = new Map<number, Histogram>();
  /** From arrival to the pod, of requests that found no ready pod. */
  readonly coldStarts = new Histogram();

  record(exchange: Exchange, nowMs: number): void {
    const { status, arrivedMs, dispatchedMs, isCold } = exchange;
    let histogram = this.byCode.get(status);
    if (!histogram) this.byCode.set(status, (histogram = new Histogram()));
    histogram.record(nowMs - arrivedMs);
    if (isCold && dispatchedMs > 0) this.coldStarts.record(dispatchedMs - arrivedMs);
  }
}

export function metricsText(traffic: Iterable<RevisionTraffic>): string {
  const all = [...traffic];
  const lines: string[] = [];
  const head = (name: string, type: string, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  };
  const duration = 'kn_serving_invocation_duration_seconds';
  head(
    duration,
    'histogram',
    'Duration of requests from their arrival to the end of the response.',
  );
  for (const one of all)
    for (const [code, histogram] of one.metrics.byCode)
      pushHistogram(
        lines,
        duration,
        `${labelsOf(one)},http_response_status_code="${code}"`,
        histogram,
      );
  const cold = 'knit_cold_start_duration_seconds';
  head(cold, 'histogram', 'Time that requests without a ready pod waited for one.');
  for (const one of all)
    if (one.metrics.coldStarts.count > 0)
      pushHistogram(lines, cold, labelsOf(one), one.metrics.coldStarts);
  head('kn_serving_queue_depth', 'gauge', 'Requests that wait for a pod.');
  for (const one of all)
    lines.push(`kn_serving_queue_depth{${labelsOf(one)}} ${one.throttler.queued}`);
  head('kn_revision_request_concurrency', 'gauge', 'Requests in the pods and before them.');
  for (const one of all)
    lines.push(
      `kn_revision_request_concurrency{${labelsOf(one)}} ${one.meter?.concurrency ?? one.throttler.inFlight}`,
    );
  return `${lines.join('\n')}\n`;
}

function pushHistogram(lines: string[], name: string, labels: string, histogram: Histogram): void {
  let below = 0;
  BOUNDS.forEach((bound, index) => {
    below += histogram.counts[index]!;
    lines.push(`${name}_bucket{${labels},le="${bound}"} ${below}`);
  });
  lines.push(
    `${name}_bucket{${labels},le="+Inf"} ${histogram.count}`,
    `${name}_sum{${labels}} ${histogram.sumSeconds}`,
    `${name}_count{${labels}} ${histogram.count}`,
  );
}

/** Names of Kubernetes objects need no escaping. */
const labelsOf = ({ namespace, name, labels }: RevisionTraffic): string =>
  `k8s_namespace_name="${namespace}",kn_service_name="${labels.service}",` +
  `kn_configuration_name="${labels.configuration}",kn_revision_name="${name}"`;
