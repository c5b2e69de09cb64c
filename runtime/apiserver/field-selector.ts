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
  const own =
    resource.definition?.selectableFields ?? selectableFields[formatGroupResource(resource)];
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => {
      const [, field = '', operator, escaped = ''] = /^(.*?)(!=|==|=)(.*)$/s.exec(term) ?? [];
      if (operator === undefined)
        throw StatusError.badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      const value = unescape(escaped);
      if (!commonFields.includes(field) && !own?.includes(field))
        throw StatusError.badRequest(
          own
            ? `field label not supported: ${field}`
            : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
        );
      return { field, isEqual: operator !== '!=', value };
    });
}

/** Splits at commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  // As upstream, whose refusal names the first bad term in this order.
  return terms.sort();
}

/** @throws {StatusError} 400 */
function unescape(text: string): string {
  return text.replace(/\\(.?)|([,=])/gs, (whole, escaped: string | undefined, bare?: string) => {
    if (bare !== undefined)
      throw StatusError.badRequest(
        `invalid field selector: unescaped character in value: ${bare.charCodeAt(0)}`,
      );
    if (!escaped || !['\\', ',', '='].includes(escaped))
      throw StatusError.badRequest(`invalid field selector: invalid escape sequence: ${whole}`);
    return escaped;
  });
}

export function matchesFields(selector: FieldSelector, object: KubeObject): boolean {
  return selector.every(({ field, isEqual, value }) => {
    const raw = field === 'source' ? eventSource(object) : getPath(object, field);
    const actual =
      typeof raw === 'object' ? JSON.stringify(raw) : String(raw ?? unsetValues[field] ?? '');
    return (actual === value) === isEqual;
  });
}

/** What an unset field counts as, where it is not the empty text: Go's zero values. */
const unsetValues: Readonly<Record<string, string>> = {
  'spec.hostNetwork': 'false',
  'spec.unschedulable': 'false',
};

/** Upstream selects events by their source's component, or by the reporting one. */
const eventSource = (object: KubeObject): unknown =>
  getPath(object, 'source.component') ?? getPath(object, 'reportingComponent');
