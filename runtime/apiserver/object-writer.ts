/**
 * All writes but deletes, by verb. Each verb is a file of its own (create-object.ts, ...); what they
 * have in common is write-core.ts. Deletion is in object-deleter.ts.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { applyObject } from './apply-object.ts';
import { createObject } from './create-object.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { assertSameUid } from './object-rules.ts';
import { patchObject } from './patch-object.ts';
import { StatusError } from './status-error.ts';
import { updateObject } from './update-object.ts';
import type {
  ObjectRef,
  Operation,
  PatchRequest,
  WriteContext,
  WriteResult,
} from './write-context.ts';
import { WriteCore, type WriteCoreOptions } from './write-core.ts';

export class ObjectWriter {
  private readonly core: WriteCore;

  constructor(options: WriteCoreOptions) {
    this.core = new WriteCore(options);
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  create(
    resource: Resource,
    namespace: string,
    body: unknown,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    return createObject(this.core, resource, namespace, body, context);
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  update(
    resource: Resource,
    ref: ObjectRef,
    body: unknown,
    context: Operation,
  ): MaybePromise<WriteResult> {
    return updateObject(this.core, resource, ref, body, context);
  }

  /** @throws {StatusError} */
  patch(
    resource: Resource,
    ref: ObjectRef,
    request: PatchRequest,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    const change = request.type === 'apply' ? applyObject : patchObject;
    return change(this.core, resource, ref, request, context);
  }

  /**
   * A write of the server's own making, such as a new scale: `make` gets the stored object and
   * returns it changed, with a `resourceVersion` when the write is conditional. @throws {StatusError}
   */
  modify(
    resource: Resource,
    ref: ObjectRef,
    make: (old: KubeObject) => KubeObject,
    context: Operation,
  ): MaybePromise<WriteResult> {
    return this.core.rewrite(resource, ref, context, (old) => {
      if (!old) throw StatusError.notFound(resource, ref.name);
      const object = make(old);
      assertSameUid(resource, old, object);
      return { object };
    });
  }

  /** RFC 3339 in whole seconds, as all timestamps of the API. */
  now(): string {
    return this.core.now();
  }
}
