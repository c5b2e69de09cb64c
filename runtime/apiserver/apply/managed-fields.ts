/**
 * `metadata.managedFields` as entries: read, written in the API's order, and kept few. Pure.
 * Source: k8s.io/apimachinery pkg/util/managedfields (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import { emptySet, formatFieldsV1, isEmptySet, parseFieldsV1, unionOf } from './field-set.ts';
import type { FieldSet } from './field-set.ts';

export interface ManagerEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** RFC 3339; undefined of a manager that has never changed anything. */
  readonly time: string | undefined;
  readonly subresource: string | undefined;
  readonly fields: FieldSet;
}

/** Who writes, for the entry. */
export interface FieldWriter {
  readonly manager: string;
  readonly subresource: string | undefined;
  /** RFC 3339; undefined on paths whose entries have no time: that of `scale`. */
  readonly now: string | undefined;
}

/** Update entries kept per object; older ones are merged, as upstream's limit does. */
const UPDATE_ENTRIES_MAX = 10;
const ANCIENT = 'ancient-changes';

/** The entries, or undefined when one of them is not in the format. */
export function parseManagedFields(value: unknown): ManagerEntry[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const entries = value.map(parseEntry);
  return entries.includes(undefined) ? undefined : (entries as ManagerEntry[]);
}

function parseEntry(entry: unknown): ManagerEntry | undefined {
  if (!isJsonObject(entry)) return undefined;
  const { manager, operation, apiVersion, time, subresource, fieldsType, fieldsV1 } = entry;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (typeof apiVersion !== 'string' || apiVersion === '' || fieldsType !== 'FieldsV1')
    return undefined;
  return {
    manager: typeof manager === 'string' ? manager : '',
    operation,
    apiVersion,
    time: typeof time === 'string' ? time : undefined,
    subresource: typeof subresource === 'string' && subresource !== '' ? subresource : undefined,
    fields: parseFieldsV1(fieldsV1),
  };
}

/** One manager has one entry: by path, and for updates by version too. */
export const isSameManager = (a: Omit<ManagerEntry, 'fields'>, b: typeof a): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

/** The API's form; undefined when nobody owns anything. */
export function formatManagedFields(entries: readonly ManagerEntry[]): JsonObject[] | undefined {
  const owning = entries.filter(({ fields }) => !isEmptySet(fields));
  if (owning.length === 0) return undefined;
  return owning.sort(byAge).map((entry) => ({
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFieldsV1(entry.fields),
    ...(entry.subresource === undefined ? {} : { subresource: entry.subresource }),
  }));
}

/** Applies before updates, then the oldest first. */
function byAge(a: ManagerEntry, b: ManagerEntry): number {
  const keysOf = (entry: ManagerEntry): readonly string[] => [
    entry.operation,
    entry.time ?? '',
    entry.manager,
    entry.apiVersion,
    entry.subresource ?? '',
  ];
  const ofB = keysOf(b);
  for (const [index, key] of keysOf(a).entries()) {
    const other = ofB[index] ?? '';
    if (key !== other) return key < other ? -1 : 1;
  }
  return 0;
}

/** Merges the oldest update entries of each version into one until there are few enough. */
export function withFewUpdates(entries: readonly ManagerEntry[]): readonly ManagerEntry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update').sort(byAge);
  let surplus = updates.length - UPDATE_ENTRIES_MAX;
  if (surplus <= 0) return entries;
  const firsts = new Map<string, ManagerEntry>();
  const buckets = new Map<string, ManagerEntry>();
  const merged = new Set<ManagerEntry>();
  for (const entry of updates) {
    if (surplus === 0) break;
    const { apiVersion } = entry;
    const first = firsts.get(apiVersion);
    if (!first) {
      firsts.set(apiVersion, entry);
      continue;
    }
    const bucket = buckets.get(apiVersion) ?? first;
    merged.add(first).add(entry);
    const fields = unionOf(bucket.fields, entry.fields);
    buckets.set(apiVersion, { ...entry, manager: ANCIENT, subresource: undefined, fields });
    surplus--;
  }
  return [...entries.filter((entry) => !merged.has(entry)), ...buckets.values()];
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

/** Nobody owns metadata as a whole: only fields of it. */
export function withoutMetadataItself(set: FieldSet): FieldSet {
  const metadata = set.children.get('f:metadata');
  if (!metadata?.owned) return set;
  const children = new Map(set.children);
  if (metadata.children.size === 0) children.delete('f:metadata');
  else children.set('f:metadata', { ...metadata, owned: false });
  return children.size === 0 && !set.owned ? emptySet : { owned: set.owned, children };
}
