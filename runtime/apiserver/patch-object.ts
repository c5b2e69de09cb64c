/**
 * PATCH by JSON patch, merge patch or strategic merge patch: the patched object is read as a body
 * would be. Server-side apply is apply-object.ts.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (behaviour, texts).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { goValue, jsonTypeOf } from './go-value.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { assertNamed, readPatched } from './object-body.ts';
import { applyJsonPatch, unknownPatchFields } from './patch/json-patch.ts';
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
  const decoding = { ...context, parseProblems: problemsOf(request, context) };
  return core.rewrite(resource, ref, operation, (old) => {
    if (!old) throw StatusError.notFound(resource, ref.name);
    const patched = patchedObject(resource, core.present(resource, old), request);
    const shown = (): string =>
      request.type === 'strategic' ? goValue(request.body) : formatPatched(patched);
    const read = readPatched(resource, ref, patched, shown);
    const isConverted = request.type === 'strategic';
    const object = core.decode(resource, read, decoding, { source: 'patch', shown, isConverted });
    assertNamed(object, ref.name);
    return { object };
  });
}

/** What strict decoding finds in the patch itself. */
const problemsOf = ({ type, body }: PatchRequest, { parseProblems }: WriteContext): string[] =>
  type === 'json'
    ? [
        ...parseProblems,
        ...unknownPatchFields(body).map((path) => `unknown field ${JSON.stringify(path)}`),
      ].map((problem) => `json patch ${problem}`)
    : [...parseProblems];

function patchedObject(resource: Resource, object: KubeObject, request: PatchRequest): unknown {
  if (request.type === 'json') return applyJsonPatch(object, request.body);
  if (request.type === 'merge') return applyMergePatch(object, requireMap(request.body));
  return applyStrategicMergePatch(object, request.body, patchSchemaOf(resource));
}

function requireMap(patch: unknown): JsonObject {
  if (isJsonObject(patch)) return patch;
  throw StatusError.badRequest(
    patch === null
      ? 'Invalid JSON Patch'
      : `error decoding patch: json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type map[string]interface {}`,
  );
}

/** Upstream writes the top level of a patched object in the order of its names. */
const formatPatched = (patched: unknown): string =>
  JSON.stringify(
    isJsonObject(patched)
      ? Object.fromEntries(Object.entries(patched).sort(([a], [b]) => (a < b ? -1 : 1)))
      : patched,
  );
