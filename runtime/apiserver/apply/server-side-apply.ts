/**
 * Server-side apply: merges what a manager applies into the live object, removes what the same
 * manager applied before and no longer does, and refuses to change what others own unless forced.
 * Pure. What is a list of keyed items is the schema's business.
 * Source: sigs.k8s.io/structured-merge-diff merge/update.go (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { getKey, isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import type { MergeSchema } from '../patch/merge-schema.ts';
import { StatusError, type GroupResource, type StatusCause } from '../status-error.ts';
import {
  compareFields,
  differenceOf,
  fieldsOf,
  formatFieldsV1,
  formatPaths,
  intersectionOf,
  isEmptySet,
  itemId,
  members,
  unionOf,
  type FieldSet,
} from './field-set.ts';
import {
  formatManagedFields,
  parseManagedFields,
  trackedPart,
  type FieldWriter,
  type ManagerEntry,
} from './managed-fields.ts';

const BEFORE_FIRST_APPLY = 'before-first-apply';

export interface ApplyOptions {
  readonly resource: GroupResource;
  readonly writer: FieldWriter;
  readonly force: boolean;
  readonly schema: MergeSchema;
}

/**
 * @returns the object to store, managedFields included.
 * @throws {StatusError} 409 with one cause per field when another manager owns a changed field.
 */
export function applyConfiguration(
  live: KubeObject | undefined,
  applied: KubeObject,
  options: ApplyOptions,
): KubeObject {
  const { writer, schema } = options;
  const config = trackedPart(applied);
  const current = live ? trackedPart(live) : {};
  const appliedFields = fieldsOf(config, schema);
  const { own, others } = splitEntries(live, applied, options);

  const merged = mergeApplied(current, config, schema, []) as JsonObject;
  const { changed } = compareFields(current, merged, schema);
  const settled = settleConflicts(others, changed, options);
  const kept = settled.map(({ fields }) => fields).reduce(unionOf, appliedFields);
  const gone = own ? differenceOf(own.fields, kept) : undefined;
  const pruned = gone ? (prune(merged, gone, kept, { schema, path: [] }) as JsonObject) : merged;

  const isSame = own && jsonEqual(formatFieldsV1(own.fields), formatFieldsV1(appliedFields));
  const managedFields = formatManagedFields([
    ...settled,
    {
      manager: writer.manager,
      operation: 'Apply',
      apiVersion: applied.apiVersion,
      time: isSame ? own.time : writer.now,
      subresource: writer.subresource,
      fields: appliedFields,
    },
  ]);
  return assemble(live ?? applied, pruned, managedFields);
}

function splitEntries(
  live: KubeObject | undefined,
  applied: KubeObject,
  { writer, schema }: ApplyOptions,
): { own: ManagerEntry | undefined; others: ManagerEntry[] } {
  const entries = parseManagedFields(live?.metadata.managedFields);
  if (live && entries.length === 0)
    entries.push({
      manager: BEFORE_FIRST_APPLY,
      operation: 'Update',
      apiVersion: applied.apiVersion,
      time: writer.now,
      subresource: undefined,
      fields: fieldsOf(trackedPart(live), schema),
    });
  const isOwn = (entry: ManagerEntry): boolean =>
    entry.operation === 'Apply' &&
    entry.manager === writer.manager &&
    entry.subresource === writer.subresource;
  return { own: entries.find(isOwn), others: entries.filter((entry) => !isOwn(entry)) };
}

/** Throws, or with `force` takes the changed fields away from their owners. */
function settleConflicts(
  others: readonly ManagerEntry[],
  changed: FieldSet,
  options: ApplyOptions,
): readonly ManagerEntry[] {
  if (options.force)
    return others.map((entry) => ({ ...entry, fields: differenceOf(entry.fields, changed) }));
  const causes: StatusCause[] = others.flatMap((entry) => {
    const contested = intersectionOf(entry.fields, changed);
    if (isEmptySet(contested)) return [];
    const subresource = entry.subresource ? ` with subresource "${entry.subresource}"` : '';
    return formatPaths(contested).map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${entry.manager}"${subresource} using ${entry.apiVersion}`,
      field,
    }));
  });
  if (causes.length === 0) return others;
  const list = causes.map(({ message, field }) => `${message}: ${field}`).join('\n- ');
  const noun = causes.length === 1 ? 'conflict' : 'conflicts';
  throw new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Apply failed with ${causes.length} ${noun}: ${causes.length === 1 ? '' : '\n- '}${list}`,
    details: { causes },
  });
}

function mergeApplied(
  live: unknown,
  applied: unknown,
  schema: MergeSchema,
  path: readonly string[],
): unknown {
  if (Array.isArray(applied) && Array.isArray(live)) return mergeList(live, applied, schema, path);
  if (!isJsonObject(applied) || !isJsonObject(live) || schema.isAtomicMap(path)) return applied;
  const result: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied))
    setKey(result, key, mergeApplied(getKey(live, key), value, schema, [...path, key]));
  return result;
}

/** Items keep the live order; new ones follow in the applied order. */
function mergeList(
  live: readonly unknown[],
  applied: readonly unknown[],
  schema: MergeSchema,
  path: readonly string[],
): unknown {
  const liveItems = members(live, schema, path);
  const appliedItems = members(applied, schema, path);
  if (!liveItems || !appliedItems) return applied;
  const result = new Map(liveItems);
  for (const [id, item] of appliedItems) {
    const old = liveItems.get(id);
    result.set(id, old === undefined ? item : mergeApplied(old, item, schema, path));
  }
  return [...result.values()];
}

/**
 * Removes what `gone` names. A container that becomes empty by it goes too, unless somebody holds
 * it; a list item goes with everything in it once nobody holds any of it.
 */
function prune(
  value: unknown,
  gone: FieldSet,
  kept: FieldSet | undefined,
  where: { schema: MergeSchema; path: readonly string[] },
): unknown {
  const { schema, path } = where;
  if (Array.isArray(value)) {
    const shape = schema.listShape(path);
    return value.flatMap((item) => {
      const id = itemId(item, shape) ?? '';
      const goneItem = gone.children.get(id);
      if (!goneItem) return [item];
      const keptItem = kept?.children.get(id);
      if (!keptItem && goneItem.owned) return [];
      return [prune(item, goneItem, keptItem, where)];
    });
  }
  if (!isJsonObject(value)) return value;
  const result: JsonObject = { ...value };
  for (const [id, goneChild] of gone.children) {
    const key = id.slice(2);
    const keptChild = kept?.children.get(id);
    const child = getKey(result, key);
    if (child === undefined || (goneChild.children.size === 0 && keptChild)) continue;
    if (goneChild.children.size === 0) delete result[key];
    else {
      const rest = prune(child, goneChild, keptChild, { schema, path: [...path, key] });
      if (!keptChild && isEmptyContainer(rest)) delete result[key];
      else setKey(result, key, rest);
    }
  }
  return result;
}

const isEmptyContainer = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length === 0
    : isJsonObject(value) && Object.keys(value).length === 0;

/** Puts the tracked part back under the object's address and the metadata that only the server sets. */
function assemble(base: KubeObject, tracked: JsonObject, managedFields: unknown[]): KubeObject {
  const { metadata: trackedMetadata, ...rest } = tracked;
  const {
    labels: _labels,
    annotations: _annotations,
    finalizers: _finalizers,
    ownerReferences: _ownerReferences,
    generateName: _generateName,
    ...address
  } = base.metadata;
  return {
    apiVersion: base.apiVersion,
    kind: base.kind,
    metadata: { ...address, ...(trackedMetadata as object | undefined), managedFields },
    ...rest,
  };
}
