/**
 * The columns of access rules, quotas, webhooks and network kinds, as kubectl shows them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import type { PrinterColumn } from '../../apis/meta/kind-definition.ts';
import { getPath, isJsonObject, type JsonObject } from '../json-value.ts';
import {
  age,
  ageOf,
  column,
  integers,
  labelSelectorText,
  listAt,
  NONE,
  numberAt,
  SHOWN_MAX,
  textAt,
  type Printer,
} from './printer.ts';

const createdAt: PrinterColumn = { ...column('Created At'), type: 'date' };
const createdAtCell = (object: JsonObject): readonly unknown[] => [
  textAt(object, 'metadata.creationTimestamp'),
];
/** Upstream has no printer for these, and shows what it shows of any object. */
const anyPrinter: Printer = { columns: [createdAt], cells: createdAtCell };

const bindingPrinter: Printer = {
  columns: [
    column('Role'),
    age,
    column('Users', 1),
    column('Groups', 1),
    column('ServiceAccounts', 1),
  ],
  cells: (binding, nowMs) => {
    const subjects = listAt(binding, 'subjects');
    const names = (kind: string): string =>
      subjects
        .filter((subject) => subject['kind'] === kind)
        .map((subject) =>
          kind === 'ServiceAccount'
            ? `${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`
            : textAt(subject, 'name'),
        )
        .join(', ');
    return [
      `${textAt(binding, 'roleRef.kind')}/${textAt(binding, 'roleRef.name')}`,
      ageOf(binding, nowMs),
      names('User'),
      names('Group'),
      names('ServiceAccount'),
    ];
  },
};

const webhookPrinter: Printer = {
  columns: [...integers('Webhooks'), age],
  cells: (object, nowMs) => [listAt(object, 'webhooks').length, ageOf(object, nowMs)],
};

function quotaCells(quota: JsonObject, nowMs: number): readonly unknown[] {
  const hard = getPath(quota, 'status.hard');
  const used = getPath(quota, 'status.used');
  const requests: string[] = [];
  const limits: string[] = [];
  for (const name of Object.keys(isJsonObject(hard) ? hard : {}).sort()) {
    const total = isJsonObject(hard) ? String(hard[name]) : '0';
    const taken = isJsonObject(used) && used[name] !== undefined ? String(used[name]) : '0';
    const list = name.startsWith('limits.') ? limits : requests;
    list.push(`${name}: ${taken}/${total}`);
  }
  return [requests.join(', '), limits.join(', '), ageOf(quota, nowMs)];
}

