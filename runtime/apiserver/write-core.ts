/**
 * The course that every write takes: read what is stored, make what is wanted of it, let admission
 * change it, prepare and validate it, let admission refuse it, commit. All of it runs in the caller's
 * tick unless an admission plugin has to wait; then the commit takes place only on the object that was
 * read, and all steps are repeated on a newer one. What is wanted is the verbs' business
 * (create-object.ts, update-object.ts, patch-object.ts, apply-object.ts).
 * Source: k8s.io/apiserver pkg/registry (behaviour).
 */
import { namespaceKind } from '../apis/core/types.ts';
import type { AdmissionContext } from '../apis/meta/kind-definition.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { AdmissionChain, type AdmissionRequest } from './admission/admission-chain.ts';
import { fieldRulesOf } from './apply/field-rules.ts';
import type { FieldWriter } from './apply/managed-fields.ts';
import { recordUpdate } from './apply/record-update.ts';
import { withGeneratedName } from './generated-name.ts';
import type { JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import type { DecodeOptions, ObjectDecoder } from './object-decoder.ts';
import {
  assertNoNewFinalizers,
  assertServerFields,
  assertUnchanged,
  durabilityOf,
  formatTime,
  isDeletable,
  isSameObject,
  isSpecEqual,
  namespacesStore,
} from './object-rules.ts';
import { assertValid, assertValidMetadata, withDefaults } from './object-validation.ts';
import { ObjectVersions } from './object-versions.ts';
import { prepareInsert, prepareRewrite } from './prepare-write.ts';
import { StatusError } from './status-error.ts';
import type { Durability, Store, StoreWrite } from './store/store.ts';
import type { ObjectRef, Operation, WriteContext, WriteResult } from './write-context.ts';

/** As upstream: then the chance of one more collision is below that of a broken client. */
const GENERATE_ATTEMPTS_MAX = 8;
const FIELD_MANAGER_LENGTH_MAX = 128;
/** How often a write starts over because the object changed while a webhook was asked. */
const REWRITE_ATTEMPTS_MAX = 16;

export interface WriteCoreOptions {
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
export interface Candidate {
  readonly object: KubeObject;
  /** Of an apply: its `managedFields` are decided already. */
  readonly isApplied?: boolean;
}

export class WriteCore {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly newUid: () => string;
  private readonly admission: AdmissionChain;
  private readonly decoder: ObjectDecoder | undefined;
  private readonly versions: ObjectVersions;

  constructor(options: WriteCoreOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.random = options.random;
    this.newUid = options.newUid;
    this.admission = options.admission ?? new AdmissionChain([]);
    this.decoder = options.decoder;
    this.versions = options.versions ?? new ObjectVersions();
  }

  /** What a patch changes: the object under the name of the version that was asked for. */
  present(resource: Resource, object: KubeObject): KubeObject {
    return object.apiVersion === resource.apiVersion
      ? object
      : { ...object, apiVersion: resource.apiVersion };
  }

  /** RFC 3339 in whole seconds, as all timestamps of the API. */
  now(): string {
    return formatTime(this.clock.now());
  }

  /** @throws {StatusError} 400, 422 */
  decode(
    resource: Resource,
    object: KubeObject,
    context: WriteContext,
    from: Pick<DecodeOptions, 'source' | 'shown' | 'isConverted'>,
  ): KubeObject {
    const { fieldValidation, parseProblems, warnings } = context;
    if (!this.decoder || fieldValidation === undefined) return object;
    const options = { fieldValidation, parseProblems, warnings, ...from };
    return this.decoder.decode(resource, object, options);
  }

  fieldWriter(context: WriteContext, subresource: string | undefined): FieldWriter {
    const manager = (context.fieldManager ?? 'knit').slice(0, FIELD_MANAGER_LENGTH_MAX);
    return { manager, subresource, now: subresource === 'scale' ? undefined : this.now() };
  }

  /** A new object. @throws {StatusError} */
  insert(
    resource: Resource,
    namespace: string,
    { object, isApplied = false }: Candidate,
    context: WriteContext,
  ): MaybePromise<WriteResult> {
    const { metadata } = object;
    this.assertNamespaceAccepts(resource, namespace, metadata.name || metadata.generateName || '');
    const judged = this.judged(context, undefined);
    const birth = { uid: this.newUid(), now: this.now() };
    const prepared = prepareInsert(resource, object, birth, context.warnings);
    if (!isApplied) delete prepared.metadata.managedFields;
    const defaulted = withDefaults(resource, prepared, judged);
    if (!isApplied) this.track(resource, { sent: object, next: defaulted }, undefined, context);
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
    const judged = this.judged(context, undefined);
    // Some defaults repeat the name, as a namespace's label does.
    const named = isGenerated
      ? withDefaults(resource, withGeneratedName(object, this.random), judged)
      : object;
    const { name } = named.metadata;
    assertValid(resource, named, judged);
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

  /**
   * The common course of update, patch and apply. `make` may be called again with a newer object,
   * and decides what a missing one means: a refusal, or a create. @throws {StatusError}
   */
  rewrite(
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
    const { object, isApplied = false } = candidate;
    assertUnchanged(resource, old, object);
    if (context.subresource === undefined) assertServerFields(resource, old, object);
    const judged = this.judged(context, old);
    const bare = prepareRewrite(resource, old, object, context);
    const prepared =
      context.subresource === 'status' || isLeaving(old, bare)
        ? bare
        : owned(withDefaults(resource, bare, judged));
    if (isApplied) setManagedFields(prepared, object.metadata.managedFields);
    else this.track(resource, { sent: object, next: prepared }, old, context);
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

  /** Validation and generation, after the last change to the object. */
  private finishRewrite(
    resource: Resource,
    old: KubeObject,
    next: KubeObject,
    { subresource }: Operation,
    judged: AdmissionContext,
  ): void {
    if (old.metadata.deletionTimestamp) assertNoNewFinalizers(resource, old, next);
    if (subresource === 'status') {
      assertValidMetadata(resource, old, next);
      return;
    }
    if (!isLeaving(old, next)) assertValid(resource, next, judged);
    const countsStatus = resource.custom !== undefined && !resource.definition.hasStatus;
    // Where a Pod is placed is no change of what is wanted.
    const isCounted = resource.definition.hasGeneration !== false && subresource !== 'binding';
    if (isCounted && !isSpecEqual(old, next, countsStatus))
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

  /** @param change the object as it was sent, and as it is about to be stored: it gets the record. */
  private track(
    resource: Resource,
    change: { readonly sent: KubeObject; readonly next: KubeObject },
    old: KubeObject | undefined,
    context: WriteContext & { readonly subresource?: string | undefined },
  ): void {
    const before = old?.metadata.managedFields;
    // A create with a record of its own starts a new one all the same.
    const sent = old ? change.sent.metadata.managedFields : undefined;
    // Objects from a controller without a manager's name still move fields between owners.
    if (old ? !before && sent === undefined : context.fieldManager === undefined) return;
    const { subresource } = context;
    const fields = recordUpdate(old, change.next, {
      writer: this.fieldWriter(context, subresource),
      apiVersion: resource.apiVersion,
      rules: fieldRulesOf(resource, subresource, change.sent),
      sent,
    });
    setManagedFields(change.next, fields);
  }

  private judged(context: WriteContext, old: KubeObject | undefined): AdmissionContext {
    return {
      operation: old ? 'UPDATE' : 'CREATE',
      userName: context.user.name,
      nowMs: this.clock.now(),
      warnings: context.warnings,
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

function setManagedFields({ metadata }: KubeObject, fields: unknown[] | undefined): void {
  if (fields === undefined) delete metadata.managedFields;
  else metadata.managedFields = fields;
}

/** Its top level and metadata are the caller's to change. */
const owned = (object: KubeObject): KubeObject & JsonObject => ({
  ...object,
  metadata: { ...object.metadata },
});

/** The last finalizer of an object that is already invalid must still be removable. */
const isLeaving = (old: KubeObject, next: KubeObject): boolean =>
  old.metadata.deletionTimestamp !== undefined && isSpecEqual(old, next);
