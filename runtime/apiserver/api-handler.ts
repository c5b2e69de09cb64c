/**
 * Every request, whichever way it came: path and verb to reader, writer, deleter or discovery.
 * Speaks parsed JSON; bytes, TLS and authentication are the listeners' business. Work on objects
 * happens synchronously in the call unless admission has to ask somebody else; waiting for the disk
 * is left to the caller.
 */
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import {
  isTrue,
  parseFilter,
  parseNumber,
  patchTypes,
  readPatch,
  requireBody,
  writeContext,
  type ApiRequest,
} from './api-request.ts';
import { healthPaths, makeAggregatedDiscovery, makeDocument } from './discovery.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { parseDeleteOptions, type DeleteOptions } from './delete-options.ts';
import type { DeleteContext, ObjectDeleter } from './object-deleter.ts';
import { checkWatchOptions } from './list-options.ts';
import { ObjectLister } from './object-lister.ts';
import type { ObjectVersions } from './object-versions.ts';
import {
  namespacesStore,
  type ObjectRef,
  type ObjectWriter,
  type WriteResult,
} from './object-writer.ts';
import { applyJsonPatch } from './patch/json-patch.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { openPodLog, type PodLogReader } from './pod-log.ts';
import { parseResourcePath } from './request-path.ts';
import { toScale, withScale, type Scale } from './scale-subresource.ts';
import { formatGroupResource, StatusError, type Status } from './status-error.ts';
import type { Store } from './store/store.ts';
import { plainRendering, renderList, renderObject } from './table.ts';
import { openWatch, type ServerWatchEvent } from './watch.ts';

/** Exactly one kind of answer. A `watch` or a `log` starts when its function is called. */
export type ApiResponse =
  | {
      readonly type: 'json';
      readonly code: number;
      readonly body: unknown;
      /** The answer must wait for it, and is a 500 when it rejects. */
      readonly durable?: Promise<void> | undefined;
      /** Overrides `application/json`. */
      readonly contentType?: string;
    }
  | { readonly type: 'text'; readonly code: number; readonly body: string }
  | {
      readonly type: 'watch';
      readonly timeoutSeconds: number | undefined;
      /** Returns how to end it; calls `end` when the server has to. @throws {StatusError} before the first event only. */
      readonly open: (onEvent: (event: ServerWatchEvent) => void, end: () => void) => () => void;
    }
  | {
      readonly type: 'log';
      /** The signal aborts when nobody reads any longer. */
      readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
    };

export interface ApiHandlerOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly writer: ObjectWriter;
  readonly deleter: ObjectDeleter;
  readonly versions: ObjectVersions;
  readonly clock: Clock;
  readonly readPodLog: PodLogReader | undefined;
  /**
   * Paths below an object's own that a kind has beside `status` and `scale`, by `pods/eviction` or
   * `deployments.apps/rollback`. They win over the built-in ones. @default none
   */
  readonly subresources?: ReadonlyMap<string, SubresourceHandler>;
  /** What answers a kind that `isVirtual`, by `selfsubjectreviews.authentication.k8s.io`. @default none */
  readonly questions?: ReadonlyMap<string, QuestionHandler>;
  /** Further documents by path, such as `/openid/v1/jwks`. @default none */
  readonly documents?: ReadonlyMap<string, () => MaybePromise<unknown>>;
  /** Host and port that `/api` names. */
  readonly serverAddress: () => string;
}

const AGGREGATED_DISCOVERY_TYPE =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Paths that need no credentials. */
export const isPublicPath = (path: string): boolean =>
  path === '/version' ||
  healthPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));

/** Answers one subresource, whatever the method. @throws {StatusError} 405 for a method it has not. */
export type SubresourceHandler = (
  request: ApiRequest,
  target: SubresourceTarget,
) => MaybePromise<ApiResponse>;

/** Answers a create of a virtual kind. @param namespace empty for one without. @throws {StatusError} */
export type QuestionHandler = (
  request: ApiRequest,
  resource: Resource,
  namespace: string,
) => MaybePromise<ApiResponse>;

export interface SubresourceTarget {
  readonly resource: Resource;
  readonly ref: ObjectRef;
  readonly subresource: string;
}

