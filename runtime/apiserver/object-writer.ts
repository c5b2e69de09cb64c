/**
 * Create, update, patch and apply, each in the same steps: read what is stored, make what is wanted
 * of it, let admission change it, prepare and validate it, let admission refuse it, commit. All of it
 * runs in the caller's tick unless an admission plugin has to wait; then the commit takes place only
 * on the object that was read, and all steps are repeated on a newer one.
 * Deletion is in object-deleter.ts. Source: k8s.io/apiserver pkg/registry (behaviour).
 */
import { namespaceKind } from '../apis/core/types.ts';
import type { AdmissionContext } from '../apis/meta/kind-definition.ts';
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { AdmissionChain, type AdmissionRequest } from './admission/admission-chain.ts';
import { recordUpdate, type FieldWriter } from './apply/managed-fields.ts';
import { applyConfiguration } from './apply/server-side-apply.ts';
import type { UserInfo } from './auth/user-info.ts';
import { withGeneratedName } from './generated-name.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { readBody } from './object-body.ts';
import type { DecodeOptions, FieldValidation, ObjectDecoder } from './object-decoder.ts';
import { ObjectVersions } from './object-versions.ts';
import {
  assertNoNewFinalizers,
  assertServerFields,
  assertUnchanged,
  durabilityOf,
  formatTime,
  isDeletable,
  isSameObject,
  isSpecEqual,
  keepServerFields,
  ownPart,
  withDistinctOwners,
} from './object-rules.ts';
import { assertValid, withDefaults } from './object-validation.ts';
import { applyJsonPatch } from './patch/json-patch.ts';
import { isBuiltinGroup, mergeSchemaOf, patchSchemaOf } from './patch/merge-schema.ts';
import { applyMergePatch } from './patch/merge-patch.ts';
import { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts';
import { StatusError } from './status-error.ts';
import type { Durability, Store, StoreWrite } from './store/store.ts';

/** As upstream: then the chance of one more collision is below that of a broken client. */
const GENERATE_ATTEMPTS_MAX = 8;
const FIELD_MANAGER_LENGTH_MAX = 128;
/** How often a write starts over because the object changed while a webhook was asked. */
const REWRITE_ATTEMPTS_MAX = 16;

export const namespacesStore = `${namespaceKind.group}/${namespaceKind.plural}`;

/** What every write carries beside its body. */
export interface WriteContext {
  readonly user: UserInfo;
  /** Undefined: the write does not begin tracking of field owners (see managed-fields.ts). */
  readonly fieldManager: string | undefined;
  /** Acknowledge only what is on disk, also of a kind that is written behind: true for clients from outside. */
  readonly mustBeDurable: boolean;
  readonly dryRun: boolean;
  /** Undefined: the body is our own typed code's, and no schema is walked for it. */
  readonly fieldValidation: FieldValidation | undefined;
  /** See `DecodeOptions`. */
  readonly parseProblems: readonly string[];
  /** Texts for `Warning` headers; whoever has something to say appends. */
  readonly warnings: string[];
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
  /** @default an empty chain */
  readonly admission?: AdmissionChain;
  /** Left out: bodies are taken as they are. */
  readonly decoder?: ObjectDecoder | undefined;
  /** @default one that knows no conversion webhooks */
  readonly versions?: ObjectVersions;
}

/** What a write would leave, before admission. */
interface Candidate {
  readonly object: KubeObject;
  /** Of an apply: the owners are decided already. */
  readonly appliedFields?: unknown[] | undefined;
}

/** A write and its path. Of the subresources, `status` alone writes another part of the object. */
type Operation = WriteContext & { readonly subresource: string | undefined };

export class ObjectWriter {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly newUid: () => string;
  private readonly admission: AdmissionChain;
  private readonly decoder: ObjectDecoder | undefined;
  private readonly versions: ObjectVersions;

  constructor(options: ObjectWriterOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.random = options.random;
    this.newUid = options.newUid;
    this.admission = options.admission ?? new AdmissionChain([]);
    this.decoder = options.decoder;
    this.versions = options.versions ?? new ObjectVersions();
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  create(
    resource: Resource,
    namespace: string,
    body: unknown,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    const object = this.decode(resource, readBody(resource, namespace, body), context, 'body');
    return this.insert(resource, namespace, { object }, context);
  }

  /** Takes ownership of `body`. @throws {StatusError} */
  update(
    resource: Resource,
    ref: ObjectRef,
    body: unknown,
    context: Operation,
  ): MaybePromise<WriteResult> {
    const object = this.decode(resource, readBody(resource, ref.namespace, body), context, 'body');
    // Our own typed code names the object once, in the path.
    if (context.fieldValidation === undefined) object.metadata.name ??= ref.name;
    if (!object.metadata.name)
      throw StatusError.badRequest(
        `the name of the object (${ref.name} based on URL) was undeterminable: name must be provided`,
      );
    if (object.metadata.name !== ref.name)
      throw StatusError.badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    return this.rewrite(resource, ref, context, (old) => {
      if (!old && isCreatedByUpdate(resource, object, context)) return { object };
      if (!old) throw StatusError.notFound(resource, ref.name);
      if (!object.metadata.resourceVersion && !isBuiltinGroup(resource.group))
        throw StatusError.invalid(resource, ref.name, [
          {
            reason: 'FieldValueInvalid',
            message: 'Invalid value: 0: must be specified for an update',
            field: 'metadata.resourceVersion',
          },
        ]);
      return { object };
    });
  }

  /** @throws {StatusError} */
  patch(
    resource: Resource,
    ref: ObjectRef,
    request: PatchRequest,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    const operation = { ...context, subresource: request.subresource };
    if (request.type === 'apply') return this.apply(resource, ref, request, operation);
    return this.rewrite(resource, ref, operation, (old) => {
      if (!old) throw StatusError.notFound(resource, ref.name);
      const patched = patchObject(resource, this.present(resource, old), request);
      if (!isJsonObject(patched) || !isJsonObject(patched['metadata']))
        throw StatusError.badRequest('the patch leaves no object with metadata');
      const body = readBody(resource, ref.namespace, patched);
      const object = this.decode(resource, body, context, 'patch');
      if (object.metadata.name !== ref.name)
        throw StatusError.badRequest(
          `the name of the object (${object.metadata.name}) does not match the name on the URL (${ref.name})`,
        );
      return { object };
    });
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
    return this.rewrite(resource, ref, context, (old) => {
      if (!old) throw StatusError.notFound(resource, ref.name);
      return { object: make(old) };
    });
  }

  /** What a patch changes: the object under the name of the version that was asked for. */
  private present(resource: Resource, object: KubeObject): KubeObject {
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
    context: Operation,
  ): MaybePromise<WriteResult> {
    if (!context.fieldManager)
      throw StatusError.badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    const body = readBody(resource, ref.namespace, request.body);
    const applied = this.decode(resource, body, context, 'apply');
    applied.metadata.name ??= ref.name;
    if (applied.metadata.name !== ref.name)
      throw StatusError.badRequest(
        `the name of the object (${applied.metadata.name}) does not match the name on the URL (${ref.name})`,
      );
    if (Array.isArray(applied.metadata.managedFields) && applied.metadata.managedFields.length > 0)
      throw StatusError.badRequest('metadata.managedFields must be nil');
    const { resourceVersion, uid } = applied.metadata;
    return this.rewrite(resource, ref, context, (live) => {
      if (live === undefined && request.subresource) throw StatusError.notFound(resource, ref.name);
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
        schema: mergeSchemaOf(resource),
      });
      const metadata: ObjectMeta = { ...merged.metadata };
      if (live) {
        // An apply that names a resourceVersion is conditional on it; one that names none is not.
        metadata.resourceVersion = resourceVersion ?? live.metadata.resourceVersion ?? '';
        if (uid) metadata.uid = uid;
      }
      return { object: { ...merged, metadata }, appliedFields: merged.metadata.managedFields };
    });
  }

  private decode(
    resource: Resource,
    object: KubeObject,
    context: WriteContext,
    source: DecodeOptions['source'],
  ): KubeObject {
    const { fieldValidation, parseProblems, warnings } = context;
    if (!this.decoder || fieldValidation === undefined) return object;
    return this.decoder.decode(resource, object, {
      fieldValidation,
      parseProblems,
      warnings,
      source,
    });
  }

  private insert(
    resource: Resource,
    namespace: string,
    { object, appliedFields }: Candidate,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    const { metadata } = object;
    if (metadata.resourceVersion && metadata.resourceVersion !== '0')
      throw StatusError.versionOnCreate();
    this.assertNamespaceAccepts(resource, namespace, metadata.name || metadata.generateName || '');
    const judged = this.judged(context, undefined);
    const defaulted = withDefaults(resource, this.prepareInsert(resource, object, context), judged);
    if (appliedFields) defaulted.metadata.managedFields = appliedFields;
    else this.track(resource, undefined, defaulted, { ...context, subresource: undefined });
    const request = this.admissionRequest('CREATE', resource, namespace, defaulted, context);
    return andThen(this.admission.mutate(request), (admitted = defaulted) => {
      const mutated =
        admitted === defaulted ? admitted : withDefaults(resource, owned(admitted), judged);
      return this.commitNew(resource, namespace, mutated, request, context, 1);
    });
  }

  /** Names, validates and stores; once more with another name when a generated one is taken. */
  private commitNew(
    resource: Resource,
    namespace: string,
    object: KubeObject,
    request: AdmissionRequest,
    context: WriteContext,
    attempt: number,
  ): MaybePromise<WriteResult> {
    const isGenerated = !object.metadata.name && Boolean(object.metadata.generateName);
    const named = isGenerated ? withGeneratedName(object, this.random) : object;
    const { name } = named.metadata;
    assertValid(resource, named, this.judged(context, undefined));
    const validated = this.admission.validate({ ...request, name, object: named });
    const kept = andThen(validated, () => this.versions.keep(resource, named));
    return andThen(kept, (stored) => {
      if (!this.store.get(resource.storeName, namespace, name)) {
        // The namespace may have gone while a webhook was asked.
        this.assertNamespaceAccepts(resource, namespace, name);
        return this.commit(resource, undefined, stored, context, 201);
      }
      if (!isGenerated || attempt === GENERATE_ATTEMPTS_MAX)
        throw StatusError.alreadyExists(resource, name);
      return this.commitNew(resource, namespace, object, request, context, attempt + 1);
    });
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

  /** Metadata as the server sets it; no status where status has a path of its own. */
  private prepareInsert(
    resource: Resource,
    object: KubeObject,
    { warnings }: WriteContext,
  ): KubeObject {
    const { definition } = resource;
    const metadata: ObjectMeta = {
      ...withDistinctOwners(object.metadata, warnings),
      uid: this.newUid(),
      creationTimestamp: this.now(),
    };
    delete metadata.resourceVersion;
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    delete metadata.managedFields;
    // Where the server counts no generations, it is the client's to keep.
    if (definition.hasGeneration !== false) metadata.generation = 1;
    const bare: KubeObject & JsonObject = { ...object, metadata };
    // As upstream's types, which have no way to say that there is no status.
    if (definition.hasStatus)
      replaceKey(bare, 'status', isBuiltinGroup(resource.group) ? {} : undefined);
    return bare;
  }

  /**
   * The common course of update, patch and apply. `make` may be called again with a newer object,
   * and decides what a missing one means: a refusal, or a create.
   */
  private rewrite(
    resource: Resource,
    ref: ObjectRef,
    context: Operation,
    make: (old: KubeObject | undefined) => Candidate,
    attempt = 1,
  ): MaybePromise<WriteResult> {
    const stored = this.store.get(resource.storeName, ref.namespace, ref.name);
    if (!stored) return this.insert(resource, ref.namespace, make(undefined), context);
    return andThen(this.versions.load(resource, stored), (old) =>
      this.rewriteFrom({ stored, old }, resource, ref, context, make, attempt),
    );
  }

  /** @param from the object as it is stored, and the same in the version of the request. */
  private rewriteFrom(
    { stored, old }: { readonly stored: KubeObject; readonly old: KubeObject },
    resource: Resource,
    ref: ObjectRef,
    context: Operation,
    make: (old: KubeObject | undefined) => Candidate,
    attempt: number,
  ): MaybePromise<WriteResult> {
    const candidate = make(old);
    const { object, appliedFields } = candidate;
    assertUnchanged(resource, old, object);
    if (context.subresource === undefined) assertServerFields(resource, old, object);
    const judged = this.judged(context, old);
    const prepared = this.prepareRewrite(resource, old, candidate, context, judged);
    const isReset = object.metadata.managedFields?.length === 0 && !appliedFields;
    if (!appliedFields && !isReset && !isSameObject(old, prepared))
      this.track(resource, old, prepared, context);
    const request: AdmissionRequest = {
      ...this.admissionRequest('UPDATE', resource, ref.namespace, prepared, context),
      oldObject: old,
    };
    return andThen(this.admission.mutate(request), (admitted = prepared) => {
      const next =
        admitted === prepared ? admitted : withDefaults(resource, owned(admitted), judged);
      this.finishRewrite(resource, old, next, context, judged);
      const validated = this.admission.validate({ ...request, object: next });
      const kept = andThen(validated, () => this.versions.keep(resource, next));
      return andThen(kept, (changed) => {
        // Compared as stored: after a change of the storage version, a write of the same moves it there.
        if (this.store.get(resource.storeName, ref.namespace, ref.name) === stored)
          return isSameObject(stored, changed)
            ? this.shown(resource, { code: 200, object: stored, durable: undefined })
            : this.commit(resource, stored, changed, context, 200);
        if (attempt === REWRITE_ATTEMPTS_MAX) throw StatusError.conflict(resource, ref.name);
        return this.rewrite(resource, ref, context, make, attempt + 1);
      });
    });
  }

  /** The incoming object with what this path must not change put back from the stored one. */
  private prepareRewrite(
    resource: Resource,
    old: KubeObject,
    { object, appliedFields }: Candidate,
    { subresource, warnings }: Operation,
    judged: AdmissionContext,
  ): KubeObject {
    let next: KubeObject & JsonObject;
    if (subresource === 'status') {
      next = { ...(old as KubeObject & JsonObject), metadata: { ...old.metadata } };
      replaceKey(next, 'status', (object as KubeObject & JsonObject)['status']);
    } else {
      const metadata: ObjectMeta = { ...withDistinctOwners(object.metadata, warnings) };
      keepServerFields(metadata, old.metadata);
      next = { ...object, metadata };
      if (resource.definition.hasStatus)
        replaceKey(next, 'status', (old as KubeObject & JsonObject)['status']);
      // Only `finalize` writes what holds a namespace.
      if (resource.storeName === namespacesStore && subresource === undefined)
        replaceKey(next, 'spec', (old as KubeObject & JsonObject)['spec']);
      if (!isLeaving(old, next)) next = owned(withDefaults(resource, next, judged));
    }
    if (appliedFields) next.metadata.managedFields = appliedFields;
    else if (object.metadata.managedFields?.length === 0) delete next.metadata.managedFields;
    return next;
  }

  /** Validation and generation, after the last change to the object. */
  private finishRewrite(
    resource: Resource,
    old: KubeObject,
    next: KubeObject,
    { subresource }: Operation,
    judged: AdmissionContext,
  ): void {
    if (subresource === 'status') return;
    if (old.metadata.deletionTimestamp) assertNoNewFinalizers(resource, old, next);
    if (!isLeaving(old, next)) assertValid(resource, next, judged);
    if (resource.definition.hasGeneration !== false && !isSpecEqual(old, next))
      next.metadata.generation = (old.metadata.generation ?? 1) + 1;
  }

  private commit(
    resource: Resource,
    old: KubeObject | undefined,
    object: KubeObject,
    context: WriteContext,
    code: number,
  ): MaybePromise<WriteResult> {
    if (context.dryRun) return this.shown(resource, { code, object, durable: undefined });
    const durability = durabilityOf(resource, context.mustBeDurable);
    const written = isDeletable(object)
      ? this.finishDeletion(resource, old, object, durability)
      : this.store.put(resource.storeName, object, durability);
    return this.shown(resource, { code, object: written.object, durable: written.durable });
  }

  /** The result as its client reads it. */
  private shown(resource: Resource, result: WriteResult): MaybePromise<WriteResult> {
    const object = this.versions.show(resource, result.object);
    if (object === result.object) return result;
    // Nobody may wait for the disk once the answer is a webhook's failure.
    if (object instanceof Promise) result.durable?.catch(() => {});
    return andThen(object, (one) => ({ ...result, object: one }));
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
    return { object, durable: gone?.durable };
  }

  private track(
    resource: Resource,
    old: KubeObject | undefined,
    object: KubeObject,
    context: Operation,
  ): void {
    // Objects from a controller without a manager's name still move fields between owners.
    if (context.fieldManager === undefined && !old?.metadata.managedFields) return;
    const writer = this.fieldWriter(context, context.subresource);
    object.metadata.managedFields = recordUpdate(old, object, writer, mergeSchemaOf(resource));
  }

  private fieldWriter(context: WriteContext, subresource: string | undefined): FieldWriter {
    const manager = (context.fieldManager ?? 'knit').slice(0, FIELD_MANAGER_LENGTH_MAX);
    return { manager, subresource, now: this.now() };
  }

  private judged(context: WriteContext, old: KubeObject | undefined): AdmissionContext {
    return {
      operation: old ? 'UPDATE' : 'CREATE',
      userName: context.user.name,
      nowMs: this.clock.now(),
      ...(old ? { old } : {}),
    };
  }

  private admissionRequest(
    operation: 'CREATE' | 'UPDATE',
    resource: Resource,
    namespace: string,
    object: KubeObject,
    context: WriteContext & { readonly subresource?: string | undefined },
  ): AdmissionRequest {
    const { user, dryRun, warnings, fieldManager, fieldValidation } = context;
    return {
      operation,
      resource,
      subresource: context.subresource,
      namespace,
      name: object.metadata.name ?? '',
      object,
      oldObject: undefined,
      user,
      dryRun,
      options: { dryRun: dryRun ? ['All'] : undefined, fieldManager, fieldValidation },
      warnings,
    };
  }
}

/** Its top level and metadata are the caller's to change. */
const owned = (object: KubeObject): KubeObject & JsonObject => ({
  ...object,
  metadata: { ...object.metadata },
});

/** Kinds whose writers may not know whether the object is there yet. */
const kindsCreatedByUpdate = new Set([
  '/endpoints',
  '/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leases',
  'coordination.k8s.io/leasecandidates',
  'node.k8s.io/runtimeclasses',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
]);

const isCreatedByUpdate = (
  { storeName }: Resource,
  { metadata }: KubeObject,
  { subresource }: Operation,
): boolean =>
  subresource === undefined &&
  kindsCreatedByUpdate.has(storeName) &&
  !metadata.uid &&
  (!metadata.resourceVersion || metadata.resourceVersion === '0');

function replaceKey(object: JsonObject, key: string, value: unknown): void {
  if (value === undefined) delete object[key];
  else object[key] = value;
}

/** The last finalizer of an object that is already invalid must still be removable. */
const isLeaving = (old: KubeObject, next: KubeObject): boolean =>
  old.metadata.deletionTimestamp !== undefined && isSpecEqual(old, next);

function patchObject(resource: Resource, object: KubeObject, request: PatchRequest): unknown {
  if (request.type === 'json') return applyJsonPatch(object, request.body);
  if (request.type === 'merge') {
    if (!isJsonObject(request.body))
      throw StatusError.badRequest('a merge patch must be an object');
    return applyMergePatch(object, request.body);
  }
  return applyStrategicMergePatch(object, request.body, patchSchemaOf(resource));
}
