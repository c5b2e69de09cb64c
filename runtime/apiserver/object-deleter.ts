/**
 * Deletion: preconditions, propagation, finalizers and the grace period of Pods. It removes or
 * marks one object; what follows from it for others is the garbage collector's and the namespace
 * lifecycle's. Source: k8s.io/apiserver pkg/registry/rest/delete.go (behaviour).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import { AdmissionChain } from './admission/admission-chain.ts';
import { apiServerItself, type UserInfo } from './auth/user-info.ts';
import { getPath, isJsonObject, type JsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { durabilityOf, formatTime, isDeletable } from './object-rules.ts';
import { namespacesStore, type ObjectRef, type WriteResult } from './object-writer.ts';
import { deletedStatus, StatusError, type Status } from './status-error.ts';
import type { Store } from './store/store.ts';

/** Finalizers that the garbage collector takes off when their work is done. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

const POD_GRACE_SECONDS_DEFAULT = 30;
const podsStore = '/pods';

export interface DeleteOptions {
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds: number | undefined;
  readonly preconditions: {
    readonly uid: string | undefined;
    readonly resourceVersion: string | undefined;
  };
  readonly dryRun: boolean;
}

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
export type DeleteResult = Omit<WriteResult, 'object'> & { readonly object: KubeObject | Status };

export class ObjectDeleter {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly admission: AdmissionChain;

  constructor(options: { store: Store; clock: Clock; admission?: AdmissionChain }) {
    this.store = options.store;
    this.clock = options.clock;
    this.admission = options.admission ?? new AdmissionChain([]);
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
    assertPreconditions(resource, old, options);
    const request = {
      operation: 'DELETE',
      resource,
      subresource: undefined,
      ...ref,
      object: undefined,
      oldObject: old,
      user: context.user,
      dryRun: options.dryRun,
      options: { ...options, dryRun: options.dryRun ? ['All'] : undefined },
      warnings: context.warnings,
    } as const;
    return andThen(this.admission.mutate(request), () =>
      andThen(this.admission.validate(request), () => {
        if (this.store.get(resource.storeName, ref.namespace, ref.name) === old)
          return this.commit(resource, old, options, context.mustBeDurable);
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
    if (resource.storeName !== namespacesStore && isDeletable(marked)) {
      const status = deletedStatus(resource, ref.name, old.metadata.uid ?? '');
      if (options.dryRun) return { code: 200, object: status, durable: undefined };
      const gone = this.store.delete(resource.storeName, ref, durability);
      return { code: 200, object: status, durable: gone?.durable };
    }
    if (options.dryRun || marked === old) return { code: 200, object: old, durable: undefined };
    const { object, durable } = this.store.put(resource.storeName, marked, durability);
    return { code: 200, object, durable };
  }

  /** The object as it is while it waits for its end; `old` itself when nothing changes. */
  private mark(resource: Resource, old: KubeObject, options: DeleteOptions): KubeObject {
    const graceSeconds = graceSecondsOf(resource, old, options);
    const finalizers = withPropagation(old.metadata.finalizers ?? [], options.propagationPolicy);
    const isMarked = old.metadata.deletionTimestamp !== undefined;
    const hasSameGrace = isMarked && graceSeconds >= (old.metadata.deletionGracePeriodSeconds ?? 0);
    const hasSameFinalizers = finalizers.length === (old.metadata.finalizers ?? []).length;
    if (hasSameGrace && hasSameFinalizers && !isDeletable(old)) return old;
    const metadata: ObjectMeta = { ...old.metadata };
    const { deletionFinalizer } = resource.definition;
    if (!isMarked && deletionFinalizer !== undefined && !finalizers.includes(deletionFinalizer))
      finalizers.push(deletionFinalizer);
    if (finalizers.length > 0) metadata.finalizers = finalizers;
    else delete metadata.finalizers;
    if (!hasSameGrace) {
      metadata.deletionTimestamp = formatTime(this.clock.now() + graceSeconds * 1_000);
      metadata.deletionGracePeriodSeconds = graceSeconds;
    }
    if (!isMarked && metadata.generation !== undefined) metadata.generation++;
    const marked: KubeObject & JsonObject = { ...old, metadata };
    if (resource.storeName === namespacesStore)
      marked['status'] = { ...(marked['status'] as object | undefined), phase: 'Terminating' };
    return marked;
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
  const others = finalizers.filter(
    (name) => name !== foregroundFinalizer && name !== orphanFinalizer,
  );
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  return [...finalizers];
}

function assertPreconditions(resource: Resource, old: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions;
  const { metadata } = old;
  const mismatch =
    uid !== undefined && uid !== metadata.uid
      ? `UID in precondition: ${uid}, UID in object meta: ${metadata.uid ?? ''}`
      : resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion
        ? `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion ?? ''}`
        : undefined;
  if (mismatch !== undefined)
    throw StatusError.conflict(resource, metadata.name, `Precondition failed: ${mismatch}`);
}

/** Reads the body (`DeleteOptions`) and the query of a DELETE. @throws {StatusError} 400 */
export function parseDeleteOptions(
  body: unknown,
  query: Readonly<Record<string, string>>,
): DeleteOptions {
  if (body !== undefined && body !== null && !isJsonObject(body))
    throw StatusError.badRequest('the body of a delete must be DeleteOptions');
  const given: JsonObject = isJsonObject(body) ? body : {};
  const preconditions = isJsonObject(given['preconditions']) ? given['preconditions'] : {};
  const policy = given['propagationPolicy'] ?? query['propagationPolicy'];
  const orphans = given['orphanDependents'] ?? query['orphanDependents'];
  const grace = given['gracePeriodSeconds'] ?? query['gracePeriodSeconds'];
  const graceSeconds = grace === undefined || grace === null ? undefined : Number(grace);
  if (graceSeconds !== undefined && !Number.isInteger(graceSeconds))
    throw StatusError.badRequest('gracePeriodSeconds must be an integer');
  const { uid, resourceVersion } = preconditions;
  return {
    propagationPolicy: parsePolicy(policy, orphans),
    gracePeriodSeconds: graceSeconds,
    preconditions: {
      uid: typeof uid === 'string' ? uid : undefined,
      resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : undefined,
    },
    dryRun: isDryRun(given['dryRun']) || isDryRun(query['dryRun']),
  };
}

function parsePolicy(policy: unknown, orphans: unknown): DeleteOptions['propagationPolicy'] {
  if (policy === undefined || policy === null || policy === '')
    return orphans === true || orphans === 'true' ? 'Orphan' : 'Background';
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  throw new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
  });
}

/** @throws {StatusError} 400 for any value but `All`. */
export function isDryRun(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) return false;
  if (values.every((item) => item === 'All')) return true;
  throw StatusError.badRequest(
    `dryRun: unsupported value ${JSON.stringify(value)}; only All is supported`,
  );
}
