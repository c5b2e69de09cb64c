/**
 * `metadata.managedFields`: who set which field last. Pure.
 *
 * Tracking begins with the first write that names a field manager (any write over HTTP, any apply).
 * Knit's own controllers write in process without one: objects that only they touch carry no
 * managedFields, which keeps the path of a scale-up short; if someone applies such an object
 * later, its earlier fields belong to `before-first-apply`, as upstream does for objects without
 * a record. Source: k8s.io/apimachinery pkg/util/managedfields (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, jsonEqual, type JsonObject } from '../json-value.ts';
import type { MergeSchema } from '../patch/merge-schema.ts';
import {
  compareFields,
  differenceOf,
  formatFieldsV1,
  isEmptySet,
  parseFieldsV1,
  unionOf,
  type FieldSet,
} from './field-set.ts';

export interface ManagerEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time: string | undefined;
  readonly subresource: string | undefined;
  readonly fields: FieldSet;
}

/** Who writes, for the entry. */
export interface FieldWriter {
  readonly manager: string;
  readonly subresource: string | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/** Update entries kept per object; older ones are merged, as upstream's limit does. */
const UPDATE_ENTRIES_MAX = 10;
const ANCIENT = 'ancient-changes';

export function parseManagedFields(value: unknown): ManagerEntry[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isJsonObject).flatMap((entry): ManagerEntry[] => {
    const { manager, operation, apiVersion, time, subresource, fieldsV1 } = entry;
    if (operation !== 'Apply' && operation !== 'Update') return [];
    return [
      {
        manager: typeof manager === 'string' ? manager : '',
        operation,
        apiVersion: typeof apiVersion === 'string' ? apiVersion : '',
        time: typeof time === 'string' ? time : undefined,
        subresource:
          typeof subresource === 'string' && subresource !== '' ? subresource : undefined,
        fields: parseFieldsV1(fieldsV1),
      },
    ];
  });
}

export function formatManagedFields(entries: readonly ManagerEntry[]): JsonObject[] {
  return capUpdates(entries)
    .filter(({ fields }) => !isEmptySet(fields))
    .map((entry) => ({
      manager: entry.manager,
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      ...(entry.time === undefined ? {} : { time: entry.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: formatFieldsV1(entry.fields),
      ...(entry.subresource === undefined ? {} : { subresource: entry.subresource }),
    }));
}

/**
 * The entries after an update: the writer owns what it changed, everyone loses what was changed or
 * removed. Returns the old list itself when no owned field changed hands.
 */
export function recordUpdate(
  old: KubeObject | undefined,
  updated: KubeObject,
  writer: FieldWriter,
  schema: MergeSchema,
): unknown[] {
  const before = old?.metadata.managedFields ?? [];
  const { changed, removed } = compareFields(old && trackedPart(old), trackedPart(updated), schema);
  if (old && isEmptySet(changed) && isEmptySet(removed)) return before;
  const lost = unionOf(changed, removed);
  const entries = parseManagedFields(before);
  const isOwn = (entry: ManagerEntry): boolean =>
    entry.manager === writer.manager &&
    entry.operation === 'Update' &&
    entry.subresource === writer.subresource &&
    entry.apiVersion === updated.apiVersion;
  const own = entries.find(isOwn);
  const others = entries
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ ...entry, fields: differenceOf(entry.fields, lost) }));
  const fields = unionOf(own ? differenceOf(own.fields, removed) : parseFieldsV1({}), changed);
  return formatManagedFields([
    ...others,
    {
      manager: writer.manager,
      operation: 'Update',
      apiVersion: updated.apiVersion,
      time:
        own && jsonEqual(formatFieldsV1(own.fields), formatFieldsV1(fields))
          ? own.time
          : writer.now,
      subresource: writer.subresource,
      fields,
    },
  ]);
}

/** The part of an object that can be owned: everything but its address and what the server sets. */
export function trackedPart(object: KubeObject): JsonObject {
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata,
    ...rest
  } = object as KubeObject & JsonObject;
  const { labels, annotations, finalizers, ownerReferences, generateName } = metadata;
  const tracked = { labels, annotations, finalizers, ownerReferences, generateName };
  const entries = Object.entries(tracked).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(entries) };
}

function capUpdates(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update');
  if (updates.length <= UPDATE_ENTRIES_MAX) return entries;
  const oldest = [...updates]
    .sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
    .slice(0, updates.length - UPDATE_ENTRIES_MAX + 1);
  const [first] = oldest;
  if (!first) return entries;
  const fields = oldest.map((entry) => entry.fields).reduce(unionOf);
  const merged: ManagerEntry = { ...first, manager: ANCIENT, subresource: undefined, fields };
  return [merged, ...entries.filter((entry) => !oldest.includes(entry))];
}