function ingressCells(ingress: JsonObject, nowMs: number): readonly unknown[] {
  const rules = listAt(ingress, 'spec.rules');
  const hosts = rules
    .slice(0, SHOWN_MAX)
    .map((rule) => textAt(rule, 'host'))
    .filter((host) => host !== '');
  const more = rules.length > SHOWN_MAX ? ` + ${rules.length - SHOWN_MAX} more...` : '';
  const addresses = listAt(ingress, 'status.loadBalancer.ingress')
    .map((entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'))
    .filter((address) => address !== '');
  const address = [...new Set(addresses)].sort().join(',');
  return [
    textAt(ingress, 'spec.ingressClassName') || NONE,
    hosts.length === 0 ? '*' : `${hosts.join(',')}${more}`,
    address,
    listAt(ingress, 'spec.tls').length > 0 ? '80, 443' : '80',
    ageOf(ingress, nowMs),
  ];
}

function ingressClassCells(object: JsonObject, nowMs: number): readonly unknown[] {
  const parameters = getPath(object, 'spec.parameters');
  const group = textAt(parameters, 'apiGroup');
  return [
    textAt(object, 'spec.controller'),
    isJsonObject(parameters)
      ? `${textAt(parameters, 'kind')}${group === '' ? '' : `.${group}`}/${textAt(parameters, 'name')}`
      : NONE,
    ageOf(object, nowMs),
  ];
}

function sliceCells(slice: JsonObject, nowMs: number): readonly unknown[] {
  const ports = listAt(slice, 'ports').map((port) =>
    typeof port['port'] === 'number' ? String(port['port']) : textAt(port, 'name') || '*',
  );
  const addresses = listAt(slice, 'endpoints').flatMap((endpoint) => {
    const list = endpoint['addresses'];
    return Array.isArray(list) ? list.map(String) : [];
  });
  return [
    textAt(slice, 'addressType'),
    withMore(ports, '<unset>'),
    withMore(addresses, '<unset>'),
    ageOf(slice, nowMs),
  ];
}

function withMore(texts: readonly string[], none: string): string {
  if (texts.length === 0) return none;
  const more = texts.length > SHOWN_MAX ? ` + ${texts.length - SHOWN_MAX} more...` : '';
  return texts.slice(0, SHOWN_MAX).join(',') + more;
}

const amountAt = (object: JsonObject, path: string): string => {
  const value = getPath(object, path);
  return typeof value === 'number' || typeof value === 'string' ? String(value) : 'N/A';
};

/** By the resource's name in the store. */
export const policyPrinters: Readonly<Record<string, Printer>> = {
  '/limitranges': anyPrinter,
  '/resourcequotas': { columns: [column('Request'), column('Limit'), age], cells: quotaCells },
  'rbac.authorization.k8s.io/roles': anyPrinter,
  'rbac.authorization.k8s.io/clusterroles': anyPrinter,
  'rbac.authorization.k8s.io/rolebindings': bindingPrinter,
  'rbac.authorization.k8s.io/clusterrolebindings': bindingPrinter,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': webhookPrinter,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': webhookPrinter,
  'coordination.k8s.io/leases': {
    columns: [column('Holder'), age],
    cells: (object, nowMs) => [textAt(object, 'spec.holderIdentity'), ageOf(object, nowMs)],
  },
  'discovery.k8s.io/endpointslices': {
    columns: [column('AddressType'), column('Ports'), column('Endpoints'), age],
    cells: sliceCells,
  },
  'networking.k8s.io/ingresses': {
    columns: [column('Class'), column('Hosts'), column('Address'), column('Ports'), age],
    cells: ingressCells,
  },
  'networking.k8s.io/ingressclasses': {
    columns: [column('Controller'), column('Parameters'), age],
    name: (object) => {
      const annotations = getPath(object, 'metadata.annotations');
      const isDefault =
        isJsonObject(annotations) &&
        annotations['ingressclass.kubernetes.io/is-default-class'] === 'true';
      return `${textAt(object, 'metadata.name')}${isDefault ? ' (default)' : ''}`;
    },
    cells: ingressClassCells,
  },
  'networking.k8s.io/networkpolicies': {
    columns: [column('Pod-Selector'), age],
    cells: (object, nowMs) => [
      labelSelectorText(getPath(object, 'spec.podSelector')),
      ageOf(object, nowMs),
    ],
  },
  'policy/poddisruptionbudgets': {
    columns: [
      column('Min Available'),
      column('Max Unavailable'),
      ...integers('Allowed Disruptions'),
      age,
    ],
    cells: (object, nowMs) => [
      amountAt(object, 'spec.minAvailable'),
      amountAt(object, 'spec.maxUnavailable'),
      numberAt(object, 'status.disruptionsAllowed'),
      ageOf(object, nowMs),
    ],
  },
  'scheduling.k8s.io/priorityclasses': {
    columns: [
      ...integers('Value'),
      { ...column('Global-Default'), type: 'boolean' },
      age,
      column('PreemptionPolicy'),
    ],
    cells: (object, nowMs) => [
      numberAt(object, 'value'),
      getPath(object, 'globalDefault') === true,
      ageOf(object, nowMs),
      textAt(object, 'preemptionPolicy'),
    ],
  },
};
