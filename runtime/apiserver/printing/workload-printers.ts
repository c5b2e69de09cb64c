/**
 * The columns of what runs pods, as kubectl shows them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import { getPath, type JsonObject } from '../json-value.ts';
import { formatAge } from './format-age.ts';
import {
  column,
  age,
  listAt,
  textAt,
  numberAt,
  ageOf,
  labelSelectorText,
  selectorText,
  since,
  UNKNOWN,
  NONE,
  join,
  imagesOf,
  wideWorkload,
  integers,
  type Printer,
} from './printer.ts';

function jobCells(job: JsonObject, nowMs: number): readonly unknown[] {
  const wanted = getPath(job, 'spec.completions');
  const parallelism = numberAt(job, 'spec.parallelism');
  const done = numberAt(job, 'status.succeeded');
  const total =
    typeof wanted === 'number' ? String(wanted) : parallelism > 1 ? `1 of ${parallelism}` : '1';
  const start = Date.parse(textAt(job, 'status.startTime'));
  const end = Date.parse(textAt(job, 'status.completionTime'));
  return [
    jobState(job),
    `${done}/${total}`,
    Number.isNaN(start) ? '' : formatAge((Number.isNaN(end) ? nowMs : end) - start),
    ageOf(job, nowMs),
    ...imagesOf(job),
    labelSelectorText(getPath(job, 'spec.selector')),
  ];
}

function jobState(job: JsonObject): string {
  const isTrue = (type: string): boolean =>
    listAt(job, 'status.conditions').some(
      (condition) => condition['type'] === type && condition['status'] === 'True',
    );
  if (isTrue('Complete')) return 'Complete';
  if (isTrue('Failed')) return 'Failed';
  if (getPath(job, 'metadata.deletionTimestamp') !== undefined) return 'Terminating';
  if (isTrue('Suspended')) return 'Suspended';
  if (isTrue('FailureTarget')) return 'FailureTarget';
  return isTrue('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function cronJobCells(object: JsonObject, nowMs: number): readonly unknown[] {
  const last = textAt(object, 'status.lastScheduleTime');
  const suspend = getPath(object, 'spec.suspend');
  const containers = listAt(object, 'spec.jobTemplate.spec.template.spec.containers');
  return [
    textAt(object, 'spec.schedule'),
    textAt(object, 'spec.timeZone') || NONE,
    suspend === undefined ? '<unset>' : suspend === true ? 'True' : 'False',
    listAt(object, 'status.active').length,
    last === '' ? NONE : since(last, nowMs),
    ageOf(object, nowMs),
    join(containers.map((container) => textAt(container, 'name'))),
    join(containers.map((container) => textAt(container, 'image'))),
    labelSelectorText(getPath(object, 'spec.jobTemplate.spec.selector')),
  ];
}

/** More metrics than this are counted, not shown. */
const METRICS_SHOWN_MAX = 2;

function autoscalerCells(object: JsonObject, nowMs: number): readonly unknown[] {
  const minimum = getPath(object, 'spec.minReplicas');
  const current = listAt(object, 'status.currentMetrics');
  const metrics = listAt(object, 'spec.metrics').map((metric, index) =>
    metricText(metric, current[index]),
  );
  const more =
    metrics.length > METRICS_SHOWN_MAX ? ` + ${metrics.length - METRICS_SHOWN_MAX} more...` : '';
  return [
    `${textAt(object, 'spec.scaleTargetRef.kind')}/${textAt(object, 'spec.scaleTargetRef.name')}`,
    metrics.length === 0 ? NONE : metrics.slice(0, METRICS_SHOWN_MAX).join(', ') + more,
    typeof minimum === 'number' ? String(minimum) : '<unset>',
    numberAt(object, 'spec.maxReplicas'),
    numberAt(object, 'status.currentReplicas'),
    ageOf(object, nowMs),
  ];
}

/** Where a metric of each type has its target and its current value. */
const metricParts: Readonly<Record<string, string>> = {
  External: 'external',
  Pods: 'pods',
  Object: 'object',
  Resource: 'resource',
  ContainerResource: 'containerResource',
};

