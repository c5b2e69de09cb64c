/**
 * PATCH by JSON patch, merge patch or strategic merge patch: the patched object is read as a body
 * would be. Server-side apply is apply-object.ts.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { assertNamed, readBody } from './object-body.ts';
import { applyJsonPatch } from './patch/json-patch.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { patchSchemaOf } from './patch/merge-schema.ts';
import { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts';
import { StatusError } from './status-error.ts';
import type { ObjectRef, PatchRequest, WriteContext, WriteResult } from './write-context.ts';
import type { WriteCore } from './write-core.ts';

/** @throws {StatusError} */
export function patchObject(
  core: WriteCore,
  resource: Resource,
  ref: ObjectRef,
  request: PatchRequest,
  context: WriteContext,
): MaybePromise<WriteResult> {
  const operation = { ...context, subresource: request.subresource };
  return core.rewrite(resource, ref, operation, (old) => {
    if (!old) throw StatusError.notFound(resource, ref.name);
    const patched = patchedObject(resource, core.present(resource, old), request);
    if (!isJsonObject(patched) || !isJsonObject(patched['metadata']))
      throw StatusError.badRequest('the patch leaves no object with metadata');
    const read = readBody(resource, ref.namespace, patched);
    const object = core.decode(resource, read, context, { source: 'patch' });
    assertNamed(object, ref.name);
    return { object };
  });
}

function patchedObject(resource: Resource, object: KubeObject, request: PatchRequest): unknown {
  if (request.type === 'json') return applyJsonPatch(object, request.body);
  if (request.type === 'merge') {
    if (!isJsonObject(request.body))
      throw StatusError.badRequest('a merge patch must be an object');
    return applyMergePatch(object, request.body);
  }
  return applyStrategicMergePatch(object, request.body, patchSchemaOf(resource));
}