const pageNotFound: ApiResponse = { type: 'text', code: 404, body: '404 page not found\n' };
/** First segments of the paths that are served beside those of groups. */
const knownRoots = new Set([
  '',
  'api',
  'openapi',
  'version',
  '.well-known',
  ...healthPaths.map((path) => path.slice(1)),
]);

interface Target {
  readonly resource: Resource;
  /** Undefined for all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

export class ApiHandler {
  private readonly options: ApiHandlerOptions;
  private readonly lister: ObjectLister;

  constructor(options: ApiHandlerOptions) {
    this.options = options;
    this.lister = new ObjectLister(options);
  }

  /** @throws {StatusError} every refusal; anything else that is thrown is a defect. */
  handle(request: ApiRequest): MaybePromise<ApiResponse> {
    if (!request.isTrusted && this.isNobodysPath(request.path)) return pageNotFound;
    const target = this.findTarget(request.path);
    if (!target) return this.describe(request);
    const { deprecationWarning } = target.resource.definition;
    if (deprecationWarning !== undefined) request.warnings.push(deprecationWarning);
    if (target.name === undefined) return this.handleCollection(request, target);
    const ref = { namespace: target.namespace ?? '', name: target.name };
    const { resource, subresource } = target;
    if (subresource !== undefined) {
      const own = this.options.subresources?.get(`${formatGroupResource(resource)}/${subresource}`);
      if (own) return own(request, { resource, ref, subresource });
    }
    switch (subresource) {
      case undefined:
        return this.handleObject(request, target, ref);
      case 'status':
        if (!target.resource.definition.hasStatus) throw StatusError.unknownPath();
        return this.handleStatus(request, target, ref);
      case 'scale':
        return this.handleScale(request, target, ref);
      case 'log':
        if (target.resource.storeName !== '/pods') throw StatusError.unknownPath();
        if (request.method !== 'GET') throw StatusError.methodNotAllowed();
        return openPodLog(this.options.store, this.options.readPodLog, ref, request.query);
      default:
        throw StatusError.unknownPath();
    }
  }

  /** Below no group that is served: there, upstream answers as a plain web server. */
  private isNobodysPath(path: string): boolean {
    const [, root = '', group = ''] = path.split('/');
    if (root === 'apis') return group !== '' && !this.options.registry.groups.has(group);
    return !knownRoots.has(root) && !this.options.documents?.has(path);
  }

  private findTarget(path: string): Target | undefined {
    const parsed = parseResourcePath(path);
    if (!parsed) return undefined;
    const resource = this.options.registry.find(parsed.group, parsed.version, parsed.plural);
    if (!resource) throw StatusError.unknownPath();
    const { namespaced } = resource.definition;
    if (!namespaced && parsed.namespace !== undefined) throw StatusError.unknownPath();
    if (namespaced && parsed.namespace === undefined && parsed.name !== undefined)
      throw StatusError.unknownPath();
    return { ...parsed, resource };
  }

  private handleCollection(request: ApiRequest, target: Target): MaybePromise<ApiResponse> {
    const { resource, namespace } = target;
    if (resource.definition.isVirtual) {
      const answer = this.options.questions?.get(formatGroupResource(resource));
      if (!answer || request.method !== 'POST') throw StatusError.methodNotAllowed();
      return answer(request, resource, namespace ?? '');
    }
    switch (request.method) {
      case 'GET':
        if (isTrue(request.query['watch'])) return this.watch(request, target);
        return this.list(request, target);
      case 'POST': {
        if (resource.definition.namespaced && namespace === undefined)
          throw StatusError.methodNotAllowed();
        const context = writeContext(request);
        const body = requireBody(request, resource);
        return this.written(
          request,
          resource,
          this.options.writer.create(resource, namespace ?? '', body, context),
        );
      }
      case 'DELETE':
        return this.deleteCollection(request, target);
      default:
        throw StatusError.methodNotAllowed();
    }
  }

