/**
 * Server-side apply: lays what a manager applies over the live object, takes out what the same manager
 * applied before and no longer does, and refuses to change what others own unless forced. Pure.
 * Source: sigs.k8s.io/structured-merge-diff merge/update.go (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, jsonEqual, type JsonObject } from '../json-value.ts';
import { StatusError, type StatusCause } from '../status-error.ts';
import type { FieldRules } from './field-rules.ts';
import {
  differenceOf,
  emptySet,
  formatPaths,
  intersectionOf,
  isEmptySet,
  unionOf,
  withoutSubtrees,
  type FieldSet,
} from './field-set.ts';
import { lastAppliedFields, withLastApplied } from './last-applied.ts';
import {
  formatManagedFields,
  isSameManager,
  parseManagedFields,
  trackedPart,
  withoutMetadataItself,
  type FieldWriter,
  type ManagerEntry,
} from './managed-fields.ts';
import {
  mergeValues,
  removeFields,
  typeProblems,
  withNamedFields,
  withoutEmptied,
} from './merge-values.ts';
import type { MapNode } from './type-node.ts';
import { compareFields, fieldsOf, type Comparison } from './typed-fields.ts';

const BEFORE_FIRST_APPLY = 'before-first-apply';

export interface ApplyOptions {
  readonly writer: FieldWriter;
  readonly force: boolean;
  readonly rules: FieldRules;
}

/**
 * @returns the object to store, managedFields included.
 * @throws {StatusError} 409 with one cause per field when another manager owns a changed field; 500
 *   when the configuration is not of the kind's type.
 */
export function applyConfiguration(
  live: KubeObject | undefined,
  applied: KubeObject,
  options: ApplyOptions,
): KubeObject {
  const { writer } = options;
  const { type, reset } = options.rules;
  assertTyped(applied, type);
  const config = trackedPart(applied);
  const current = live ? trackedPart(live) : {};
  const appliedFields = withoutSubtrees(fieldsOf(config, type), reset);
  const { own, others } = splitEntries(live, applied, options);
  const merged = mergeValues(current, config, type) as JsonObject;
  const owned = others.map(({ fields }) => fields).reduce(unionOf, appliedFields);
  const pruned = own ? prune(merged, own.fields, owned, type) : merged;
  const settled = settleConflicts(live, applied, { pruned, others }, options);

  const entry: ManagerEntry = {
    manager: writer.manager,
    operation: 'Apply',
    apiVersion: applied.apiVersion,
    // Who changes nothing is given no time.
    time: jsonEqual(current, pruned) ? own?.time : writer.now,
    subresource: writer.subresource,
    fields: withoutMetadataItself(appliedFields),
  };
  const managedFields = formatManagedFields([...settled, entry]);
  const left = withoutEmptied(merged, pruned) as JsonObject;
  return withLastApplied(assemble(live ?? applied, left, managedFields), applied, writer.manager);
}

/** Upstream's error of its typed merge has no reason, and so becomes a 500. */
function assertTyped(applied: KubeObject, type: MapNode): void {
  const problems = typeProblems(applied, type);
  if (problems.length === 0) return;
  const { apiVersion, kind, metadata } = applied;
  const { namespace = '', name } = metadata;
  const qualified = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  const text = problems.length === 1 ? problems[0] : `errors:\n  ${problems.join('\n  ')}`;
  throw new StatusError({
    code: 500,
    message: `failed to create typed patch object (${namespace}/${name}; ${qualified}, Kind=${kind}): ${text}`,
  });
}

function splitEntries(
  live: KubeObject | undefined,
  applied: KubeObject,
  { writer, rules: { type, reset, empty } }: ApplyOptions,
): { own: ManagerEntry | undefined; others: ManagerEntry[] } {
  const entries = parseManagedFields(live?.metadata.managedFields) ?? [];
  if (live && entries.length === 0)
    entries.push({
      manager: BEFORE_FIRST_APPLY,
      operation: 'Update',
      apiVersion: applied.apiVersion,
      time: writer.now,
      subresource: writer.subresource,
      fields: withoutMetadataItself(
        withoutSubtrees(setBy(compareFields(empty, trackedPart(live), type)), reset),
      ),
    });
  const { manager, subresource } = writer;
  const identity = { manager, subresource, operation: 'Apply', apiVersion: '', time: '' } as const;
  const isOwn = (entry: ManagerEntry): boolean => isSameManager(entry, identity);
  return { own: entries.find(isOwn), others: entries.filter((entry) => !isOwn(entry)) };
}

