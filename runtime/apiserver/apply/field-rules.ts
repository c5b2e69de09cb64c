/**
 * What the record of field owners has to know of a kind and of the path that is written: its type,
 * and which fields the path never writes, whatever its body says: the object's own path not the
 * status, the status path not the spec, and so on. What may not be written is not owned either. Pure.
 * Source: k8s.io/kubernetes pkg/registry, k8s.io/apiextensions-apiserver (GetResetFields of each
 * strategy).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { getPath, type JsonObject } from '../json-value.ts';
import type { Resource } from '../kind-registry.ts';
import { isBuiltinGroup } from '../patch/merge-schema.ts';
import { emptyObjectOf } from '../schema/empty-object.ts';
import { emptySet, setOfFields, unionOf, type FieldSet } from './field-set.ts';
import { typeOfKind, type MapNode } from './type-node.ts';

export interface FieldRules {
  readonly type: MapNode;
  /** Fields that the path does not write, with everything below them. */
  readonly reset: FieldSet;
  /** An object of the kind in which nothing is set. */
  readonly empty: JsonObject;
}

/**
 * @param subresource undefined for the object's own path.
 * @param sent the client's object: what the server fills in for it is nobody's.
 */
export const fieldRulesOf = (
  resource: Resource,
  subresource: string | undefined,
  sent?: KubeObject,
): FieldRules => ({
  type: typeOfKind(resource),
  reset: unionOf(resetFieldsOf(resource, subresource), allocatedFieldsOf(resource, sent)),
  empty: emptyObjectOf(resource.apiVersion, resource.kind),
});

/** Fields of the spec that are allocated after the record is made, where they are left out. */
const allocated: ReadonlyMap<string, readonly string[]> = new Map([
  ['/services', ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']],
]);

function allocatedFieldsOf({ storeName }: Resource, sent: KubeObject | undefined): FieldSet {
  const names = sent && allocated.get(storeName);
  if (!names) return emptySet;
  const missing = names.filter((name) => getPath(sent, `spec.${name}`) === undefined);
  return setOfFields(...missing.map((name) => ['spec', name]));
}

const status = setOfFields(['status']);
const spec = setOfFields(['spec']);
const specAndMetadata = setOfFields(['spec'], ['metadata']);

/** Where the status path keeps more of the object than its spec. */
const ofStatusPath: ReadonlyMap<string, FieldSet> = new Map([
  ['apps/deployments', setOfFields(['spec'], ['metadata', 'labels'])],
  [
    '/pods',
    setOfFields(['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']),
  ],
  ['apiregistration.k8s.io/apiservices', specAndMetadata],
  ['flowcontrol.apiserver.k8s.io/flowschemas', specAndMetadata],
  ['flowcontrol.apiserver.k8s.io/prioritylevelconfigurations', specAndMetadata],
  ['networking.k8s.io/servicecidrs', specAndMetadata],
  ['resource.k8s.io/resourceclaims', specAndMetadata],
  ['storage.k8s.io/volumeattachments', specAndMetadata],
]);

function resetFieldsOf(resource: Resource, subresource: string | undefined): FieldSet {
  if (!resource.definition.hasStatus) return emptySet;
  if (subresource !== 'status') return status;
  if (!isBuiltinGroup(resource.group)) return specAndMetadata;
  return ofStatusPath.get(resource.storeName) ?? spec;
}

/** Whether a write to the status path writes this key of metadata. */
export function statusPathWrites(resource: Resource, key: string): boolean {
  const metadata = resetFieldsOf(resource, 'status').children.get('f:metadata');
  return metadata === undefined || !(metadata.owned || metadata.children.has(`f:${key}`));
}
