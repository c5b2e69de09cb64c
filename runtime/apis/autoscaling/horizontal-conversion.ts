/**
 * autoscaling/v1 of a HorizontalPodAutoscaler, and what it cannot say: metrics other than the CPU's
 * share, behaviour, readings and conditions travel in annotations, so that nothing is lost on the way
 * through a client of v1. Pure. Source: k8s.io/kubernetes pkg/apis/autoscaling/v1/conversion.go (form
 * of the annotations).
 */
import type { KubeObject } from '../meta/object.ts';
import {
  metricParts,
  type HorizontalPodAutoscaler,
  type Metric,
  type MetricNumbers,
  type MetricSource,
  type ScaleTargetRef,
  type ScalingRules,
} from './horizontal-types.ts';

const ANNOTATION = 'autoscaling.alpha.kubernetes.io/';
const annotations = {
  metrics: `${ANNOTATION}metrics`,
  currentMetrics: `${ANNOTATION}current-metrics`,
  conditions: `${ANNOTATION}conditions`,
  behavior: `${ANNOTATION}behavior`,
};
export const CPU_UTILIZATION_DEFAULT = 80;

export interface HorizontalPodAutoscalerV1 extends KubeObject {
  spec?: {
    scaleTargetRef?: ScaleTargetRef;
    minReplicas?: number;
    maxReplicas?: number;
    targetCPUUtilizationPercentage?: number;
  };
  status?: {
    observedGeneration?: number;
    lastScaleTime?: string;
    currentReplicas?: number;
    desiredReplicas?: number;
    currentCPUUtilizationPercentage?: number;
  };
}

export const cpuUtilization = (percent: number): Metric => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});

const cpuPercentOf = (metric: Metric, part: 'target' | 'current'): number | undefined =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu'
    ? metric.resource[part]?.averageUtilization
    : undefined;

export function toVersion1(stored: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const { metadata, spec = {}, status = {} } = stored;
  const metrics = spec.metrics ?? [];
  const others = metrics.filter((metric) => cpuPercentOf(metric, 'target') === undefined);
  const percent = metrics.map((metric) => cpuPercentOf(metric, 'target')).find(isNumber);
  const readings = status.currentMetrics ?? [];
  const reading = readings.map((metric) => cpuPercentOf(metric, 'current')).find(isNumber);
  const { scaleTargetRef, minReplicas, maxReplicas } = spec;
  const { observedGeneration, lastScaleTime, currentReplicas, desiredReplicas } = status;
  const noted = {
    ...withoutOwn(metadata.annotations),
    ...note(
      annotations.metrics,
      others.map((metric) => flatten(metric, 'target')),
    ),
    ...note(
      annotations.currentMetrics,
      readings.map((metric) => flatten(metric, 'current')),
    ),
    ...(spec.behavior ? { [annotations.behavior]: writeBehavior(spec.behavior) } : {}),
    ...note(annotations.conditions, status.conditions ?? []),
  };
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, noted),
    spec: defined({
      scaleTargetRef,
      minReplicas,
      maxReplicas,
      targetCPUUtilizationPercentage: percent,
    }),
    status: defined({
      observedGeneration,
      lastScaleTime,
      currentReplicas: currentReplicas ?? 0,
      desiredReplicas: desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: reading,
    }),
  };
}

export function fromVersion1(given: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const { metadata, spec = {}, status = {} } = given;
  const noted = metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: percent, ...target } = spec;
  const { currentCPUUtilizationPercentage: reading, ...counts } = status;
  const others = readList(noted[annotations.metrics]).map((metric) => unfold(metric, 'target'));
  const own = percent === undefined ? [] : [cpuUtilization(percent)];
  const metrics = [...others, ...own];
  const behavior = readBehavior(noted[annotations.behavior]);
  const known = readList(noted[annotations.currentMetrics]);
  const readings =
    known.length > 0
      ? known.map((metric) => unfold(metric, 'current'))
      : reading === undefined
        ? null
        : [
            {
              type: 'Resource',
              resource: { name: 'cpu', current: { averageUtilization: reading } },
            },
          ];
  const conditions = readList(noted[annotations.conditions]);
  const desired = counts.desiredReplicas ?? 0;
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, withoutOwn(noted)),
    spec: {
      ...target,
      metrics: metrics.length > 0 ? metrics : [cpuUtilization(CPU_UTILIZATION_DEFAULT)],
      ...(behavior ? { behavior } : {}),
    },
    status: {
      ...defined({
        observedGeneration: counts.observedGeneration,
        lastScaleTime: counts.lastScaleTime,
        currentReplicas: counts.currentReplicas === 0 ? undefined : counts.currentReplicas,
      }),
      desiredReplicas: desired,
      currentMetrics: readings,
      ...(conditions.length > 0 ? { conditions } : {}),
    },
  };
}

const isNumber = (value: number | undefined): value is number => value !== undefined;

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