function metricText(metric: JsonObject, current: JsonObject | undefined): string {
  const part = metricParts[textAt(metric, 'type')];
  if (part === undefined) return '<unknown type>';
  const amount = (object: unknown, path: string): string | undefined => {
    const value = getPath(object, `${part}.${path}`);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const average = amount(metric, 'target.averageValue');
  const isResource = part === 'resource' || part === 'containerResource';
  const prefix = isResource ? `${amount(metric, 'name') ?? ''}: ` : '';
  if (average !== undefined) {
    const now = amount(current, 'current.averageValue') ?? UNKNOWN;
    const suffix = part === 'external' || part === 'object' ? ' (avg)' : '';
    return `${prefix}${now}/${average}${suffix}`;
  }
  if (!isResource)
    return `${amount(current, 'current.value') ?? UNKNOWN}/${amount(metric, 'target.value') ?? '0'}`;
  const percent = (value: string | undefined): string | undefined => value && `${value}%`;
  const used = percent(amount(current, 'current.averageUtilization')) ?? UNKNOWN;
  return `${prefix}${used}/${percent(amount(metric, 'target.averageUtilization')) ?? '<auto>'}`;
}

/** By the resource's name in the store. */
export const workloadPrinters: Readonly<Record<string, Printer>> = {
  'apps/deployments': {
    columns: [column('Ready'), column('Up-to-date'), column('Available'), age, ...wideWorkload],
    cells: (object, nowMs) => [
      `${numberAt(object, 'status.readyReplicas')}/${numberAt(object, 'spec.replicas')}`,
      numberAt(object, 'status.updatedReplicas'),
      numberAt(object, 'status.availableReplicas'),
      ageOf(object, nowMs),
      ...imagesOf(object),
      labelSelectorText(getPath(object, 'spec.selector')),
    ],
  },
  'apps/replicasets': {
    columns: [...integers('Desired', 'Current', 'Ready'), age, ...wideWorkload],
    cells: (object, nowMs) => [
      numberAt(object, 'spec.replicas'),
      numberAt(object, 'status.replicas'),
      numberAt(object, 'status.readyReplicas'),
      ageOf(object, nowMs),
      ...imagesOf(object),
      labelSelectorText(getPath(object, 'spec.selector')),
    ],
  },
  'apps/statefulsets': {
    columns: [column('Ready'), age, column('Containers', 1), column('Images', 1)],
    cells: (object, nowMs) => [
      `${numberAt(object, 'status.readyReplicas')}/${numberAt(object, 'spec.replicas')}`,
      ageOf(object, nowMs),
      ...imagesOf(object),
    ],
  },
  'apps/daemonsets': {
    columns: [
      ...integers('Desired', 'Current', 'Ready', 'Up-to-date', 'Available'),
      column('Node Selector'),
      age,
      ...wideWorkload,
    ],
    cells: (object, nowMs) => [
      numberAt(object, 'status.desiredNumberScheduled'),
      numberAt(object, 'status.currentNumberScheduled'),
      numberAt(object, 'status.numberReady'),
      numberAt(object, 'status.updatedNumberScheduled'),
      numberAt(object, 'status.numberAvailable'),
      selectorText(getPath(object, 'spec.template.spec.nodeSelector')),
      ageOf(object, nowMs),
      ...imagesOf(object),
      labelSelectorText(getPath(object, 'spec.selector')),
    ],
  },
  'batch/jobs': {
    columns: [column('Status'), column('Completions'), column('Duration'), age, ...wideWorkload],
    cells: jobCells,
  },
  'batch/cronjobs': {
    columns: [
      column('Schedule'),
      column('Timezone'),
      { ...column('Suspend'), type: 'boolean' },
      ...integers('Active'),
      column('Last Schedule'),
      age,
      ...wideWorkload,
    ],
    cells: cronJobCells,
  },
  'autoscaling/horizontalpodautoscalers': {
    columns: [
      column('Reference'),
      column('Targets'),
      column('MinPods'),
      column('MaxPods'),
      column('Replicas'),
      age,
    ],
    cells: autoscalerCells,
  },
  '/replicationcontrollers': {
    columns: [...integers('Desired', 'Current', 'Ready'), age, ...wideWorkload],
    cells: (object, nowMs) => [
      numberAt(object, 'spec.replicas'),
      numberAt(object, 'status.replicas'),
      numberAt(object, 'status.readyReplicas'),
      ageOf(object, nowMs),
      ...imagesOf(object),
      selectorText(getPath(object, 'spec.selector')),
    ],
  },
};
