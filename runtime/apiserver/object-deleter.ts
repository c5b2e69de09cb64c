/**
 * Deletion: preconditions, propagation, finalizers and the grace period of Pods. It removes or
 * marks one object; what follows from it for others is the garbage collector's and the namespace
 * lifecycle's. Source: k8s.io/apiserver pkg/registry/rest/delete.go (behaviour).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import { AdmissionChain } from './admission/admission-chain.ts';
import { apiServerItself, type UserInfo } from './auth/user-info.ts';
import type { DeleteOptions } from './delete-options.ts';
import { getPath, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { durabilityOf, formatTime, isDeletable, namespacesStore } from './object-rules.ts';
import { ObjectVersions } from './object-versions.ts';
import { deletedStatus, StatusError, type SuccessStatus } from './status-error.ts';
import type { Store } from './store/store.ts';
import type { ObjectRef, WriteResult } from './write-context.ts';

/** Finalizers that the garbage collector takes off when their work is done. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** The finalizer in a namespace's spec that stands for its content. */
export const namespaceFinalizer = 'kubernetes';
/** Namespaces that the cluster itself lives in. */
const lastingNamespaces: readonly string[] = ['default', 'kube-system', 'kube-public'];

const kindsThatAreReturned = new Set([
  '/services',
  '/serviceaccounts',
  '/namespaces',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/podtemplates',
  '/resourcequotas',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/volumeattachments',
]);

const POD_GRACE_SECONDS_DEFAULT = 30;
const podsStore = '/pods';

/** Who deletes, and what the answer has to wait for. */
export interface DeleteContext {
  readonly user: UserInfo;
  /** See `WriteContext`. */
  readonly mustBeDurable: boolean;
  readonly warnings: string[];
}

/** Of the server's own background work, which has nobody to warn. */
const ownDeletion: DeleteContext = {
  user: apiServerItself,
  mustBeDurable: false,
  get warnings() {
    return [];
  },
};

/** How often a delete starts over because the object changed while a webhook was asked. */
const DELETE_ATTEMPTS_MAX = 16;

export const backgroundDeletion: DeleteOptions = {
  propagationPolicy: 'Background',
  gracePeriodSeconds: undefined,
  preconditions: { uid: undefined, resourceVersion: undefined },
  dryRun: false,
};

/** `object` is the marked object while something holds it, and a `Status` once it is gone. */
export type DeleteResult = Omit<WriteResult, 'object'> & {
  readonly object: KubeObject | SuccessStatus;
};

export class ObjectDeleter {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly admission: AdmissionChain;
  private readonly versions: ObjectVersions;

  constructor(options: {
    store: Store;
    clock: Clock;
    admission?: AdmissionChain;
    /** @default one that knows no conversion webhooks */
    versions?: ObjectVersions;
  }) {
    this.store = options.store;
    this.clock = options.clock;
    this.admission = options.admission ?? new AdmissionChain([]);
    this.versions = options.versions ?? new ObjectVersions();
  }

  /** @throws {StatusError} 404, or 409 when a precondition does not hold. */
  delete(
    resource: Resource,
    ref: ObjectRef,
    options: DeleteOptions,
    context: DeleteContext = ownDeletion,
    attempt = 1,
  ): MaybePromise<DeleteResult> {
    const old = this.store.get(resource.storeName, ref.namespace, ref.name);
    if (!old) throw StatusError.notFound(resource, ref.name);
    if (resource.storeName === namespacesStore && lastingNamespaces.includes(ref.name))
      throw StatusError.forbidden(resource, ref.name, 'this namespace may not be deleted');
    assertPreconditions(resource, old, options);
    // The server's own cleaning up must not depend on a webhook that may be part of what goes.
    const shown = context === ownDeletion ? old : this.versions.load(resource, old);
    return andThen(shown, (oldObject) =>
      this.deleteJudged({ old, oldObject }, resource, ref, options, context, attempt),
    );
  }

  /** @param from the object as it is stored, and as whoever judges the deletion is told. */
  private deleteJudged(
    { old, oldObject }: { readonly old: KubeObject; readonly oldObject: KubeObject },
    resource: Resource,
    ref: ObjectRef,
    options: DeleteOptions,
    context: DeleteContext,
    attempt: number,
  ): MaybePromise<DeleteResult> {
    const request = {
      operation: 'DELETE',
      resource,
      subresource: undefined,
      ...ref,
      object: undefined,
      oldObject,
      user: context.user,
      dryRun: options.dryRun,
      options: { ...options, dryRun: options.dryRun ? ['All'] : undefined },
      warnings: context.warnings,
    } as const;
    return andThen(this.admission.mutate(request), () =>
      andThen(this.admission.validate(request), () => {
        if (this.store.get(resource.storeName, ref.namespace, ref.name) === old)
          return this.shown(
            resource,
            this.commit(resource, old, options, context.mustBeDurable),
            context,
          );
        if (attempt === DELETE_ATTEMPTS_MAX) throw StatusError.conflict(resource, ref.name);
        return this.delete(resource, ref, options, context, attempt + 1);
      }),
    );
  }

