/**
 * What of a body counts, by the path that it was sent to: the server's own metadata is set or put
 * back, and so is whatever the path must not change. Pure.
 * Source: k8s.io/apiserver pkg/registry/rest, k8s.io/kubernetes pkg/registry (PrepareForCreate and
 * PrepareForUpdate of each strategy).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import { statusPathWrites } from './apply/field-rules.ts';
import type { JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { keepServerFields, namespacesStore, withDistinctOwners } from './object-rules.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import type { Operation } from './write-context.ts';

/** A new object with metadata as the server sets it; no status where status has a path of its own. */
export function prepareInsert(
  resource: Resource,
  object: KubeObject,
  birth: { readonly uid: string; readonly now: string },
  warnings: string[],
): KubeObject {
  const { definition } = resource;
  const metadata: ObjectMeta = {
    ...withDistinctOwners(object.metadata, warnings),
    uid: birth.uid,
    creationTimestamp: birth.now,
  };
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  // Where the server counts no generations, it is the client's to keep.
  if (definition.hasGeneration !== false) metadata.generation = 1;
  const bare: KubeObject & JsonObject = { ...object, metadata };
  // As upstream's types, which have no way to say that there is no status.
  if (definition.hasStatus)
    replaceKey(
      bare,
      'status',
      isBuiltinGroup(resource.group) ? statusAtBirth(resource) : undefined,
    );
  return bare;
}

/** Structs of a status that are written even when nothing is in them. */
const statusAtBirth = ({ storeName }: Resource): JsonObject =>
  storeName === '/services' ? { loadBalancer: {} } : {};

/** The incoming object with what its path must not change put back from the stored one. */
export function prepareRewrite(
  resource: Resource,
  old: KubeObject,
  object: KubeObject,
  { subresource, warnings }: Operation,
): KubeObject & JsonObject {
  const stored = old as KubeObject & JsonObject;
  const sent = object as KubeObject & JsonObject;
  if (subresource === 'status') {
    const next = { ...stored, metadata: statusMetadata(resource, stored, sent, warnings) };
    replaceKey(next, 'status', statusOf(resource, stored, sent));
    return next;
  }
  const metadata: ObjectMeta = { ...withDistinctOwners(object.metadata, warnings) };
  keepServerFields(metadata, old.metadata);
  const next: KubeObject & JsonObject = { ...object, metadata };
  if (resource.definition.hasStatus) replaceKey(next, 'status', stored['status']);
  // Only `finalize` writes what holds a namespace.
  if (resource.storeName === namespacesStore && subresource === undefined)
    replaceKey(next, 'spec', stored['spec']);
  return next;
}

const freeMetadata = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

/** Built-in kinds take metadata on their status path, most of them. */
function statusMetadata(
  resource: Resource,
  old: KubeObject,
  sent: KubeObject,
  warnings: string[],
): ObjectMeta {
  const metadata: ObjectMeta & JsonObject = { ...old.metadata };
  const given = withDistinctOwners(sent.metadata, warnings) as ObjectMeta & JsonObject;
  for (const key of freeMetadata)
    if (given[key] !== metadata[key] && statusPathWrites(resource, key))
      replaceKey(metadata, key, given[key]);
  return metadata;
}

function statusOf(resource: Resource, old: JsonObject, sent: JsonObject): unknown {
  const { status } = sent;
  if (resource.storeName !== '/pods') return status;
  // A Pod's class is settled with its spec; nodes of old leave it out.
  const { qosClass } = (old['status'] ?? {}) as JsonObject;
  const given = (status ?? {}) as JsonObject;
  return qosClass === undefined || given['qosClass'] ? status : { ...given, qosClass };
}

function replaceKey(object: JsonObject, key: string, value: unknown): void {
  if (value === undefined) delete object[key];
  else object[key] = value;
}
