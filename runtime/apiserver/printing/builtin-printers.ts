/**
 * The columns that kubectl shows of built-in kinds, where JSONPaths cannot tell them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import type { PrinterColumn } from '../../apis/meta/kind-definition.ts';
import { getPath, isJsonObject, type JsonObject } from '../json-value.ts';
import { formatAge } from './format-age.ts';

export interface Printer {
  readonly columns: readonly PrinterColumn[];
  /** The name is among the columns; of other kinds it comes before them. */
  readonly hasName?: boolean;
  /** In the order of `columns`. */
  readonly cells: (object: JsonObject, nowMs: number) => readonly unknown[];
}

const NONE = '<none>';
const UNKNOWN = '<unknown>';
/** More ports or addresses than this are counted, not shown. */
const SHOWN_MAX = 3;

const column = (
  name: string,
  priority = 0,
  type: PrinterColumn['type'] = 'string',
): PrinterColumn => ({
  name,
  type,
  jsonPath: '',
  priority,
});
const age = column('Age');

const listAt = (object: unknown, path: string): readonly JsonObject[] => {
  const list = getPath(object, path);
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
};
const textAt = (object: unknown, path: string): string => {
  const value = getPath(object, path);
  return typeof value === 'string' ? value : '';
};
const numberAt = (object: unknown, path: string): number => {
  const value = getPath(object, path);
  return typeof value === 'number' ? value : 0;
};
const since = (time: string, nowMs: number): string =>
  Number.isNaN(Date.parse(time)) ? UNKNOWN : formatAge(nowMs - Date.parse(time));
const ageOf = (object: JsonObject, nowMs: number): string =>
  since(textAt(object, 'metadata.creationTimestamp'), nowMs);
const join = (texts: readonly string[]): string => (texts.length === 0 ? NONE : texts.join(','));

function selectorText(selector: unknown): string {
  if (!isJsonObject(selector)) return NONE;
  const labels = isJsonObject(selector['matchLabels']) ? selector['matchLabels'] : selector;
  const pairs = Object.entries(labels).filter(([, value]) => typeof value === 'string');
  return join(pairs.map(([key, value]) => `${key}=${String(value)}`).sort());
}

const containersOf = (object: JsonObject): readonly JsonObject[] =>
  listAt(object, 'spec.template.spec.containers');
const imagesOf = (object: JsonObject): readonly string[] => [
  join(containersOf(object).map((container) => textAt(container, 'name'))),
  join(containersOf(object).map((container) => textAt(container, 'image'))),
];
const wideWorkload = [column('Containers', 1), column('Images', 1), column('Selector', 1)];

function podCells(pod: JsonObject, nowMs: number): readonly unknown[] {
  const statuses = listAt(pod, 'status.containerStatuses');
  const total = listAt(pod, 'spec.containers').length;
  const ready = statuses.filter((status) => status['ready'] === true).length;
  const restarts = statuses.reduce((sum, status) => sum + numberAt(status, 'restartCount'), 0);
  const ended = statuses
    .map((status) => Date.parse(textAt(status, 'lastState.terminated.finishedAt')))
    .filter((time) => !Number.isNaN(time));
  const last = ended.length === 0 ? '' : ` (${formatAge(nowMs - Math.max(...ended))} ago)`;
  return [
    `${ready}/${total}`,
    podReason(pod, statuses),
    `${restarts}${restarts === 0 ? '' : last}`,
    ageOf(pod, nowMs),
    textAt(pod, 'status.podIP') || NONE,
    textAt(pod, 'spec.nodeName') || NONE,
    textAt(pod, 'status.nominatedNodeName') || NONE,
    NONE,
  ];
}