const defined = <T extends object>(object: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Defined<T>;

const withoutOwn = (all: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(all).filter(([key]) => !Object.values(annotations).includes(key)),
  );

const note = (key: string, list: readonly unknown[]): Record<string, string> =>
  list.length === 0 ? {} : { [key]: JSON.stringify(list) };

function withAnnotations(
  { annotations: _old, ...metadata }: KubeObject['metadata'],
  noted: Record<string, string>,
): KubeObject['metadata'] {
  return Object.keys(noted).length === 0 ? metadata : { ...metadata, annotations: noted };
}

/** A client may have written anything there: what is no list counts as none. */
function readList(text: string | undefined): Flat[] {
  const value = readJson(text);
  return Array.isArray(value) ? (value as Flat[]) : [];
}

function readJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}

/** Of v1, which has each number in a field of its own: `targetAverageValue`, `currentValue`. */
type Flat = Record<string, unknown>;

function flatten(metric: Metric, part: 'target' | 'current'): Flat {
  const { type } = metric;
  const flat: Flat = { type };
  for (const key of metricParts) {
    const source = metric[key];
    if (source) flat[key] = flattenSource(key, source, part);
  }
  return flat;
}

function flattenSource(key: string, source: MetricSource, part: 'target' | 'current'): Flat {
  const { value, averageValue, averageUtilization } = source[part] ?? {};
  const { name, selector } = source.metric ?? {};
  if (key === 'resource' || key === 'containerResource')
    return defined({
      name: source.name,
      [`${part}AverageUtilization`]: averageUtilization,
      [`${part}AverageValue`]: averageValue,
      container: source.container,
    });
  if (key === 'pods')
    return defined({ metricName: name, [`${part}AverageValue`]: averageValue, selector });
  if (key === 'object')
    return defined({
      target: source.describedObject,
      metricName: name,
      [`${part}Value`]: value ?? '0',
      selector,
      averageValue,
    });
  return defined({
    metricName: name,
    metricSelector: selector,
    [`${part}Value`]: value,
    [`${part}AverageValue`]: averageValue,
  });
}

function unfold(flat: Flat, part: 'target' | 'current'): Metric {
  const metric: Metric = { type: flat['type'] as string };
  for (const key of metricParts)
    if (flat[key]) metric[key] = unfoldSource(key, flat[key] as Flat, part);
  return metric;
}

function unfoldSource(key: string, flat: Flat, part: 'target' | 'current'): MetricSource {
  const isResource = key === 'resource' || key === 'containerResource';
  const averageValue = key === 'object' ? flat['averageValue'] : flat[`${part}AverageValue`];
  const given = flat[`${part}Value`];
  // v1 has no way to leave an object's value out, and writes 0 beside an average.
  const value = key === 'object' && averageValue !== undefined && given === '0' ? undefined : given;
  const averageUtilization = flat[`${part}AverageUtilization`];
  const type =
    averageUtilization !== undefined
      ? 'Utilization'
      : value !== undefined
        ? 'Value'
        : 'AverageValue';
  const numbers = defined({
    ...(part === 'target' ? { type } : {}),
    value,
    averageValue,
    averageUtilization,
  }) as MetricNumbers;
  const identifier = defined({
    name: flat['metricName'],
    selector: flat['selector'] ?? flat['metricSelector'],
  });
  return {
    ...(isResource ? defined({ name: flat['name'], container: flat['container'] }) : {}),
    ...(isResource ? {} : { metric: identifier }),
    ...(key === 'object' ? { describedObject: flat['target'] as ScaleTargetRef } : {}),
    [part]: numbers,
  } as MetricSource;
}

type Behavior = NonNullable<NonNullable<HorizontalPodAutoscaler['spec']>['behavior']>;

/** Upstream writes its internal type there, with Go's own names for the fields. */
function writeBehavior({ scaleUp, scaleDown }: Behavior): string {
  const rules = (given: ScalingRules | undefined): unknown =>
    given
      ? {
          StabilizationWindowSeconds: given.stabilizationWindowSeconds ?? null,
          SelectPolicy: given.selectPolicy ?? null,
          Policies: (given.policies ?? []).map(({ type, value, periodSeconds }) => ({
            Type: type,
            Value: value,
            PeriodSeconds: periodSeconds,
          })),
          Tolerance: given.tolerance ?? null,
        }
      : null;
  return JSON.stringify({ ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) });
}

function readBehavior(text: string | undefined): Behavior | undefined {
  const given = readJson(text) as Record<'ScaleUp' | 'ScaleDown', Flat | null> | undefined | null;
  if (!given) return undefined;
  const rules = (flat: Flat | null | undefined): ScalingRules | undefined =>
    flat
      ? (defined({
          stabilizationWindowSeconds: flat['StabilizationWindowSeconds'] ?? undefined,
          selectPolicy: flat['SelectPolicy'] ?? undefined,
          policies: (flat['Policies'] as Flat[] | null)?.map((policy) => ({
            type: policy['Type'],
            value: policy['Value'],
            periodSeconds: policy['PeriodSeconds'],
          })),
          tolerance: flat['Tolerance'] ?? undefined,
        }) as ScalingRules)
      : undefined;
  return defined({
    scaleUp: rules(given.ScaleUp),
    scaleDown: rules(given.ScaleDown),
  });
}
