/**
 * The columns of the core kinds, as kubectl shows them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import { getPath, isJsonObject, type JsonObject } from '../json-value.ts';
import { formatAge } from './format-age.ts';
import {
  NONE,
  UNKNOWN,
  SHOWN_MAX,
  column,
  age,
  listAt,
  textAt,
  numberAt,
  since,
  ageOf,
  join,
  selectorText,
  countAt,
  type Printer,
} from './printer.ts';

function podCells(pod: JsonObject, nowMs: number): readonly unknown[] {
  const statuses = listAt(pod, 'status.containerStatuses');
  const total = listAt(pod, 'spec.containers').length;
  const ready = statuses.filter((status) => status['ready'] === true).length;
  const reason = podReason(pod, statuses);
  // Until the first containers are through, theirs are the restarts that count.
  const counted = reason.startsWith('Init:')
    ? listAt(pod, 'status.initContainerStatuses')
    : statuses;
  const restarts = counted.reduce((sum, status) => sum + numberAt(status, 'restartCount'), 0);
  const ended = counted
    .map((status) => Date.parse(textAt(status, 'lastState.terminated.finishedAt')))
    .filter((time) => !Number.isNaN(time));
  const last = ended.length === 0 ? '' : ` (${formatAge(nowMs - Math.max(...ended))} ago)`;
  return [
    `${ready}/${total}`,
    reason,
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

/** By the resource's name in the store. */
export const corePrinters: Readonly<Record<string, Printer>> = {
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
      { ...column('Name', 1), format: 'name' },
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
};