/** What keeps a pod from running, or its phase. */
function podReason(pod: JsonObject, statuses: readonly JsonObject[]): string {
  let reason = textAt(pod, 'status.reason') || textAt(pod, 'status.phase');
  const initial = listAt(pod, 'status.initContainerStatuses');
  for (const [index, status] of initial.entries()) {
    const exit = getPath(status, 'state.terminated.exitCode');
    if (exit === 0) continue;
    const waiting = textAt(status, 'state.waiting.reason');
    const why = textAt(status, 'state.terminated.reason');
    if (exit !== undefined) reason = `Init:${why || `ExitCode:${String(exit)}`}`;
    else if (waiting && waiting !== 'PodInitializing') reason = `Init:${waiting}`;
    else reason = `Init:${index}/${listAt(pod, 'spec.initContainers').length}`;
    return withDeletion(pod, reason);
  }
  let isRunning = false;
  for (const status of [...statuses].reverse()) {
    const waiting = textAt(status, 'state.waiting.reason');
    const exit = getPath(status, 'state.terminated.exitCode');
    if (waiting) reason = waiting;
    else if (exit !== undefined)
      reason = textAt(status, 'state.terminated.reason') || `ExitCode:${String(exit)}`;
    else if (status['ready'] === true && getPath(status, 'state.running')) isRunning = true;
  }
  if (reason === 'Completed' && isRunning)
    reason = listAt(pod, 'status.conditions').some(
      (condition) => condition['type'] === 'Ready' && condition['status'] === 'True',
    )
      ? 'Running'
      : 'NotReady';
  return withDeletion(pod, reason);
}

const withDeletion = (pod: JsonObject, reason: string): string =>
  getPath(pod, 'metadata.deletionTimestamp') === undefined ? reason : 'Terminating';

function serviceCells(service: JsonObject, nowMs: number): readonly unknown[] {
  const type = textAt(service, 'spec.type') || 'ClusterIP';
  const ports = listAt(service, 'spec.ports').map((port) => {
    const node = numberAt(port, 'nodePort');
    return `${numberAt(port, 'port')}${node > 0 ? `:${node}` : ''}/${textAt(port, 'protocol') || 'TCP'}`;
  });
  return [
    type,
    textAt(service, 'spec.clusterIP') || NONE,
    externalAddress(service, type),
    join(ports),
    ageOf(service, nowMs),
    selectorText(getPath(service, 'spec.selector')),
  ];
}

