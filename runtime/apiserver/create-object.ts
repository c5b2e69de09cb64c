/** POST: a whole new object. */
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { readBody } from './object-body.ts';
import { StatusError } from './status-error.ts';
import type { WriteContext, WriteResult } from './write-context.ts';
import type { WriteCore } from './write-core.ts';

/** Takes ownership of `body`. @throws {StatusError} */
export function createObject(
  core: WriteCore,
  resource: Resource,
  namespace: string,
  body: unknown,
  context: WriteContext,
): MaybePromise<WriteResult> {
  const read = readBody(resource, namespace, body);
  const object = core.decode(resource, read, context, { source: 'body' });
  const { resourceVersion } = object.metadata;
  if (resourceVersion && resourceVersion !== '0') throw StatusError.versionOnCreate();
  return core.insert(resource, namespace, { object }, context);
}
