/**
 * The envelope of a body: is it an object of this kind, in this version, for this namespace? Fields
 * below are the decoder's business. Pure. Source: k8s.io/apiserver pkg/endpoints/handlers (behaviour).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import { isBuiltinKind } from '../apis/schema/type-table.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { withoutUnset } from './object-rules.ts';
import { jsonTypeOf } from './go-value.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { invalidPatch, StatusError } from './status-error.ts';
import type { ObjectRef } from './write-context.ts';

/** @throws {StatusError} 400 for an object of no name, or of another than its path's. */
export function assertNamed({ metadata }: KubeObject, name: string): void {
  if (!metadata.name) throw unnamed(name);
  if (metadata.name !== name)
    throw StatusError.badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
}

const unnamed = (name: string): StatusError =>
  StatusError.badRequest(
    `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  );

const nameOf = (metadata: unknown): string => {
  const name = isJsonObject(metadata) ? metadata['name'] : undefined;
  return typeof name === 'string' ? name : '';
};

/**
 * A copy whose top two levels are the caller's to change. A native kind gets the storage version's
 * `apiVersion`, others keep theirs (see `ObjectVersions.load`).
 * @throws {StatusError} 400
 */
export function readBody(resource: Resource, namespace: string, body: unknown): KubeObject {
  if (!isJsonObject(body)) throw StatusError.badRequest('the body must be an object');
  assertOfKind(resource, body);
  return withEnvelope(resource, namespace, body);
}

/**
 * As `readBody`, for what a patch leaves of a stored object.
 * @param shown what a refusal shows as the invalid value. @throws {StatusError} 400, 422
 */
export function readPatched(
  resource: Resource,
  { namespace, name }: ObjectRef,
  patched: unknown,
  shown: () => string,
): KubeObject {
  if (!isJsonObject(patched))
    throw invalidPatch(
      shown(),
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeOf(patched)} into Go value of type ${ENVELOPE_TYPE}`,
    );
  const { apiVersion, kind, metadata } = patched;
  // As upstream, which takes a document that does not say what it is for one with nothing in it.
  if ((apiVersion === undefined && kind === undefined) || metadata === undefined)
    throw unnamed(name);
  if (resource.custom) assertOfKind(resource, patched);
  else if (apiVersion !== resource.apiVersion || kind !== resource.kind)
    throw invalidPatch(shown(), kindProblem(resource, String(apiVersion), String(kind)));
  return withEnvelope(resource, namespace, patched);
}

/** What Go decodes the head of a body into. */
export const ENVELOPE_TYPE =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const SUMMARY_LENGTH_MAX = 30;

/** What a body is in a refusal: its beginning, in hexadecimal digits unless it is an object. */
export function summarize(text: string): string {
  if (text === '') return '<empty>';
  const start = text.slice(0, SUMMARY_LENGTH_MAX);
  const shown = text.startsWith('{') ? start : Buffer.from(start).toString('hex');
  return text.length > SUMMARY_LENGTH_MAX ? `${shown} ...` : shown;
}

function assertOfKind(resource: Resource, body: JsonObject): void {
  const apiVersion = body['apiVersion'] || resource.apiVersion;
  const kind = body['kind'] || resource.kind;
  if (apiVersion === resource.apiVersion && kind === resource.kind) return;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string')
    throw StatusError.badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeOf(typeof apiVersion === 'string' ? kind : apiVersion)} into Go struct field .${typeof apiVersion === 'string' ? 'kind' : 'apiVersion'} of type string (${summarize(JSON.stringify(body))})`,
    );
  if (apiVersion.split('/').length > 2)
    throw StatusError.badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): unexpected GroupVersion string: ${apiVersion} (${summarize(JSON.stringify(body))})`,
    );
  if (kind === resource.kind && (resource.custom || groupOf(apiVersion) === resource.group))
    throw StatusError.badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${resource.apiVersion})`,
    );
  if (resource.custom)
    throw StatusError.invalid({ group: resource.group, kind }, nameOf(body['metadata']), [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(kind)}: must be ${resource.kind}`,
        field: 'kind',
      },
    ]);
  if (!isBuiltinGroup(resource.group))
    throw StatusError.badRequest(
      `the kind in the data (${JSON.stringify(kind)}) does not match the expected kind (${resource.kind})`,
    );
  throw StatusError.badRequest(
    `${kind} in version ${JSON.stringify(versionOf(resource.apiVersion))} cannot be handled as a ${resource.kind}: ${kindProblem(resource, apiVersion, kind)}`,
  );
}

const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
const versionOf = (apiVersion: string): string => apiVersion.split('/').at(-1) ?? '';

/** Why an object of one kind is none of another, as Go's types have it. */
function kindProblem(resource: Resource, apiVersion: string, kind: string): string {
  if (!isBuiltinKind(apiVersion, kind))
    return `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`;
  const internal = resource.group.split('.')[0] || 'core';
  return `converting (${versionOf(apiVersion)}.${kind}) to (${internal}.${resource.kind}): unknown conversion`;
}

function withEnvelope(resource: Resource, namespace: string, body: JsonObject): KubeObject {
  const { metadata } = body;
  const meta = withoutUnset(readMetadata(resource, metadata)) as unknown as ObjectMeta & {
    selfLink?: string;
  };
  // A field of old that nothing sets or reads any longer.
  delete meta.selfLink;
  // Names are made of it before anything else looks at the metadata.
  if (meta.generateName !== undefined && typeof meta.generateName !== 'string')
    throw StatusError.badRequest('metadata.generateName must be a string');
  if (resource.definition.namespaced) {
    meta.namespace ??= namespace;
    if (meta.namespace !== namespace)
      throw StatusError.badRequest(
        `the namespace of the provided object does not match the namespace sent on the request`,
      );
  } else delete meta.namespace;
  return {
    ...body,
    apiVersion: resource.isConverted ? resource.apiVersion : resource.storageApiVersion,
    kind: resource.kind,
    metadata: meta,
  };
}

function readMetadata({ kind, apiVersion }: Resource, metadata: unknown): JsonObject {
  if (isJsonObject(metadata)) return metadata;
  if (metadata === undefined || metadata === null) return {};
  throw StatusError.badRequest(
    `${kind} in version ${JSON.stringify(versionOf(apiVersion))} cannot be handled as a ${kind}: json: cannot unmarshal ${jsonTypeOf(metadata)} into Go struct field ${kind}.metadata of type v1.ObjectMeta`,
  );
}
