/**
 * Create, update and patch: what may change, who owns it afterwards, and whether there is
 * anything to write at all. Everything up to the store's commit runs in the caller's tick.
 * Deletion is in object-deleter.ts. Source: k8s.io/apiserver pkg/registry/rest (behaviour).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import { namespaceKind } from '../apis/core/types.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { recordUpdate, type FieldWriter } from './apply/managed-fields.ts';
import { applyConfiguration } from './apply/server-side-apply.ts';
import { admit } from './admission.ts';
import type { UserInfo } from './auth/user-info.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { applyJsonPatch } from './patch/json-patch.ts';
import { isBuiltinGroup, mergeSchemaOf } from './patch/list-merge-keys.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts';
import {
  assertNoNewFinalizers,
  assertUnchanged,
  durabilityOf,
  formatTime,
  immutable,
  isDeletable,
  isSameObject,
  isSpecEqual,
  keepServerFields,
  ownPart,
  withoutUnset,
} from './object-rules.ts';
import { StatusError } from './status-error.ts';
import type { Durability, Store, StoreWrite } from './store/store.ts';

const GENERATED_SUFFIX_LENGTH = 5;
/** Without vowels and look-alikes, as upstream's names. */
const GENERATED_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const GENERATED_BASE_LENGTH_MAX = 63 - GENERATED_SUFFIX_LENGTH;
const GENERATE_ATTEMPTS_MAX = 8;
const FIELD_MANAGER_LENGTH_MAX = 128;

export const namespacesStore = `${namespaceKind.group}/${namespaceKind.plural}`;

/** What every write carries beside its body. */
export interface WriteContext {
  readonly user: UserInfo;
  /** Undefined: the write does not begin tracking of field owners (see managed-fields.ts). */
  readonly fieldManager: string | undefined;
  /** Acknowledge only what is on disk, also of a kind that is written behind: true for clients from outside. */
  readonly mustBeDurable: boolean;
  readonly dryRun: boolean;
}

export interface ObjectRef {
  /** Empty for cluster-scoped resources. */
  readonly namespace: string;
  readonly name: string;
}

export interface WriteResult {
  readonly code: number;
  readonly object: KubeObject;
  /** See `StoreWrite.durable`; undefined when there is nothing to wait for. */
  readonly durable: Promise<void> | undefined;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchRequest {
  readonly type: PatchType;
  readonly body: unknown;
  readonly subresource: 'status' | undefined;
  readonly force: boolean;
}

export interface ObjectWriterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: () => string;
}

export class ObjectWriter {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly newUid: () => string;

