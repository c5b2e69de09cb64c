/**
 * What a write may change of an object that exists, and what it may not: the rules that hold for
 * every kind, as pure functions over the stored and the incoming object.
 * Source: k8s.io/apiserver pkg/registry/rest (behaviour).
 */
import { namespaceKind } from '../apis/core/types.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../apis/meta/object.ts';
import { getPath, jsonEqual, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { StatusError, type StatusCause } from './status-error.ts';
import type { Durability } from './store/store.ts';

export const namespacesStore = `${namespaceKind.group}/${namespaceKind.plural}`;

export const formatTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export const durabilityOf = (resource: Resource, mustBeDurable: boolean): Durability =>
  mustBeDurable ? 'sync' : (resource.definition.durability ?? 'sync');

/** Marked for deletion, and nothing holds it any longer: no finalizer, no grace period, no content. */
export const isDeletable = (object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined &&
  (object.metadata.finalizers ?? []).length === 0 &&
  (object.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
  (object.kind !== 'Namespace' || contentFinalizers(object).length === 0);

/** What holds a namespace beside its metadata. */
export const contentFinalizers = (namespace: KubeObject): readonly unknown[] => {
  const finalizers = getPath(namespace, 'spec.finalizers');
  return Array.isArray(finalizers) ? finalizers : [];
};

/**
 * The same owner named twice is one owner, and a mistake that the client should hear of.
 * @returns the metadata, or a copy without the repetitions.
 */
export function withDistinctOwners(metadata: ObjectMeta, warnings: string[]): ObjectMeta {
  const { ownerReferences } = metadata;
  // Most objects have one owner or none.
  if (!Array.isArray(ownerReferences) || ownerReferences.length < 2) return metadata;
  const distinct: OwnerReference[] = [];
  const repeated: string[] = [];
  for (const reference of ownerReferences)
    if (distinct.some((other) => jsonEqual(other, reference))) repeated.push(reference.uid);
    else distinct.push(reference);
  if (repeated.length === 0) return metadata;
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  );
  return { ...metadata, ownerReferences: distinct };
}

/** Go clients send unset fields of metadata as null, e.g. `creationTimestamp: null`. */
export function withoutUnset(metadata: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const key of Object.keys(metadata))
    if (metadata[key] !== null && metadata[key] !== undefined) copy[key] = metadata[key];
  return copy;
}

const wholeNumber = /^\d+$/;

/** The address in the store that upstream's refusals name. */
const storageKeyOf = ({ group, plural }: Resource, { metadata }: KubeObject): string =>
  [
    '/registry',
    ...(isBuiltinGroup(group) ? [] : [group]),
    plural,
    metadata.namespace,
    metadata.name,
  ]
    .filter((part) => part !== undefined)
    .join('/');

/**
 * Of a whole object: its uid is the condition of the write. @throws {StatusError} 409
 */
export function assertSameUid(resource: Resource, old: KubeObject, incoming: KubeObject): void {
  const { name, uid } = incoming.metadata;
  if (uid && uid !== old.metadata.uid)
    throw StatusError.conflict(
      resource,
      name,
      `StorageError: invalid object, Code: 4, Key: ${storageKeyOf(resource, old)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
    );
}

/**
 * @throws {StatusError} 409 for another version of the object, 422 for another uid, 500 for a version
 *   that is none.
 */
export function assertUnchanged(resource: Resource, old: KubeObject, incoming: KubeObject): void {
  const { name, uid, resourceVersion } = incoming.metadata;
  if (resourceVersion && !wholeNumber.test(resourceVersion))
    throw new StatusError({
      code: 500,
      message: `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`,
    });
  if (
    resourceVersion &&
    resourceVersion !== '0' &&
    resourceVersion !== old.metadata.resourceVersion
  )
    throw StatusError.conflict(resource, name);
  if (uid && uid !== old.metadata.uid)
    throw StatusError.invalid(resource, name, [immutable('metadata.uid', uid)]);
}

export function keepServerFields(meta: ObjectMeta, old: ObjectMeta): void {
  const keys = [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'generateName',
    'managedFields',
    'resourceVersion',
  ] as const;
  for (const key of keys) {
    if (old[key] === undefined) delete meta[key];
    else (meta as unknown as JsonObject)[key] = old[key];
  }
}

export function assertNoNewFinalizers(resource: Resource, old: KubeObject, next: KubeObject): void {
  const before = old.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((name) => !before.includes(name));
  if (added.length > 0)
    throw StatusError.invalid(resource, old.metadata.name, [
      {
        reason: 'FieldValueForbidden',
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(', ')}}`,
        field: 'metadata.finalizers',
      },
    ]);
}

/** What only the server sets, and a client may at most repeat. @throws {StatusError} 422 */
export function assertServerFields(resource: Resource, old: KubeObject, next: KubeObject): void {
  const fields = ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const;
  const causes = fields
    .filter((field) => old.metadata[field] === undefined && next.metadata[field] !== undefined)
    .map((field) => immutable(`metadata.${field}`, next.metadata[field]));
  if (causes.length > 0) throw StatusError.invalid(resource, old.metadata.name, causes);
}

export const immutable = (field: string, value: unknown): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value) ?? 'undefined'}: field is immutable`,
  field,
});

/** Equal but for what the server itself sets on a write. */
export function isSameObject(old: KubeObject, next: KubeObject): boolean {
  const keys = Object.keys(next);
  if (keys.length !== Object.keys(old).length) return false;
  return keys.every((key) =>
    jsonEqual((old as unknown as JsonObject)[key], (next as unknown as JsonObject)[key]),
  );
}

/** Everything outside metadata and status; the status too where it is a field like any other. */
export function isSpecEqual(old: KubeObject, next: KubeObject, countsStatus = false): boolean {
  const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
  for (const key of ['apiVersion', 'kind', 'metadata']) keys.delete(key);
  if (!countsStatus) keys.delete('status');
  return [...keys].every((key) =>
    jsonEqual((old as unknown as JsonObject)[key], (next as unknown as JsonObject)[key]),
  );
}
