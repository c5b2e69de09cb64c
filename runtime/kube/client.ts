/**
 * Typed verbs over a transport. Knows paths and error mapping, and nothing of caching: reads for
 * decisions come from informers. Objects that it returns may be shared; never change one in place.
 */
import type { KubeList, KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { ApiError, isNotFound } from './api-error.ts';
import { collectionPath, objectPath } from './resource-path.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';

export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface PatchOptions {
  readonly type: 'merge' | 'json' | 'strategic';
  readonly body: unknown;
  readonly subresource?: 'status' | 'scale' | undefined;
}

export interface DeleteOptions {
  /** Delete only if the object still has this uid. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

const PATCH_CONTENT_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

export class KubeClient {
  readonly transport: KubeTransport;

  constructor(transport: KubeTransport) {
    this.transport = transport;
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef): Promise<T | undefined> {
    try {
      return (await this.send({ method: 'GET', path: objectPath(kind, ref) })) as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(
    kind: ResourceKind<T>,
    options: ListOptions = {},
  ): Promise<KubeList<T>> {
    const query: Record<string, string> = {};
    if (options.labelSelector) query['labelSelector'] = options.labelSelector;
    if (options.fieldSelector) query['fieldSelector'] = options.fieldSelector;
    const path = collectionPath(kind, options.namespace);
    return (await this.send({ method: 'GET', path, query })) as KubeList<T>;
  }

  /** @throws {ApiError} AlreadyExists, Invalid, NotFound when the namespace is missing. */
  async create<T extends KubeObject>(kind: ResourceKind<T>, object: T): Promise<T> {
    const path = collectionPath(kind, object.metadata.namespace);
    return (await this.send({ method: 'POST', path, body: object })) as T;
  }

  /** Replaces the object. @throws {ApiError} Conflict when `metadata.resourceVersion` is stale. */
  async update<T extends KubeObject>(kind: ResourceKind<T>, object: T): Promise<T> {
    const path = objectPath(kind, object.metadata);
    return (await this.send({ method: 'PUT', path, body: object })) as T;
  }

  async updateStatus<T extends KubeObject>(kind: ResourceKind<T>, object: T): Promise<T> {
    const path = objectPath(kind, object.metadata, 'status');
    return (await this.send({ method: 'PUT', path, body: object })) as T;
  }

  async patch<T extends KubeObject>(
    kind: ResourceKind<T>,
    ref: ObjectRef,
    options: PatchOptions,
  ): Promise<T> {
    return (await this.send({
      method: 'PATCH',
      path: objectPath(kind, ref, options.subresource),
      body: options.body,
      contentType: PATCH_CONTENT_TYPES[options.type],
    })) as T;
  }

  /** Server-side apply. @throws {ApiError} Conflict when another manager owns a field and `force` is not set. */
  async apply<T extends KubeObject>(
    kind: ResourceKind<T>,
    object: T,
    options: { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<T> {
    const query: Record<string, string> = { fieldManager: options.fieldManager };
    if (options.force) query['force'] = 'true';
    return (await this.send({
      method: 'PATCH',
      path: objectPath(kind, object.metadata),
      query,
      body: object,
      contentType: 'application/apply-patch+yaml',
    })) as T;
  }

  /** Deletes the object; one that is gone already is fine. */
  async delete(kind: ResourceKind, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const preconditions: Record<string, string> = {};
    if (options.uid) preconditions['uid'] = options.uid;
    if (options.resourceVersion) preconditions['resourceVersion'] = options.resourceVersion;
    const body: Record<string, unknown> = { apiVersion: 'v1', kind: 'DeleteOptions' };
    if (Object.keys(preconditions).length > 0) body['preconditions'] = preconditions;
    if (options.propagationPolicy) body['propagationPolicy'] = options.propagationPolicy;
    if (options.gracePeriodSeconds !== undefined)
      body['gracePeriodSeconds'] = options.gracePeriodSeconds;
    try {
      await this.send({ method: 'DELETE', path: objectPath(kind, ref), body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  private async send(request: KubeRequest): Promise<unknown> {
    const response = await this.transport.request(request);
    if (response.status >= 400) throw ApiError.from(response.status, response.body);
    return response.body;
  }
}
