/**
 * What kubectl prints: `Table` and `PartialObjectMetadata` renderings of objects and lists. Pure.
 * Source: k8s.io/apimachinery meta/v1 Table; ages as k8s.io/apimachinery pkg/util/duration prints.
 */
import type { PrinterColumn } from '../apis/meta/kind-definition.ts';
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import { isBuiltinKind } from '../apis/schema/type-table.ts';
import { readJsonPath } from './json-path.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { findBuiltinPrinter } from './printing/builtin-printers.ts';
import { formatAge } from './printing/format-age.ts';
import type { Printer } from './printing/printer.ts';
import { StatusError } from './status-error.ts';

/** How an answer is to look, from the `Accept` header. */
export interface Rendering {
  readonly as: 'object' | 'table' | 'metadata' | 'metadata-list';
  /** Of meta.k8s.io. */
  readonly version: 'v1' | 'v1beta1';
  /** `includeObject` of a table: what each row carries. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

export const plainRendering: Rendering = { as: 'object', version: 'v1', includeObject: 'Metadata' };

/** @throws {StatusError} 406 for the rendering of a list. */
export function renderObject(
  object: KubeObject,
  rendering: Rendering,
  options: { resource: Resource; nowMs: number; withHeader?: boolean },
): unknown {
  const { resourceVersion } = object.metadata;
  switch (rendering.as) {
    case 'object':
      return object;
    case 'metadata':
      return toMetadata(object, rendering);
    case 'metadata-list':
      throw StatusError.unfitRendering(
        `you requested PartialObjectMetadataList, but the requested object is not a list (*${goType(options.resource)})`,
      );
    case 'table':
      return makeTable([object], { resourceVersion }, rendering, options);
  }
}

/** @throws {StatusError} 406 for the rendering of one object. */
export function renderList(
  list: KubeList,
  rendering: Rendering,
  options: { resource: Resource; nowMs: number },
): unknown {
  switch (rendering.as) {
    case 'object':
      return list;
    case 'metadata':
      throw StatusError.unfitRendering(
        `you requested PartialObjectMetadata, but the requested object is a list (*${goType(options.resource)}List)`,
      );
    case 'metadata-list':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${rendering.version}`,
        metadata: list.metadata,
        items: list.items.map((object) => toMetadata(object, rendering)),
      };
    case 'table':
      return makeTable(list.items, list.metadata, rendering, options);
  }
}

/** What upstream calls the type of an object in its own texts. */
const goType = ({ apiVersion, kind, group }: Resource): string =>
  isBuiltinKind(apiVersion, kind)
    ? `${group === '' ? 'core' : group.split('.')[0]}.${kind}`
    : 'unstructured.Unstructured';

const toMetadata = (object: KubeObject, { version }: Rendering): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
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
  const isCustom = resource.custom !== undefined;
  const nameColumn = { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 };
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${rendering.version}`,
    metadata,
    // A watch sends the header once, with its first event.
    columnDefinitions: !withHeader
      ? null
      : [
          ...(printer?.hasName ? [] : [nameColumn]),
          ...columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
            name,
            // Dates are sent as ages, ready to print; of native kinds upstream says so in the type.
            type: type === 'date' && !isComplete && !isCustom ? 'string' : type,
            format,
            description,
            priority,
          })),
        ],
    rows: objects.map((object) => ({
      cells: [
        ...(printer?.hasName ? [] : [nameOf(object, printer)]),
        ...(definition.cells?.(object, nowMs) ??
          printer?.cells(storedForm(definition, object) as unknown as JsonObject, nowMs) ??
          columns.map((column) => makeCell(object, column, { nowMs, isCustom }))),
      ],
      object: rowObject(object, rendering),
    })),
  };
}

/** Printers of built-in kinds know them as they are stored. */
const storedForm = ({ face }: Resource['definition'], object: KubeObject): KubeObject =>
  face?.toStored(object) ?? object;

const nameOf = (object: KubeObject, printer: Printer | undefined): string =>
  printer?.name?.(object as unknown as JsonObject) ?? object.metadata.name;

function rowObject(object: KubeObject, rendering: Rendering): unknown {
  switch (rendering.includeObject) {
    case 'None':
      return null;
    case 'Metadata':
      return toMetadata(object, rendering);
    case 'Object':
      return object;
  }
}

function makeCell(
  object: KubeObject,
  column: PrinterColumn,
  { nowMs, isCustom }: { readonly nowMs: number; readonly isCustom: boolean },
): unknown {
  const value = readJsonPath(object, column.jsonPath);
  if (column.type === 'date') {
    const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (value === undefined && isCustom) return null;
    return Number.isNaN(time) ? '<unknown>' : formatAge(nowMs - time);
  }
  // kubectl shows nothing for null.
  if (value === undefined || value === null) return null;
  if (column.type === 'integer' || column.type === 'number')
    return typeof value === 'string' ? Number(value) : value;
  return typeof value === 'object' ? sortedJson(value) : value;
}

/** As Go prints it: the names of fields in their order. */
const sortedJson = (value: object): string =>
  JSON.stringify(value, (_, item: unknown) =>
    isJsonObject(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
