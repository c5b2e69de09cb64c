/**
 * What kubectl prints: `Table` and `PartialObjectMetadata` renderings of objects and lists. Pure.
 * Source: k8s.io/apimachinery meta/v1 Table; ages as k8s.io/apimachinery pkg/util/duration prints.
 */
import type { PrinterColumn } from '../apis/meta/kind-definition.ts';
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import { readJsonPath } from './json-path.ts';
import type { JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { findBuiltinPrinter } from './printing/builtin-printers.ts';
import { formatAge } from './printing/format-age.ts';

/** How an answer is to look, from the `Accept` header. */
export interface Rendering {
  readonly as: 'object' | 'table' | 'metadata';
  /** `includeObject` of a table: what each row carries. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

export const plainRendering: Rendering = { as: 'object', includeObject: 'Metadata' };

/** Picks the first rendering of an `Accept` header that we have. @returns undefined when none is JSON. */
export function parseAccept(
  accept: string | undefined,
  includeObject: string | undefined,
): Rendering | undefined {
  const include =
    includeObject === 'None' || includeObject === 'Object' ? includeObject : 'Metadata';
  if (accept === undefined || accept === '') return plainRendering;
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type.toLowerCase())) continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    const group = parameters.find((parameter) => parameter.startsWith('g='))?.slice(2);
    if (as === undefined) return { as: 'object', includeObject: include };
    if (group !== 'meta.k8s.io') continue;
    if (as === 'Table') return { as: 'table', includeObject: include };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { as: 'metadata', includeObject: include };
  }
  return undefined;
}

export function renderObject(
  object: KubeObject,
  rendering: Rendering,
  options: { resource: Resource; nowMs: number; withHeader?: boolean },
): unknown {
  if (rendering.as === 'object') return object;
  if (rendering.as === 'metadata') return toMetadata(object);
  const { resourceVersion } = object.metadata;
  return makeTable([object], { resourceVersion }, rendering, options);
}

export function renderList(
  list: KubeList,
  rendering: Rendering,
  options: { resource: Resource; nowMs: number },
): unknown {
  if (rendering.as === 'object') return list;
  if (rendering.as === 'table') return makeTable(list.items, list.metadata, rendering, options);
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata: list.metadata,
    items: list.items.map(toMetadata),
  };
}

const toMetadata = (object: KubeObject): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata,
});

const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
};

function makeTable(
  objects: readonly KubeObject[],
  metadata: object,
  rendering: Rendering,
  {
    resource,
    nowMs,
    withHeader = true,
  }: { resource: Resource; nowMs: number; withHeader?: boolean },
): unknown {
  const { definition } = resource;
  const printer = definition.cells ? undefined : findBuiltinPrinter(resource.storeName);
  const own = printer?.columns ?? definition.columns ?? [];
  // A CRD that names columns names all of them; native kinds' age is always the last.
  const isComplete =
    definition.cells !== undefined ||
    printer !== undefined ||
    (definition.schema !== undefined && own.length > 0);
  const hasAge = isComplete || own.some(({ name }) => name.toLowerCase() === 'age');
  const columns = hasAge ? own : [...own, ageColumn];
  const nameColumn = { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    // A watch sends the header once, with its first event.
    columnDefinitions: !withHeader
      ? null
      : [
          ...(printer?.hasName ? [] : [nameColumn]),
          ...columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
            name,
            // Dates are sent as ages, ready to print; of native kinds upstream says so in the type.
            type: type === 'date' && !isComplete ? 'string' : type,
            format,
            description,
            priority,
          })),
        ],
    rows: objects.map((object) => ({
      cells: [
        ...(printer?.hasName ? [] : [object.metadata.name]),
        ...(definition.cells?.(object, nowMs) ??
          printer?.cells(object as unknown as JsonObject, nowMs) ??
          columns.map((column) => makeCell(object, column, nowMs))),
      ],
      ...(rendering.includeObject === 'None'
        ? {}
        : { object: rendering.includeObject === 'Object' ? object : toMetadata(object) }),
    })),
  };
}

function makeCell(object: KubeObject, column: PrinterColumn, nowMs: number): unknown {
  const value = readJsonPath(object, column.jsonPath);
  if (column.type === 'date') {
    const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(time) ? '<unknown>' : formatAge(nowMs - time);
  }
  // kubectl shows nothing for null.
  if (value === undefined || value === null) return null;
  if (column.type === 'integer' || column.type === 'number')
    return typeof value === 'string' ? Number(value) : value;
  return typeof value === 'object' ? JSON.stringify(value) : value;
}