  private handleObject(
    request: ApiRequest,
    target: Target,
    ref: ObjectRef,
  ): MaybePromise<ApiResponse> {
    const { resource } = target;
    const { writer, deleter } = this.options;
    switch (request.method) {
      case 'GET': {
        return this.answerRead(request, resource, ref);
      }
      case 'PUT': {
        const context = { ...writeContext(request), subresource: undefined };
        return this.written(
          request,
          resource,
          writer.update(resource, ref, requireBody(request, resource), context),
        );
      }
      case 'PATCH': {
        const patch = readPatch(request, resource, undefined);
        return this.written(
          request,
          resource,
          writer.patch(resource, ref, patch, writeContext(request)),
        );
      }
      case 'DELETE': {
        const options = parseDeleteOptions(request.body, request.query);
        return andThen(
          deleter.delete(resource, ref, options, deleteContext(request)),
          ({ code, object, durable }) => ({ type: 'json', code, body: object, durable }),
        );
      }
      default:
        throw StatusError.methodNotAllowed();
    }
  }

  private handleStatus(
    request: ApiRequest,
    { resource }: Target,
    ref: ObjectRef,
  ): MaybePromise<ApiResponse> {
    const { writer } = this.options;
    switch (request.method) {
      case 'GET':
        return this.answerRead(request, resource, ref);
      case 'PUT': {
        const context = { ...writeContext(request), subresource: 'status' as const };
        return this.written(
          request,
          resource,
          writer.update(resource, ref, requireBody(request, resource), context),
        );
      }
      case 'PATCH': {
        const patch = readPatch(request, resource, 'status');
        return this.written(
          request,
          resource,
          writer.patch(resource, ref, patch, writeContext(request)),
        );
      }
      default:
        throw StatusError.methodNotAllowed();
    }
  }

  private handleScale(
    request: ApiRequest,
    { resource }: Target,
    ref: ObjectRef,
  ): MaybePromise<ApiResponse> {
    if (request.method === 'GET')
      return andThen(this.read(resource, ref), (object) => ({
        type: 'json',
        code: 200,
        body: toScale(resource, object),
      }));
    const makeScale = readScaleChange(request, resource);
    const context = { ...writeContext(request), subresource: 'scale' };
    const written = this.options.writer.modify(
      resource,
      ref,
      (old) => withScale(resource, old, makeScale(toScale(resource, old))),
      context,
    );
    return andThen(written, ({ object, durable }) => ({
      type: 'json',
      code: 200,
      body: toScale(resource, object),
      durable,
    }));
  }

  private answerRead(
    request: ApiRequest,
    resource: Resource,
    ref: ObjectRef,
  ): MaybePromise<ApiResponse> {
    return andThen(this.read(resource, ref), (object) =>
      this.rendered(request, resource, 200, object),
    );
  }

  private read(resource: Resource, ref: ObjectRef): MaybePromise<KubeObject> {
    const object = this.options.store.get(resource.storeName, ref.namespace, ref.name);
    if (!object) throw StatusError.notFound(resource, ref.name);
    return this.options.versions.show(resource, object);
  }

  private list(request: ApiRequest, { resource, namespace }: Target): MaybePromise<ApiResponse> {
    const filter = parseFilter(request.query, resource, namespace);
    return andThen(this.lister.list(resource, filter, request.query), (list) => {
      const nowMs = this.options.clock.now();
      const body = renderList(list, request.rendering, { resource, nowMs });
      return { type: 'json', code: 200, body };
    });
  }

