/**
 * Who owns which field after a create, an update or a patch: the writer has what it changed, and
 * everyone loses what was changed or removed. Pure.
 *
 * Tracking begins with a create that names a field manager (any over HTTP) or with the first apply.
 * Knit's own controllers create in process without one: objects that only they touch carry no
 * managedFields, which keeps the path of a scale-up short; if someone applies such an object later,
 * its earlier fields belong to `before-first-apply`, as upstream does for objects without a record.
 * Source: k8s.io/apimachinery pkg/util/managedfields (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import type { FieldRules } from './field-rules.ts';
import { differenceOf, isEmptySet, unionOf, withoutSubtrees, type FieldSet } from './field-set.ts';
import {
  formatManagedFields,
  isSameManager,
  parseManagedFields,
  trackedPart,
  withFewUpdates,
  withoutMetadataItself,
  type FieldWriter,
  type ManagerEntry,
} from './managed-fields.ts';
import { compareFields } from './typed-fields.ts';

export interface UpdateRecording {
  readonly writer: FieldWriter;
  /** The version that the client writes in. */
  readonly apiVersion: string;
  readonly rules: FieldRules;
  /** `managedFields` as the client sent them: it may edit them, and empty them. */
  readonly sent?: unknown;
}

/**
 * The new `managedFields`; undefined when there are none.
 * @param old undefined for a create.
 */
export function recordUpdate(
  old: KubeObject | undefined,
  updated: KubeObject,
  recording: UpdateRecording,
): unknown[] | undefined {
  const { writer, apiVersion, rules } = recording;
  const { type, reset, empty } = rules;
  const kept = old?.metadata.managedFields;
  const sent = jsonEqual(recording.sent, kept) ? undefined : recording.sent;
  const isReset = writer.subresource === undefined && isResetOf(sent);
  const before = isReset ? [] : startOf(kept, sent, writer);
  // An object that nobody keeps a record of gets none by an update.
  if (old && before.length === 0) return undefined;
  const { added, modified, removed } = compareFields(
    old ? trackedPart(old) : empty,
    trackedPart(updated),
    type,
  );
  const taken = withoutSubtrees(unionOf(modified, added), reset);
  const lost = unionOf(taken, withoutSubtrees(removed, reset));
  if (old && isEmptySet(lost) && sent === undefined) return kept;
  const entries = before.map((entry) => ({ ...entry, fields: differenceOf(entry.fields, lost) }));
  return formatManagedFields(
    withFewUpdates(withFields(entries, withoutMetadataItself(taken), apiVersion, writer)),
  );
}

/** Gives fields to the writer's own entry. */
function withFields(
  entries: readonly ManagerEntry[],
  fields: FieldSet,
  apiVersion: string,
  { manager, subresource, now }: FieldWriter,
): readonly ManagerEntry[] {
  const owning = entries.filter((entry) => !isEmptySet(entry.fields));
  if (isEmptySet(fields)) return owning;
  const own: ManagerEntry = {
    manager,
    operation: 'Update',
    apiVersion,
    time: now,
    subresource,
    fields,
  };
  const previous = owning.find((entry) => isSameManager(entry, own));
  if (!previous) return [...owning, own];
  const grown = { ...own, time: now ?? previous.time, fields: unionOf(previous.fields, fields) };
  return owning.map((entry) => (entry === previous ? grown : entry));
}

/** What the client sent counts where it is well-formed, and belongs to the object's own path. */
function startOf(kept: unknown, sent: unknown, writer: FieldWriter): readonly ManagerEntry[] {
  const given = writer.subresource === undefined ? parseManagedFields(sent) : undefined;
  if (given !== undefined && given.length > 0) return given;
  return parseManagedFields(kept) ?? [];
}

/** An empty list, or one empty entry, which is how clients ask for the record to be dropped. */
const isResetOf = (sent: unknown): boolean =>
  Array.isArray(sent) &&
  (sent.length === 0 ||
    (sent.length === 1 && isJsonObject(sent[0]) && Object.keys(sent[0]).length === 0));
