/**
 * Every request, whichever way it came: path and verb to reader, writer, deleter or discovery.
 * Speaks parsed JSON; bytes, TLS and authentication are the listeners' business. Work on objects
 * happens synchronously in the call unless admission has to ask somebody else; waiting for the disk
 * is left to the caller.
 */
import type { Clock } from '../std/clock.ts';
import {
  patchTypes,
  readPatch,
  refuseUnreadable,
  requireBody,
  writeContext,
  type ApiRequest,
} from './api-request.ts';
import type { ApiResponse, QuestionHandler, SubresourceHandler } from './api-response.ts';
import { deleteCollection, deleteContext } from './collection-deletion.ts';
import { healthPaths } from './discovery.ts';
import { answerDocument } from './document-answers.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { parseDeleteOptions } from './delete-options.ts';
import type { ObjectDeleter } from './object-deleter.ts';
import { ObjectReader } from './object-reader.ts';
import type { ObjectVersions } from './object-versions.ts';
import type { ObjectWriter } from './object-writer.ts';
import { applyJsonPatch } from './patch/json-patch.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { openPodLog, type PodLogReader } from './pod-log.ts';
import { isTrue } from './query-flag.ts';
import { parseResourcePath } from './request-path.ts';
import { assertScaled, toScale, withScale, type Scale } from './scale-subresource.ts';
import type { Served } from './served-subresources.ts';
import { formatGroupResource, StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';
import type { ObjectRef, WriteResult } from './write-context.ts';

export interface ApiHandlerOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly versions: ObjectVersions;
  readonly writer: ObjectWriter;
  readonly deleter: ObjectDeleter;
  readonly clock: Clock;
  readonly readPodLog: PodLogReader | undefined;
  /**
   * Paths below an object's own that a kind has beside `status` and `scale`, by `pods/eviction` or
   * `deployments.apps/rollback`. They win over the built-in ones. @default none
   */
  readonly subresources?: ReadonlyMap<string, SubresourceHandler>;
  /** Subresources that leave HTTP, such as `pods/exec`, and are answered elsewhere. @default none */
  readonly connections?: readonly string[];
  /** What answers a kind that `isVirtual`, by `selfsubjectreviews.authentication.k8s.io`. @default none */
  readonly questions?: ReadonlyMap<string, QuestionHandler>;
  /** Further documents by path, such as `/openid/v1/jwks`. @default none */
  readonly documents?: ReadonlyMap<string, () => MaybePromise<unknown>>;
  /** Host and port that `/api` names. */
  readonly serverAddress: () => string;
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
  /** The path asks for a watch, whatever the query says. */
  readonly isWatch: boolean;
}

/** A namespace where there is none, or none where one is needed. */
function isOutOfScope(
  { definition }: Resource,
  {
    namespace,
    name,
  }: { readonly namespace: string | undefined; readonly name: string | undefined },
): boolean {
  if (!definition.namespaced) return namespace !== undefined;
  return namespace === undefined && name !== undefined;
}

/** Of a kind that a CRD brought, what it has not looks like an object that is not there. */
const noSubresource = (resource: Resource, name: string): StatusError =>
  resource.custom ? StatusError.notFound(resource, name) : StatusError.unknownPath();

export class ApiHandler {
  private readonly options: ApiHandlerOptions;
  private readonly reader: ObjectReader;
  private readonly isServed: Served;

  constructor(options: ApiHandlerOptions) {
    this.options = options;
    const { subresources, connections = [] } = options;
    this.isServed = (name) =>
      name === 'pods/log' || connections.includes(name) || subresources?.has(name) === true;
    this.reader = new ObjectReader(options);
  }

  /** @throws {StatusError} every refusal; anything else that is thrown is a defect. */
  handle(request: ApiRequest): MaybePromise<ApiResponse> {
    if (!request.isTrusted && this.isNobodysPath(request.path)) return pageNotFound;
    const target = this.findTarget(request.path);
    if (!target) return answerDocument(request, { ...this.options, isServed: this.isServed });
    if (target.isWatch) {
      if (request.method !== 'GET') throw StatusError.methodNotAllowed();
      return this.reader.watch(request, target);
    }
    if (request.unreadable) throw refuseUnreadable(request, target.resource, request.unreadable);
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
        if (!resource.definition.hasStatus) throw noSubresource(resource, ref.name);
        return this.handleStatus(request, target, ref);
      case 'scale':
        if (!resource.definition.scale) throw noSubresource(resource, ref.name);
        return this.handleScale(request, target, ref);
      case 'log':
        if (target.resource.storeName !== '/pods') throw StatusError.unknownPath();
        if (request.method !== 'GET') throw StatusError.methodNotAllowed();
        return openPodLog(this.options.store, this.options.readPodLog, ref, request.query);
      default:
        throw noSubresource(resource, ref.name);
    }
  }

  /** Below no group that is served: there, upstream answers as a plain web server. */
  private isNobodysPath(path: string): boolean {
    const [, root = '', group = ''] = path.split('/');
    const { registry } = this.options;
    if (root === 'apis') {
      if (group === '' || !registry.groups.has(group)) return group !== '';
      // A group that CRDs alone have is answered by their server, which knows no more of it.
      const parsed = isBuiltinGroup(group) ? undefined : parseResourcePath(path);
      if (!parsed) return false;
      const resource = registry.find(parsed.group, parsed.version, parsed.plural);
      return resource === undefined || isOutOfScope(resource, parsed);
    }
    return !knownRoots.has(root) && !this.options.documents?.has(path);
  }

  private findTarget(path: string): Target | undefined {
    const parsed = parseResourcePath(path);
    if (!parsed) return undefined;
    const resource = this.options.registry.find(parsed.group, parsed.version, parsed.plural);
    if (!resource) throw StatusError.unknownPath();
    if (isOutOfScope(resource, parsed)) throw StatusError.unknownPath();
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
        if (isTrue(request.query['watch'])) return this.reader.watch(request, target);
        return this.reader.list(request, target);
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
        return deleteCollection(request, target, { ...this.options, reader: this.reader });
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
        return this.reader.get(request, resource, ref);
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
        return this.reader.get(request, resource, ref);
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
      return andThen(this.reader.read(resource, ref), (object) => {
        assertScaled(resource, object);
        return { type: 'json', code: 200, body: toScale(resource, object) };
      });
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

  private written(
    request: ApiRequest,
    resource: Resource,
    result: MaybePromise<WriteResult>,
  ): MaybePromise<ApiResponse> {
    return andThen(result, ({ code, object, durable }) => ({
      ...this.reader.rendered(request, resource, code, object),
      durable,
    }));
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
