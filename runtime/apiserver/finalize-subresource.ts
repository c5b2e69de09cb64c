/**
 * `namespaces/NAME/finalize`: the one path that writes a namespace's `spec.finalizers`. A namespace
 * that is being deleted goes with the last of them.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { SubresourceHandler } from './api-response.ts';
import { requireBody, writeContext } from './api-request.ts';
import { getPath, type JsonObject } from './json-value.ts';
import { andThen } from './maybe-promise.ts';
import type { ObjectWriter } from './object-writer.ts';
import { StatusError } from './status-error.ts';

export const makeFinalizeHandler =
  ({ writer }: { readonly writer: ObjectWriter }): SubresourceHandler =>
  (request, { resource, ref }) => {
    if (request.method !== 'PUT') throw StatusError.methodNotAllowed();
    const body = requireBody(request, resource);
    const finalizers = getPath(body, 'spec.finalizers');
    const resourceVersion = getPath(body, 'metadata.resourceVersion');
    const make = (old: KubeObject): KubeObject & JsonObject => ({
      ...old,
      spec: Array.isArray(finalizers) ? { finalizers } : {},
      metadata: {
        ...old.metadata,
        ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
      },
    });
    const context = { ...writeContext(request), subresource: 'finalize' };
    return andThen(writer.modify(resource, ref, make, context), ({ code, object, durable }) => ({
      type: 'json',
      code,
      body: object,
      durable,
    }));
  };