const setBy = ({ added, modified }: Comparison): FieldSet => unionOf(modified, added);

/** Takes out what the manager applied last time, unless somebody owns it or it never was only its own. */
function prune(merged: JsonObject, last: FieldSet, owned: FieldSet, type: MapNode): JsonObject {
  if (isEmptySet(last)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(set, type);
  const without = (gone: FieldSet): JsonObject =>
    (removeFields(merged, gone, type) as JsonObject | undefined) ?? {};
  const all = named(fieldsOf(merged, type));
  const lastNamed = named(last);
  const stripped = named(fieldsOf(without(lastNamed), type));
  const kept = without(differenceOf(all, unionOf(stripped, named(owned))));
  const gone = differenceOf(all, named(fieldsOf(kept, type)));
  return without(intersectionOf(gone, lastNamed));
}

/** Throws, or with `force` takes the changed fields away from their owners. */
function settleConflicts(
  live: KubeObject | undefined,
  applied: KubeObject,
  { pruned, others }: { pruned: JsonObject; others: readonly ManagerEntry[] },
  { writer, force, rules: { type, reset } }: ApplyOptions,
): readonly ManagerEntry[] {
  const comparison = compareFields(live ? trackedPart(live) : {}, pruned, type);
  const changed = withoutSubtrees(setBy(comparison), reset);
  const allowed =
    !live || force ? emptySet : lastAppliedFields(live, applied, { manager: writer.manager, type });
  if (!force) {
    const conflicts = others.flatMap((entry): Conflict[] => {
      const contested = differenceOf(intersectionOf(entry.fields, changed), allowed);
      return formatPaths(contested).map((field) => ({ entry, field }));
    });
    if (conflicts.length > 0) throw refusal(conflicts);
  }
  const lost = unionOf(changed, withoutSubtrees(comparison.removed, reset));
  return others.map((entry) => ({ ...entry, fields: differenceOf(entry.fields, lost) }));
}

interface Conflict {
  readonly entry: ManagerEntry;
  readonly field: string;
}

function refusal(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ entry, field }): StatusCause => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describe(entry)}`,
    field,
  }));
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Apply failed with ${conflictText(conflicts)}`,
    details: { causes },
  });
}

function conflictText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first && conflicts.length === 1)
    return `1 conflict: conflict with ${describe(first.entry)}: ${first.field}`;
  const fields = new Map<string, string[]>();
  for (const { entry, field } of conflicts) {
    const manager = describe(entry);
    fields.set(manager, [...(fields.get(manager) ?? []), `- ${field}`]);
  }
  const lines = [...fields]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([manager, list]) => [`conflicts with ${manager}:`, ...list]);
  return `${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/** An update says of which version; times are no part of a manager's identity. */
function describe({ manager, subresource, operation, apiVersion }: ManagerEntry): string {
  const path = subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  const version = operation === 'Update' ? ` using ${apiVersion}` : '';
  return `${JSON.stringify(manager)}${path}${version}`;
}

/** Puts the tracked part back under the object's address and the metadata that only the server sets. */
function assemble(
  base: KubeObject,
  tracked: JsonObject,
  managedFields: unknown[] | undefined,
): KubeObject {
  const { metadata: trackedMetadata, ...rest } = tracked;
  const {
    labels: _labels,
    annotations: _annotations,
    finalizers: _finalizers,
    ownerReferences: _ownerReferences,
    generateName: _generateName,
    managedFields: _managedFields,
    ...address
  } = base.metadata;
  return {
    apiVersion: base.apiVersion,
    kind: base.kind,
    metadata: {
      ...address,
      ...(isJsonObject(trackedMetadata) ? trackedMetadata : {}),
      ...(managedFields === undefined ? {} : { managedFields }),
    },
    ...rest,
  };
}
