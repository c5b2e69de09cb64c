/**
 * GET, LIST and WATCH: from the query to objects in the rendering that the client asked for. Where
 * objects come from is the lister's and the watch's business.
 */
import { isBuiltinKind } from '../apis/schema/type-table.ts';
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import { parseFilter, type ApiRequest } from './api-request.ts';
import type { ApiResponse } from './api-response.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import { parseObjectVersion, parseWatchOptions } from './list-options.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { ObjectLister } from './object-lister.ts';
import type { ObjectVersions } from './object-versions.ts';
import type { ObjectRef } from './write-context.ts';
import { isTrue } from './query-flag.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';
import { plainRendering, renderList, renderObject } from './table.ts';
import { openWatch, type ObjectFilter, type ServerWatchEvent } from './watch.ts';

interface ReadTarget {
  readonly resource: Resource;
  /** Undefined for all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface ObjectReaderOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly versions: ObjectVersions;
  readonly clock: Clock;
}

export class ObjectReader {
  private readonly options: ObjectReaderOptions;
  private readonly lister: ObjectLister;

  constructor(options: ObjectReaderOptions) {
    this.options = options;
    this.lister = new ObjectLister(options);
  }

  /** @throws {StatusError} 404 */
  read(resource: Resource, ref: ObjectRef): MaybePromise<KubeObject> {
    const object = this.options.store.get(resource.storeName, ref.namespace, ref.name);
    if (!object) throw StatusError.notFound(resource, ref.name);
    return this.options.versions.show(resource, object);
  }

  /** @throws {StatusError} 404, and 500 for a resourceVersion that is none. */
  get(request: ApiRequest, resource: Resource, ref: ObjectRef): MaybePromise<ApiResponse> {
    parseObjectVersion(request.query['resourceVersion']);
    return andThen(this.read(resource, ref), (object) =>
      this.rendered(request, resource, 200, object),
    );
  }

  list(request: ApiRequest, target: ReadTarget): MaybePromise<ApiResponse> {
    return andThen(this.find(request, target), (list) => ({
      type: 'json',
      code: 200,
      body: this.renderedList(request, target.resource, list),
    }));
  }

  /** What the query of a request chooses from a collection. */
  find(
    { query }: ApiRequest,
    { resource, namespace }: Pick<ReadTarget, 'resource' | 'namespace'>,
  ): MaybePromise<KubeList> {
    return this.lister.list(resource, parseFilter(query, resource, namespace), query);
  }

  /** What a request that deletes or lists many objects shows of them. */
  renderedList(request: ApiRequest, resource: Resource, list: KubeList): unknown {
    const { rendering, isTrusted } = request;
    if (rendering.as !== 'object')
      return renderList(list, rendering, { resource, nowMs: this.options.clock.now() });
    // Our own controllers take objects as they are stored.
    return isTrusted ? list : withoutItemTypes(resource, list);
  }

  rendered(
    request: ApiRequest,
    resource: Resource,
    code: number,
    object: KubeObject,
  ): ApiResponse & { type: 'json' } {
    const nowMs = this.options.clock.now();
    const body =
      request.rendering === plainRendering
        ? object
        : renderObject(object, request.rendering, { resource, nowMs });
    return { type: 'json', code, body };
  }

  /** @throws {StatusError} 400, 422 and 500 for bad parameters; the stream itself refuses the rest. */
  watch(request: ApiRequest, target: ReadTarget): ApiResponse {
    const { query, rendering } = request;
    const { resource } = target;
    const { resourceVersion, timeoutSeconds } = parseWatchOptions(query);
    const options = {
      filter: watchFilter(query, target),
      resourceVersion,
      sendInitialEvents: isTrue(query['sendInitialEvents']),
      allowBookmarks: isTrue(query['allowWatchBookmarks']),
      timeoutSeconds,
    };
    const { store, clock, registry, versions } = this.options;
    return {
      type: 'watch',
      timeoutSeconds,
      open(onEvent, end) {
        let withHeader = true;
        const show = (event: ServerWatchEvent): void => {
          const isPlain = rendering.as === 'object' || rendering.as === 'metadata-list';
          if (isPlain || event.type === 'ERROR') return onEvent(event);
          const object = event.object as KubeObject;
          const nowMs = clock.now();
          const rendered = renderObject(object, rendering, { resource, nowMs, withHeader });
          withHeader = false;
          return onEvent({ type: event.type, object: rendered });
        };
        const stop = openWatch({ store, clock, versions, resource }, options, show, end);
        const forget = registry.onEnd(resource, end);
        return () => {
          forget();
          stop();
        };
      },
    };
  }
}

/** @throws {StatusError} 400 for selectors that are none, or that contradict the path. */
function watchFilter(
  query: Readonly<Record<string, string>>,
  { resource, namespace, name }: ReadTarget,
): ObjectFilter {
  const filter = parseFilter(query, resource, namespace);
  if (name === undefined) return filter;
  const byName = { field: 'metadata.name', isEqual: true, value: name };
  if (filter.fields.length === 0) return { ...filter, fields: [byName] };
  const isSame = filter.fields.some(
    ({ field, isEqual, value }) => isEqual && field === byName.field && value === name,
  );
  if (!isSame)
    throw StatusError.badRequest("fieldSelector metadata.name doesn't match requested name");
  return filter;
}

/** Go's typed lists say once, on the list, what their items are. Kinds of CRDs have no Go types. */
function withoutItemTypes({ apiVersion, kind }: Resource, list: KubeList): unknown {
  if (!isBuiltinKind(apiVersion, kind)) return list;
  return {
    ...list,
    items: list.items.map((item) => {
      const { apiVersion: _apiVersion, kind: _kind, ...rest } = item;
      return rest;
    }),
  };
}
