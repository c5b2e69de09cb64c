/**
 * The envelope of a body: is it an object of this kind, in this version, for this namespace? Fields
 * below are the decoder's business. Pure. Source: k8s.io/apiserver pkg/endpoints/handlers (behaviour).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { withoutUnset } from './object-rules.ts';
import { StatusError } from './status-error.ts';

/** @throws {StatusError} 400 for an object of no name, or of another than its path's. */
export function assertNamed({ metadata }: KubeObject, name: string): void {
  if (!metadata.name)
    throw StatusError.badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  if (metadata.name !== name)
    throw StatusError.badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
}

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
  const { apiVersion = resource.apiVersion, kind = resource.kind, metadata = {} } = body;
  if (apiVersion !== resource.apiVersion)
    throw StatusError.badRequest(
      `the API version in the data (${apiVersion as string}) does not match the expected API version (${resource.apiVersion})`,
    );
  if (resource.custom && kind !== resource.kind)
    throw StatusError.invalid({ group: resource.group, kind: String(kind) }, nameOf(metadata), [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(kind)}: must be ${resource.kind}`,
        field: 'kind',
      },
    ]);
  if (kind !== resource.kind)
    throw StatusError.badRequest(
      `the kind in the data (${JSON.stringify(kind)}) does not match the expected kind (${resource.kind})`,
    );
  if (!isJsonObject(metadata)) throw StatusError.badRequest('metadata must be an object');
  const meta = withoutUnset(metadata) as unknown as ObjectMeta & { selfLink?: string };
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
