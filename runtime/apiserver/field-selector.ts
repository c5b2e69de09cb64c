/**
 * Field selectors (`metadata.name=a,status.phase!=Running`): equality on a few fields per resource.
 * Pure. Source: k8s.io/apimachinery pkg/fields; the fields per resource are those that upstream's
 * registries select on.
 */
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import { getPath } from './json-value.ts';
import { formatGroupResource, StatusError, type GroupResource } from './status-error.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

export type FieldSelector = readonly FieldRequirement[];

const commonFields = ['metadata.name', 'metadata.namespace'];
const selectableFields: Readonly<Record<string, readonly string[]>> = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  namespaces: ['status.phase'],
  nodes: ['spec.unschedulable'],
  secrets: ['type'],
  services: ['spec.clusterIP', 'spec.type'],
};

/** @throws {StatusError} 400 when the text is no selector or names a field that cannot be selected. */
export function parseFieldSelector(
  text: string,
  resource: GroupResource & { readonly definition?: KindDefinition },
): FieldSelector {
  if (text === '') return [];
  const allowed =
    resource.definition?.selectableFields ?? selectableFields[formatGroupResource(resource)] ?? [];
  return text.split(',').map((part) => {
    const match = /^\s*([\w.[\]-]+?)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
    if (!match)
      throw StatusError.badRequest(
        `invalid selector: ${JSON.stringify(text)}; can't understand ${JSON.stringify(part)}`,
      );
    const [, field = '', operator = '', value = ''] = match;
    if (!commonFields.includes(field) && !allowed.includes(field))
      throw StatusError.badRequest(
        `field label not supported: ${field}; ${formatGroupResource(resource)} can be selected by ${[...commonFields, ...allowed].join(', ')}`,
      );
    return { field, isEqual: operator !== '!=', value };
  });
}

export function matchesFields(selector: FieldSelector, object: KubeObject): boolean {
  return selector.every(({ field, isEqual, value }) => {
    const raw = field === 'source' ? eventSource(object) : getPath(object, field);
    const actual = typeof raw === 'object' ? JSON.stringify(raw) : String(raw ?? '');
    return (actual === value) === isEqual;
  });
}

/** Upstream selects events by their source's component, or by the reporting one. */
const eventSource = (object: KubeObject): unknown =>
  getPath(object, 'source.component') ?? getPath(object, 'reportingComponent');
