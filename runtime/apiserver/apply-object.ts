/**
 * PATCH by server-side apply: creates what is not there, merges into what is. The algebra of owners
 * is apply/'s; here are the rules of the request around it.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (behaviour, texts).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { fieldRulesOf } from './apply/field-rules.ts';
import { applyConfiguration } from './apply/server-side-apply.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { assertNamed, readBody } from './object-body.ts';
import { StatusError } from './status-error.ts';
import type { ObjectRef, PatchRequest, WriteContext, WriteResult } from './write-context.ts';
import type { WriteCore } from './write-core.ts';

/** @throws {StatusError} */
export function applyObject(
  core: WriteCore,
  resource: Resource,
  ref: ObjectRef,
  request: PatchRequest,
  context: WriteContext,
): MaybePromise<WriteResult> {
  const { subresource, force } = request;
  const applied = readConfiguration(resource, request.body);
  return core.rewrite(resource, ref, { ...context, subresource }, (live) => {
    if (live === undefined && subresource) throw StatusError.notFound(resource, ref.name);
    const merged = applyConfiguration(live && core.present(resource, live), applied, {
      writer: core.fieldWriter(context, subresource),
      force,
      rules: fieldRulesOf(resource, subresource),
    });
    const { uid, resourceVersion } = applied.metadata;
    if (live === undefined && uid)
      throw StatusError.conflict(
        resource,
        ref.name,
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    const metadata = { ...merged.metadata };
    if (live) {
      // An apply that names a resourceVersion is conditional on it; one that names none is not.
      metadata.resourceVersion = resourceVersion ?? live.metadata.resourceVersion ?? '';
      if (uid) metadata.uid = uid;
    }
    const read = readBody(resource, ref.namespace, { ...merged, metadata });
    const object = core.decode(resource, read, context, { source: 'apply' });
    assertNamed(object, ref.name);
    return { object, isApplied: true };
  });
}

/** The envelope of what is applied; the rest of it is held against the kind's type in the merge. */
function readConfiguration(resource: Resource, body: unknown): KubeObject {
  const { apiVersion = '', kind = '', metadata = {} } = isJsonObject(body) ? body : {};
  if (apiVersion !== resource.apiVersion || kind !== resource.kind)
    throw StatusError.badRequest(`invalid object type: ${formatKind(apiVersion, kind)}`);
  if (isJsonObject(metadata) && metadata['managedFields'] !== undefined)
    throw StatusError.badRequest('metadata.managedFields must be nil');
  return { ...(body as object), apiVersion, kind, metadata } as KubeObject;
}

/** As Go prints a group, version and kind: the slash is there without a group, too. */
const formatKind = (apiVersion: unknown, kind: unknown): string =>
  `${String(apiVersion).includes('/') ? '' : '/'}${String(apiVersion)}, Kind=${String(kind)}`;
