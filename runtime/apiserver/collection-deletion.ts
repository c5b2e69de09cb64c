/** DELETE of a collection: what a list with the same query shows is deleted one by one. */
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import type { ApiRequest } from './api-request.ts';
import type { ApiResponse } from './api-response.ts';
import { parseDeleteOptions, type DeleteOptions } from './delete-options.ts';
import type { Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import type { DeleteContext, ObjectDeleter } from './object-deleter.ts';
import type { ObjectReader } from './object-reader.ts';
import { namespacesStore } from './object-rules.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';

/** @throws {StatusError} 405 where a collection cannot be deleted, and whatever refuses a list or a delete. */
export function deleteCollection(
  request: ApiRequest,
  target: { readonly resource: Resource; readonly namespace: string | undefined },
  options: {
    readonly store: Store;
    readonly deleter: ObjectDeleter;
    readonly reader: ObjectReader;
  },
): MaybePromise<ApiResponse> {
  const { resource, namespace } = target;
  const { store, deleter, reader } = options;
  // Namespaces go one by one, on purpose.
  if (resource.storeName === namespacesStore) throw StatusError.methodNotAllowed();
  if (resource.definition.namespaced && namespace === undefined)
    throw StatusError.methodNotAllowed();
  const deleteOptions = parseDeleteOptions(request.body, request.query);
  return andThen(reader.find(request, target), (list) => {
    const done = deleteListed(request, resource, list, { store, deleter, deleteOptions });
    return andThen(done, ({ durable }) => ({
      type: 'json',
      code: 200,
      body: reader.renderedList(request, resource, list),
      durable,
    }));
  });
}

/** @returns `durable`: what the answer must wait for, so that all of them are gone from disk. */
function deleteListed(
  request: ApiRequest,
  resource: Resource,
  list: KubeList,
  options: {
    readonly store: Store;
    readonly deleter: ObjectDeleter;
    readonly deleteOptions: DeleteOptions;
  },
): MaybePromise<{ readonly durable: Promise<void> | undefined }> {
  const { store, deleter, deleteOptions } = options;
  const waits: Promise<void>[] = [];
  const context = deleteContext(request);
  const deleteFrom = (index: number): MaybePromise<void> => {
    for (let i = index; i < list.items.length; i++) {
      const { metadata } = list.items[i] as KubeObject;
      const ref = { namespace: metadata.namespace ?? '', name: metadata.name };
      // Another writer may have removed it since the list was made.
      if (!store.get(resource.storeName, ref.namespace, ref.name)) continue;
      const deleted = deleter.delete(resource, ref, deleteOptions, context);
      if (deleted instanceof Promise)
        return deleted.then(({ durable }) => {
          if (durable) waits.push(durable);
          return deleteFrom(i + 1);
        });
      if (deleted.durable) waits.push(deleted.durable);
    }
  };
  // In an object: a promise that was returned as it is would be waited for here.
  return andThen(deleteFrom(0), () => ({
    durable: waits.length === 0 ? undefined : Promise.all(waits).then(() => {}),
  }));
}

export const deleteContext = ({ user, mustBeDurable, warnings }: ApiRequest): DeleteContext => ({
  user,
  mustBeDurable,
  warnings,
});