  private watch(request: ApiRequest, { resource, namespace, name }: Target): ApiResponse {
    const { query, rendering } = request;
    const parsed = parseFilter(query, resource, namespace);
    const filter =
      name === undefined
        ? parsed
        : {
            ...parsed,
            fields: [...parsed.fields, { field: 'metadata.name', isEqual: true, value: name }],
          };
    const sendInitialEvents = isTrue(query['sendInitialEvents']);
    checkWatchOptions(query);
    const timeout = parseNumber(query['timeoutSeconds'], 'timeoutSeconds');
    const options = {
      filter,
      resourceVersion: parseNumber(query['resourceVersion'], 'resourceVersion'),
      sendInitialEvents,
      allowBookmarks: isTrue(query['allowWatchBookmarks']),
      timeoutSeconds: timeout,
    };
    const { store, clock, registry, versions } = this.options;
    return {
      type: 'watch',
      timeoutSeconds: timeout === 0 ? undefined : timeout,
      open(onEvent, end) {
        let withHeader = true;
        const show = (event: ServerWatchEvent): void => {
          if (rendering.as === 'object' || event.type === 'BOOKMARK' || event.type === 'ERROR')
            return onEvent(event);
          const object = event.object as KubeObject;
          const rendered = renderObject(object, rendering, {
            resource,
            nowMs: clock.now(),
            withHeader,
          });
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

  private deleteCollection(
    request: ApiRequest,
    { resource, namespace }: Target,
  ): MaybePromise<ApiResponse> {
    // Namespaces go one by one, on purpose.
    if (resource.storeName === namespacesStore) throw StatusError.methodNotAllowed();
    if (resource.definition.namespaced && namespace === undefined)
      throw StatusError.methodNotAllowed();
    const options = parseDeleteOptions(request.body, request.query);
    const filter = parseFilter(request.query, resource, namespace);
    const listed = this.lister.list(resource, filter, request.query);
    return andThen(listed, (list) => this.deleteListed(request, resource, list, options));
  }

  private deleteListed(
    request: ApiRequest,
    resource: Resource,
    list: KubeList,
    options: DeleteOptions,
  ): MaybePromise<ApiResponse> {
    const { store, deleter } = this.options;
    const waits: Promise<void>[] = [];
    const context = deleteContext(request);
    const deleteFrom = (index: number): MaybePromise<void> => {
      for (let i = index; i < list.items.length; i++) {
        const { metadata } = list.items[i] as KubeObject;
        const ref = { namespace: metadata.namespace ?? '', name: metadata.name };
        // Another writer may have removed it since the list was made.
        if (!store.get(resource.storeName, ref.namespace, ref.name)) continue;
        const deleted = deleter.delete(resource, ref, options, context);
        if (deleted instanceof Promise)
          return deleted.then(({ durable }) => {
            if (durable) waits.push(durable);
            return deleteFrom(i + 1);
          });
        if (deleted.durable) waits.push(deleted.durable);
      }
    };
    return andThen(deleteFrom(0), () => {
      const durable = waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
      return { type: 'json', code: 200, body: list, durable };
    });
  }

  private written(
    request: ApiRequest,
    resource: Resource,
    result: MaybePromise<WriteResult>,
  ): MaybePromise<ApiResponse> {
    return andThen(result, ({ code, object, durable }) => ({
      ...this.rendered(request, resource, code, object),
      durable,
    }));
  }

  private rendered(
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

  private describe(request: ApiRequest): MaybePromise<ApiResponse> {
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    if (request.method !== 'GET') throw StatusError.unknownPath();
    if (healthPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)))
      return { type: 'text', code: 200, body: 'ok' };
    const own = this.options.documents?.get(path);
    if (own) return andThen(own(), (body) => ({ type: 'json', code: 200, body }));
    const { registry } = this.options;
    if (request.wantsAggregatedDiscovery && (path === '/api' || path === '/apis'))
      return {
        type: 'json',
        code: 200,
        body: makeAggregatedDiscovery(registry, path === '/api'),
        contentType: AGGREGATED_DISCOVERY_TYPE,
      };
    const body = makeDocument(registry, path, this.options.serverAddress);
    if (body === undefined) throw StatusError.unknownPath();
    return { type: 'json', code: 200, body };
  }
}

/** How a request changes a Scale that it does not know yet. @throws {StatusError} 400, 405, 415 */
function readScaleChange(request: ApiRequest, resource: Resource): (scale: Scale) => unknown {
  if (request.method === 'PUT') {
    const wanted = requireBody(request, resource);
    return () => wanted;
  }
  if (request.method !== 'PATCH') throw StatusError.methodNotAllowed();
  const { type, body } = readPatch(request, resource, undefined);
  if (type === 'apply') throw StatusError.unsupportedMediaType(Object.keys(patchTypes).slice(0, 3));
  // Scale has no lists, so the strategic form of a patch is the merge form.
  return (scale) => (type === 'json' ? applyJsonPatch(scale, body) : applyMergePatch(scale, body));
}

const deleteContext = ({ user, mustBeDurable, warnings }: ApiRequest): DeleteContext => ({
  user,
  mustBeDurable,
  warnings,
});

/** The `Status` for anything thrown while a request was handled. */
export function toStatus(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return StatusError.internal(error instanceof Error ? error.message : String(error)).status;
}

/** The refusal of a write that the disk did not take. */
export function toCommitFailure(error: unknown): Status {
  const reason = error instanceof Error ? error.message : String(error);
  return StatusError.internal(
    `the write was not stored and has been undone: ${reason}; make room and try again`,
  ).status;
}