  private commit(
    resource: Resource,
    old: KubeObject,
    options: DeleteOptions,
    mustBeDurable: boolean,
  ): DeleteResult {
    const { namespace = '', name } = old.metadata;
    const ref = { namespace, name };
    const marked = this.mark(resource, old, options);
    const durability = durabilityOf(resource, mustBeDurable);
    if (isDeletable(marked)) {
      const gone = options.dryRun
        ? undefined
        : this.store.delete(resource.storeName, ref, durability);
      if (gone) marked.metadata.resourceVersion = gone.object.metadata.resourceVersion ?? '';
      return {
        code: 200,
        object: answerOf(resource, marked, gone?.object ?? old),
        durable: gone?.durable,
      };
    }
    if (options.dryRun || marked === old) return { code: 200, object: old, durable: undefined };
    const { object, durable } = this.store.put(resource.storeName, marked, durability);
    return { code: 200, object, durable };
  }

  /** The result as its client reads it. */
  private shown(
    resource: Resource,
    result: DeleteResult,
    context: DeleteContext,
  ): MaybePromise<DeleteResult> {
    const { object } = result;
    if (context === ownDeletion || object.kind === 'Status') return result;
    const shown = this.versions.show(resource, object as KubeObject);
    if (shown instanceof Promise) result.durable?.catch(() => {});
    return andThen(shown, (one) => ({ ...result, object: one }));
  }

  /** The object as it is while it waits for its end; `old` itself when nothing changes. */
  private mark(resource: Resource, old: KubeObject, options: DeleteOptions): KubeObject {
    const graceSeconds = graceSecondsOf(resource, old, options);
    const policy = options.propagationPolicy ?? resource.definition.propagationDefault;
    const finalizers = withPropagation(old.metadata.finalizers ?? [], policy);
    const isMarked = old.metadata.deletionTimestamp !== undefined;
    const hasSameGrace = isMarked && graceSeconds >= (old.metadata.deletionGracePeriodSeconds ?? 0);
    const hasSameFinalizers = finalizers.length === (old.metadata.finalizers ?? []).length;
    const metadata: ObjectMeta = { ...old.metadata };
    const { deletionFinalizer } = resource.definition;
    if (!isMarked && deletionFinalizer !== undefined && !finalizers.includes(deletionFinalizer))
      finalizers.push(deletionFinalizer);
    if (finalizers.length > 0) metadata.finalizers = finalizers;
    else delete metadata.finalizers;
    if (!hasSameGrace) {
      metadata.deletionTimestamp = formatTime(this.clock.now() + graceSeconds * 1_000);
      // A namespace has a procedure of its own in place of a grace period.
      if (resource.storeName !== namespacesStore)
        metadata.deletionGracePeriodSeconds = graceSeconds;
    }
    if (!isMarked && metadata.generation !== undefined) metadata.generation++;
    const marked: KubeObject & JsonObject = { ...old, metadata };
    if (resource.storeName === namespacesStore) {
      marked['status'] = { ...(marked['status'] as object | undefined), phase: 'Terminating' };
      // One that was stored before namespaces had it: its content must go first all the same.
      marked['spec'] ??= { finalizers: [namespaceFinalizer] };
    }
    const { markDeleted } = resource.definition;
    if (!isMarked && markDeleted && !isDeletable(marked))
      return markDeleted(marked, formatTime(this.clock.now()));
    // It goes without waiting, and its answer tells how.
    return hasSameGrace && hasSameFinalizers && !isDeletable(marked) ? old : marked;
  }
}

/**
 * A Pod that a node runs gets time to stop, and only the node removes it (by deleting with grace
 * period 0); everything else has no grace.
 */
function graceSecondsOf(resource: Resource, old: KubeObject, options: DeleteOptions): number {
  if (resource.storeName !== podsStore) return 0;
  const phase = getPath(old, 'status.phase');
  if (!getPath(old, 'spec.nodeName') || phase === 'Succeeded' || phase === 'Failed') return 0;
  const configured = getPath(old, 'spec.terminationGracePeriodSeconds');
  const seconds =
    options.gracePeriodSeconds ??
    (typeof configured === 'number' ? configured : POD_GRACE_SECONDS_DEFAULT);
  return Math.max(0, seconds);
}

function withPropagation(
  finalizers: readonly string[],
  policy: DeleteOptions['propagationPolicy'],
): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter(
    (name) => name !== foregroundFinalizer && name !== orphanFinalizer,
  );
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  return others;
}

/** Some kinds answer a delete with what is gone, a Pod with how it went; most with a Status. */
function answerOf(
  resource: Resource,
  marked: KubeObject,
  gone: KubeObject,
): KubeObject | SuccessStatus {
  if (resource.storeName === podsStore) return marked;
  if (kindsThatAreReturned.has(resource.storeName)) return gone;
  return deletedStatus(resource, marked.metadata.name, marked.metadata.uid ?? '');
}

function assertPreconditions(resource: Resource, old: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions;
  const { metadata } = old;
  const mismatch =
    uid !== undefined && uid !== metadata.uid
      ? `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid ?? ''}). The object might have been deleted and then recreated`
      : resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion
        ? `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion ?? ''}). The object might have been modified`
        : undefined;
  // As upstream, which names the kind here where it names the resource elsewhere.
  const subject = { group: resource.group, plural: resource.kind };
  if (mismatch !== undefined) throw StatusError.conflict(subject, metadata.name, mismatch);
}