  constructor(options: ObjectWriterOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.random = options.random;
    this.newUid = options.newUid;
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  create(resource: Resource, namespace: string, body: unknown, context: WriteContext): WriteResult {
    const object = this.readBody(resource, namespace, body);
    const meta = object.metadata;
    if (meta.resourceVersion)
      throw StatusError.badRequest('resourceVersion should not be set on objects to be created');
    this.assertNamespaceAccepts(resource, namespace, meta.name || meta.generateName || '');
    const isGenerated = !meta.name && Boolean(meta.generateName);
    for (let attempt = 1; ; attempt++) {
      const named = isGenerated ? this.withGeneratedName(object) : object;
      const prepared = this.prepareCreate(resource, named, context);
      const { name } = prepared.metadata;
      if (!this.store.get(resource.storeName, namespace, name))
        return this.write(resource, undefined, prepared, context, 201);
      if (!isGenerated || attempt === GENERATE_ATTEMPTS_MAX)
        throw StatusError.alreadyExists(resource, name);
    }
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  update(
    resource: Resource,
    ref: ObjectRef,
    body: unknown,
    options: WriteContext & { subresource: 'status' | undefined },
  ): WriteResult {
    const old = this.read(resource, ref);
    const object = this.readBody(resource, ref.namespace, body);
    object.metadata.name ??= ref.name;
    if (object.metadata.name !== ref.name)
      throw StatusError.badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    if (!object.metadata.resourceVersion && !isBuiltinGroup(resource.group))
      throw StatusError.invalid(resource, ref.name, [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0x0: must be specified for an update',
          field: 'metadata.resourceVersion',
        },
      ]);
    return this.replace(resource, old, object, options);
  }

  /** @throws {StatusError} */
  patch(
    resource: Resource,
    ref: ObjectRef,
    request: PatchRequest,
    context: WriteContext,
  ): WriteResult {
    if (request.type === 'apply') return this.apply(resource, ref, request, context);
    const old = this.read(resource, ref);
    const patched = patchObject(resource, this.present(resource, old), request);
    if (!isJsonObject(patched) || !isJsonObject(patched['metadata']))
      throw StatusError.badRequest('the patch leaves no object with metadata');
    const object = this.readBody(resource, ref.namespace, patched);
    if (object.metadata.name !== ref.name)
      throw StatusError.invalid(resource, ref.name, [
        immutable('metadata.name', object.metadata.name),
      ]);
    return this.replace(resource, old, object, { ...context, subresource: request.subresource });
  }

  /** The object in the version that was asked for. */
  present(resource: Resource, object: KubeObject): KubeObject {
    return object.apiVersion === resource.apiVersion
      ? object
      : { ...object, apiVersion: resource.apiVersion };
  }

  /** RFC 3339 in whole seconds, as all timestamps of the API. */
  now(): string {
    return formatTime(this.clock.now());
  }

  private apply(
    resource: Resource,
    ref: ObjectRef,
    request: PatchRequest,
    context: WriteContext,
  ): WriteResult {
    if (!context.fieldManager)
      throw StatusError.badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    const applied = this.readBody(resource, ref.namespace, request.body);
    applied.metadata.name ??= ref.name;
    if (applied.metadata.name !== ref.name)
      throw StatusError.badRequest(
        `the name of the object (${applied.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    if (Array.isArray(applied.metadata.managedFields) && applied.metadata.managedFields.length > 0)
      throw StatusError.badRequest('metadata.managedFields must be nil');
    const live = this.store.get(resource.storeName, ref.namespace, ref.name);
    if (live === undefined && request.subresource) throw StatusError.notFound(resource, ref.name);
    const { resourceVersion, uid } = applied.metadata;
    if (live === undefined && uid)
      throw StatusError.conflict(
        resource,
        ref.name,
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    const merged = applyConfiguration(live, ownPart(resource, applied, request.subresource), {
      resource,
      writer: this.fieldWriter(context, request.subresource),
      force: request.force,
      schema: mergeSchemaOf(resource.group),
    });
    if (live === undefined) {
      this.assertNamespaceAccepts(resource, ref.namespace, ref.name);
      const prepared = this.prepareCreate(
        resource,
        { ...merged, metadata: { ...merged.metadata } },
        context,
      );
      const { managedFields } = merged.metadata;
      if (managedFields) prepared.metadata.managedFields = managedFields;
      return this.write(
        resource,
        undefined,
        prepared,
        { ...context, fieldManager: undefined },
        201,
      );
    }
    // An apply that names a resourceVersion is conditional on it; one that names none is not.
    const metadata: ObjectMeta = { ...merged.metadata };
    metadata.resourceVersion = resourceVersion ?? live.metadata.resourceVersion ?? '';
    if (uid) metadata.uid = uid;
    return this.replace(
      resource,
      live,
      { ...merged, metadata },
      {
        ...context,
        subresource: request.subresource,
        appliedFields: merged.metadata.managedFields,
      },
    );
  }

  private read(resource: Resource, ref: ObjectRef): KubeObject {
    const object = this.store.get(resource.storeName, ref.namespace, ref.name);
    if (!object) throw StatusError.notFound(resource, ref.name);
    return object;
  }

  /** Checks that the body is an object of this kind for this namespace; makes its top two levels ours to change. */
  private readBody(resource: Resource, namespace: string, body: unknown): KubeObject {
    if (!isJsonObject(body)) throw StatusError.badRequest('the body must be an object');
    const { apiVersion = resource.apiVersion, kind = resource.kind, metadata = {} } = body;
    if (apiVersion !== resource.apiVersion)
      throw StatusError.badRequest(
        `the API version in the data (${JSON.stringify(apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
      );
    if (kind !== resource.kind)
      throw StatusError.badRequest(
        `the kind in the data (${JSON.stringify(kind)}) does not match the expected kind (${resource.kind})`,
      );
    if (!isJsonObject(metadata)) throw StatusError.badRequest('metadata must be an object');
    const meta = withoutUnset(metadata) as unknown as ObjectMeta;
    if (resource.definition.namespaced) {
      meta.namespace ??= namespace;
      if (meta.namespace !== namespace)
        throw StatusError.badRequest(
          `the namespace of the provided object does not match the namespace sent on the request (${meta.namespace}, ${namespace})`,
        );
    } else delete meta.namespace;
    return { ...body, apiVersion: resource.storageApiVersion, kind: resource.kind, metadata: meta };
  }

  private assertNamespaceAccepts(resource: Resource, namespace: string, name: string): void {
    if (!resource.definition.namespaced) return;
    const holder = this.store.get(namespacesStore, '', namespace);
    if (!holder) throw StatusError.notFound(namespaceKind, namespace);
    if (holder.metadata.deletionTimestamp)
      throw StatusError.forbidden(
        resource,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
        [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      );
  }

  private prepareCreate(resource: Resource, object: KubeObject, context: WriteContext): KubeObject {
    const { definition } = resource;
    const meta: ObjectMeta = {
      ...object.metadata,
      uid: this.newUid(),
      creationTimestamp: this.now(),
    };
    delete meta.resourceVersion;
    delete meta.deletionTimestamp;
    delete meta.deletionGracePeriodSeconds;
    delete meta.managedFields;
    delete meta.generation;
    if (definition.hasGeneration !== false) meta.generation = 1;
    const bare: KubeObject & JsonObject = { ...object, metadata: meta };
    if (definition.hasStatus) delete bare['status'];
    return admit(resource, bare, {
      operation: 'CREATE',
      userName: context.user.name,
      nowMs: this.clock.now(),
    });
  }

  private withGeneratedName(object: KubeObject): KubeObject {
    const base = (object.metadata.generateName ?? '').slice(0, GENERATED_BASE_LENGTH_MAX);
    let suffix = '';
    for (let i = 0; i < GENERATED_SUFFIX_LENGTH; i++)
      suffix += GENERATED_ALPHABET[Math.floor(this.random() * GENERATED_ALPHABET.length)];
    return { ...object, metadata: { ...object.metadata, name: base + suffix } };
  }

  /** The common end of update, patch and apply. */
  private replace(
    resource: Resource,
    old: KubeObject,
    incoming: KubeObject,
    options: WriteContext & {
      subresource: 'status' | undefined;
      appliedFields?: unknown[] | undefined;
    },
  ): WriteResult {
    assertUnchanged(resource, old, incoming);
    const { definition } = resource;
    let next: KubeObject;
    if (options.subresource === 'status') {
      const status = (incoming as KubeObject & JsonObject)['status'];
      const { status: _old, ...rest } = old as KubeObject & JsonObject;
      next = { ...(rest as unknown as KubeObject), ...(status === undefined ? {} : { status }) };
      next.metadata = { ...old.metadata };
    } else {
      next = this.prepareUpdate(resource, old, incoming, options);
    }
    const resets = incoming.metadata.managedFields?.length === 0 && !options.appliedFields;
    if (options.appliedFields) next.metadata.managedFields = options.appliedFields;
    else if (resets && old.metadata.managedFields) delete next.metadata.managedFields;
    if (isSameObject(old, next)) return { code: 200, object: old, durable: undefined };
    if (definition.hasGeneration !== false && options.subresource === undefined)
      next.metadata.generation = (old.metadata.generation ?? 1) + (isSpecEqual(old, next) ? 0 : 1);
    const context =
      options.appliedFields || resets ? { ...options, fieldManager: undefined } : options;
    return this.write(resource, old, next, context, 200);
  }

  private prepareUpdate(
    resource: Resource,
    old: KubeObject,
    incoming: KubeObject,
    context: WriteContext,
  ): KubeObject {
    const meta: ObjectMeta = { ...incoming.metadata };
    keepServerFields(meta, old.metadata);
    const bare: KubeObject & JsonObject = { ...incoming, metadata: meta };
    if (resource.definition.hasStatus) {
      const status = (old as KubeObject & JsonObject)['status'];
      if (status === undefined) delete bare['status'];
      else bare['status'] = status;
    }
    if (old.metadata.deletionTimestamp) assertNoNewFinalizers(resource, old, bare);
    // The last finalizer of an object that is already invalid must still be removable.
    const isLeaving = Boolean(old.metadata.deletionTimestamp) && isSpecEqual(old, bare);
    if (isLeaving) return bare;
    const admitted = admit(resource, bare, {
      operation: 'UPDATE',
      userName: context.user.name,
      nowMs: this.clock.now(),
      old,
    });
    return admitted === bare ? bare : { ...admitted, metadata: { ...admitted.metadata } };
  }

  private write(
    resource: Resource,
    old: KubeObject | undefined,
    object: KubeObject,
    context: WriteContext & { subresource?: 'status' | undefined },
    code: number,
  ): WriteResult {
    if (context.fieldManager !== undefined || object.metadata.managedFields)
      this.track(resource, old, object, context);
    if (context.dryRun) return { code, object: this.present(resource, object), durable: undefined };
    const durability = durabilityOf(resource, context.mustBeDurable);
    const written = isDeletable(object)
      ? this.finishDeletion(resource, old, object, durability)
      : this.store.put(resource.storeName, object, durability);
    return { code, object: this.present(resource, written.object), durable: written.durable };
  }

  /** The last finalizer went: the object goes with it, and its last state is the answer. */
  private finishDeletion(
    resource: Resource,
    old: KubeObject | undefined,
    object: KubeObject,
    durability: Durability,
  ): StoreWrite {
    const { namespace = '', name } = object.metadata;
    const gone = old && this.store.delete(resource.storeName, { namespace, name }, durability);
    return gone ?? { object, durable: undefined };
  }

  private track(
    resource: Resource,
    old: KubeObject | undefined,
    object: KubeObject,
    context: WriteContext & { subresource?: 'status' | undefined },
  ): void {
    // Objects from a controller without a manager's name still move fields between owners.
    if (context.fieldManager === undefined && !old?.metadata.managedFields) return;
    if (
      context.fieldManager === undefined &&
      object.metadata.managedFields !== old?.metadata.managedFields
    )
      return;
    const writer = this.fieldWriter(context, context.subresource);
    object.metadata.managedFields = recordUpdate(
      old,
      object,
      writer,
      mergeSchemaOf(resource.group),
    );
  }

  private fieldWriter(context: WriteContext, subresource: string | undefined): FieldWriter {
    const manager = (context.fieldManager ?? 'knit').slice(0, FIELD_MANAGER_LENGTH_MAX);
    return { manager, subresource, now: this.now() };
  }
}

function patchObject(resource: Resource, object: KubeObject, request: PatchRequest): unknown {
  if (request.type === 'json') return applyJsonPatch(object, request.body);
  if (request.type === 'merge') {
    if (!isJsonObject(request.body))
      throw StatusError.badRequest('a merge patch must be an object');
    return applyMergePatch(object, request.body);
  }
  return applyStrategicMergePatch(object, request.body, mergeSchemaOf(resource.group));
}
