/** PUT: a whole object in the place of the stored one; of a few kinds, a new one too. */
import type { KubeObject } from '../apis/meta/object.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { assertNamed, readBody } from './object-body.ts';
import { assertSameUid } from './object-rules.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { StatusError } from './status-error.ts';
import type { ObjectRef, Operation, WriteResult } from './write-context.ts';
import type { WriteCore } from './write-core.ts';

/** Takes ownership of `body`. @throws {StatusError} */
export function updateObject(
  core: WriteCore,
  resource: Resource,
  ref: ObjectRef,
  body: unknown,
  context: Operation,
): MaybePromise<WriteResult> {
  const read = readBody(resource, ref.namespace, body);
  const object = core.decode(resource, read, context, { source: 'body' });
  // Our own typed code names the object once, in the path.
  if (context.fieldValidation === undefined) object.metadata.name ??= ref.name;
  assertNamed(object, ref.name);
  return core.rewrite(resource, ref, context, (old) => {
    if (!old && isCreatedByUpdate(resource, object, context)) return { object };
    if (!old) throw StatusError.notFound(resource, ref.name);
    assertSameUid(resource, old, object);
    if (!object.metadata.resourceVersion && !isBuiltinGroup(resource.group))
      // As upstream, which names the resource here where it names the kind elsewhere.
      throw StatusError.invalid({ group: resource.group, kind: resource.plural }, ref.name, [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be specified for an update',
          field: 'metadata.resourceVersion',
        },
      ]);
    return { object };
  });
}

/** Kinds whose writers may not know whether the object is there yet. */
const kindsCreatedByUpdate = new Set([
  '/endpoints',
  '/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leases',
  'coordination.k8s.io/leasecandidates',
  'node.k8s.io/runtimeclasses',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
]);

const isCreatedByUpdate = (
  { storeName }: Resource,
  { metadata }: KubeObject,
  { subresource }: Operation,
): boolean =>
  subresource === undefined &&
  kindsCreatedByUpdate.has(storeName) &&
  !metadata.uid &&
  (!metadata.resourceVersion || metadata.resourceVersion === '0');