function externalAddress(service: JsonObject, type: string): string {
  if (type === 'ExternalName') return textAt(service, 'spec.externalName');
  const own = getPath(service, 'spec.externalIPs');
  const listed = Array.isArray(own) ? own.map(String) : [];
  const given = listAt(service, 'status.loadBalancer.ingress').map(
    (entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'),
  );
  const all = type === 'LoadBalancer' ? [...given, ...listed] : listed;
  return all.length === 0 && type === 'LoadBalancer' ? '<pending>' : join(all);
}

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
    selectorText(getPath(job, 'spec.selector')),
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

function nodeCells(node: JsonObject, nowMs: number): readonly unknown[] {
  const ready = listAt(node, 'status.conditions').find(({ type }) => type === 'Ready');
  const state = ready ? (ready['status'] === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  const labels = getPath(node, 'metadata.labels');
  const roles = Object.keys(isJsonObject(labels) ? labels : {})
    .filter((key) => key.startsWith('node-role.kubernetes.io/'))
    .map((key) => key.slice('node-role.kubernetes.io/'.length))
    .sort();
  const address = (type: string): string =>
    textAt(
      listAt(node, 'status.addresses').find((item) => item['type'] === type),
      'address',
    ) || NONE;
  const info = (key: string): string => textAt(node, `status.nodeInfo.${key}`) || UNKNOWN;
  return [
    getPath(node, 'spec.unschedulable') === true ? `${state},SchedulingDisabled` : state,
    join(roles),
    ageOf(node, nowMs),
    textAt(node, 'status.nodeInfo.kubeletVersion'),
    address('InternalIP'),
    address('ExternalIP'),
    info('osImage'),
    info('kernelVersion'),
    info('containerRuntimeVersion'),
  ];
}

function eventCells(event: JsonObject, nowMs: number): readonly unknown[] {
  const first = textAt(event, 'firstTimestamp') || textAt(event, 'eventTime');
  const last = textAt(event, 'series.lastObservedTime') || textAt(event, 'lastTimestamp') || first;
  const kind = textAt(event, 'involvedObject.kind').toLowerCase();
  const name = textAt(event, 'involvedObject.name');
  const component = textAt(event, 'source.component') || textAt(event, 'reportingComponent');
  const host = textAt(event, 'source.host');
  return [
    since(last, nowMs),
    textAt(event, 'type'),
    textAt(event, 'reason'),
    name === '' ? kind : `${kind}/${name}`,
    textAt(event, 'involvedObject.fieldPath'),
    host === '' ? component : `${component}, ${host}`,
    textAt(event, 'message').trim(),
    since(first, nowMs),
    numberAt(event, 'series.count') || numberAt(event, 'count') || 1,
    textAt(event, 'metadata.name'),
  ];
}

const countAt = (object: JsonObject, path: string): number => {
  const value = getPath(object, path);
  return isJsonObject(value) ? Object.keys(value).length : 0;
};

function endpointCells(endpoints: JsonObject, nowMs: number): readonly unknown[] {
  const all = listAt(endpoints, 'subsets').flatMap((subset) => {
    const addresses = listAt(subset, 'addresses').map((item) => textAt(item, 'ip'));
    const ports = listAt(subset, 'ports').map((item) => numberAt(item, 'port'));
    return ports.length === 0
      ? addresses
      : ports.flatMap((port) => addresses.map((address) => `${address}:${port}`));
  });
  const shown = all.slice(0, SHOWN_MAX).join(',');
  const more = all.length > SHOWN_MAX ? ` + ${all.length - SHOWN_MAX} more...` : '';
  return [all.length === 0 ? NONE : shown + more, ageOf(endpoints, nowMs)];
}

const integers = (...names: string[]): PrinterColumn[] =>
  names.map((name) => column(name, 0, 'integer'));

/** By the resource's name in the store. */
const printers: Readonly<Record<string, Printer>> = {
  '/pods': {
    columns: [
      column('Ready'),
      column('Status'),
      column('Restarts'),
      age,
      column('IP', 1),
      column('Node', 1),
      column('Nominated Node', 1),
      column('Readiness Gates', 1),
    ],
    cells: podCells,
  },
  '/services': {
    columns: [
      column('Type'),
      column('Cluster-IP'),
      column('External-IP'),
      column('Port(s)'),
      age,
      column('Selector', 1),
    ],
    cells: serviceCells,
  },
  '/nodes': {
    columns: [
      column('Status'),
      column('Roles'),
      age,
      column('Version'),
      column('Internal-IP', 1),
      column('External-IP', 1),
      column('OS-Image', 1),
      column('Kernel-Version', 1),
      column('Container-Runtime', 1),
    ],
    cells: nodeCells,
  },
  '/events': {
    columns: [
      column('Last Seen'),
      column('Type'),
      column('Reason'),
      column('Object'),
      column('Subobject', 1),
      column('Source', 1),
      column('Message'),
      column('First Seen', 1),
      column('Count', 1),
      column('Name', 1),
    ],
    hasName: true,
    cells: eventCells,
  },
  '/configmaps': {
    columns: [column('Data'), age],
    cells: (object, nowMs) => [
      countAt(object, 'data') + countAt(object, 'binaryData'),
      ageOf(object, nowMs),
    ],
  },
  '/secrets': {
    columns: [column('Type'), column('Data'), age],
    cells: (object, nowMs) => [
      textAt(object, 'type'),
      countAt(object, 'data'),
      ageOf(object, nowMs),
    ],
  },
  '/endpoints': { columns: [column('Endpoints'), age], cells: endpointCells },
  'apps/deployments': {
    columns: [column('Ready'), column('Up-to-date'), column('Available'), age, ...wideWorkload],
    cells: (object, nowMs) => [
      `${numberAt(object, 'status.readyReplicas')}/${numberAt(object, 'spec.replicas')}`,
      numberAt(object, 'status.updatedReplicas'),
      numberAt(object, 'status.availableReplicas'),
      ageOf(object, nowMs),
      ...imagesOf(object),
      selectorText(getPath(object, 'spec.selector')),
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
      selectorText(getPath(object, 'spec.selector')),
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
      selectorText(getPath(object, 'spec.selector')),
    ],
  },
  'batch/jobs': {
    columns: [column('Status'), column('Completions'), column('Duration'), age, ...wideWorkload],
    cells: jobCells,
  },
};

/** @returns undefined for kinds whose columns are JSONPaths. */
export const findBuiltinPrinter = (storeName: string): Printer | undefined =>
  Object.hasOwn(printers, storeName) ? printers[storeName] : undefined;
