/**
 * Owner references: deletes what has lost all its owners, finishes foreground and orphan deletions.
 * Works from the store's changes and an index of dependents; the order of its work does not matter.
 * Owners of kinds that this server does not serve count as alive.
 * Source: k8s.io/kubernetes pkg/controller/garbagecollector (behaviour).
 */
import type { KubeObject, OwnerReference } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { KeyWorker } from './key-worker.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import {
  backgroundDeletion,
  foregroundFinalizer,
  orphanFinalizer,
  type DeleteResult,
  type ObjectDeleter,
} from './object-deleter.ts';
import { isDeletable } from './object-rules.ts';
import type { Store, StoreChange } from './store/store.ts';

export interface GarbageCollectorOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly deleter: ObjectDeleter;
  readonly clock: Clock;
  readonly logger: Logger;
}

type OwnerState = 'alive' | 'absent' | 'leaving';

export class GarbageCollector {
  private readonly store: Store;
  private readonly registry: KindRegistry;
  private readonly deleter: ObjectDeleter;
  /** Keys of objects by the uid of each of their owners. */
  private readonly dependents = new Map<string, Set<string>>();
  private readonly worker: KeyWorker;
  private readonly stopListening: () => void;

  /** Starts at once: indexes what the store has and checks all of it. */
  constructor(options: GarbageCollectorOptions) {
    this.store = options.store;
    this.registry = options.registry;
    this.deleter = options.deleter;
    this.worker = new KeyWorker({
      name: 'garbage-collector',
      clock: options.clock,
      logger: options.logger,
      work: (key) => this.process(key),
    });
    this.stopListening = this.store.listenAll((change) => this.onChange(change));
    for (const resource of this.store.resources())
      for (const object of this.store.list(resource)) this.onAppeared(resource, object);
  }

  stop(): void {
    this.stopListening();
    this.worker.stop();
  }

  private onChange({ type, resource, object, previous }: StoreChange): void {
    const before = previous?.metadata.ownerReferences;
    const after = type === 'DELETED' ? undefined : object.metadata.ownerReferences;
    if (before !== after) this.reindex(formatKey(resource, object), before, after);
    if (type === 'DELETED') {
      this.enqueueDependents(object);
      this.enqueueOwners(object);
    } else if (before !== after || object.metadata.deletionTimestamp) {
      if (before !== after && previous) this.enqueueOwners(previous);
      this.onAppeared(resource, object);
    }
  }

  private onAppeared(resource: string, object: KubeObject): void {
    const key = formatKey(resource, object);
    const { ownerReferences, deletionTimestamp } = object.metadata;
    if (ownerReferences && ownerReferences.length > 0) {
      this.reindex(key, undefined, ownerReferences);
      this.worker.enqueue(key);
    } else if (deletionTimestamp) this.worker.enqueue(key);
  }

  private reindex(
    key: string,
    before: readonly OwnerReference[] = [],
    after: readonly OwnerReference[] = [],
  ): void {
    for (const { uid } of before) {
      const keys = this.dependents.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.dependents.delete(uid);
    }
    for (const { uid } of after) {
      const keys = this.dependents.get(uid);
      if (keys) keys.add(key);
      else this.dependents.set(uid, new Set([key]));
    }
  }

  private enqueueDependents(owner: KubeObject): void {
    for (const key of this.dependents.get(owner.metadata.uid ?? '') ?? []) this.worker.enqueue(key);
  }

  /** An owner in foreground deletion may be waiting for this dependent. */
  private enqueueOwners(dependent: KubeObject): void {
    for (const reference of dependent.metadata.ownerReferences ?? []) {
      const owner = this.findOwner(dependent, reference);
      if (owner?.object?.metadata.deletionTimestamp)
        this.worker.enqueue(formatKey(owner.resource.storeName, owner.object));
    }
  }

  private process(key: string): Promise<void> | undefined {
    const found = this.find(key);
    if (!found) return undefined;
    const { resource, object } = found;
    if (object.metadata.deletionTimestamp) {
      const finalizers = object.metadata.finalizers ?? [];
      if (finalizers.includes(orphanFinalizer)) return this.orphan(resource, object);
      if (finalizers.includes(foregroundFinalizer)) return this.finishForeground(resource, object);
      return undefined;
    }
    return this.collect(resource, object);
  }

  private collect(resource: Resource, object: KubeObject): Promise<void> | undefined {
    const references = object.metadata.ownerReferences ?? [];
    if (references.length === 0) return undefined;
    const states = references.map((reference) => this.stateOf(object, reference));
    if (states.includes('alive')) {
      const rest = references.filter((_, index) => states[index] !== 'absent');
      if (rest.length === references.length) return undefined;
      return this.rewrite(resource, object, { ownerReferences: rest });
    }
    const { namespace = '', name, uid } = object.metadata;
    // Below an owner in foreground deletion the whole tree goes leaves first.
    const hasDependents = this.dependents.has(uid ?? '');
    const propagationPolicy =
      states.includes('leaving') && hasDependents ? 'Foreground' : 'Background';
    const options = {
      ...backgroundDeletion,
      propagationPolicy,
      preconditions: { uid, resourceVersion: undefined },
    } as const;
    return deleted(this.deleter.delete(resource, { namespace, name }, options));
  }

  private stateOf(dependent: KubeObject, reference: OwnerReference): OwnerState {
    const owner = this.findOwner(dependent, reference);
    if (!owner) return 'alive';
    if (!owner.object) return 'absent';
    const { deletionTimestamp, finalizers = [] } = owner.object.metadata;
    return deletionTimestamp && finalizers.includes(foregroundFinalizer) ? 'leaving' : 'alive';
  }

  /** Undefined for a kind that is not served; `object` undefined when the owner does not exist. */
  private findOwner(
    dependent: KubeObject,
    { apiVersion, kind, name, uid }: OwnerReference,
  ): { resource: Resource; object: KubeObject | undefined } | undefined {
    const resource = this.registry.findKind(apiVersion, kind);
    if (!resource) return undefined;
    const namespace = resource.definition.namespaced ? (dependent.metadata.namespace ?? '') : '';
    const object = this.store.get(resource.storeName, namespace, name);
    return { resource, object: object?.metadata.uid === uid ? object : undefined };
  }

  private finishForeground(resource: Resource, owner: KubeObject): Promise<void> | undefined {
    this.enqueueDependents(owner);
    const { uid = '' } = owner.metadata;
    const isBlocked = [...(this.dependents.get(uid) ?? [])].some((key) =>
      this.find(key)?.object.metadata.ownerReferences?.some(
        (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
      ),
    );
    return isBlocked ? undefined : this.withoutFinalizer(resource, owner, foregroundFinalizer);
  }

  private orphan(resource: Resource, owner: KubeObject): Promise<void> | undefined {
    const { uid } = owner.metadata;
    // The set loses keys while it is walked, which a Set allows.
    for (const key of this.dependents.get(uid ?? '') ?? []) {
      const found = this.find(key);
      const references = found?.object.metadata.ownerReferences ?? [];
      const rest = references.filter((reference) => reference.uid !== uid);
      if (found) void this.rewrite(found.resource, found.object, { ownerReferences: rest });
    }
    return this.withoutFinalizer(resource, owner, orphanFinalizer);
  }

  private withoutFinalizer(
    resource: Resource,
    object: KubeObject,
    finalizer: string,
  ): Promise<void> | undefined {
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    return this.rewrite(resource, object, { finalizers });
  }

  private rewrite(
    resource: Resource,
    object: KubeObject,
    change: { finalizers: string[] } | { ownerReferences: OwnerReference[] },
  ): Promise<void> | undefined {
    const metadata = { ...object.metadata, ...change };
    if (metadata.finalizers?.length === 0) delete metadata.finalizers;
    if (metadata.ownerReferences?.length === 0) delete metadata.ownerReferences;
    const next = { ...object, metadata };
    const { namespace = '', name } = metadata;
    const durability = resource.definition.durability ?? 'sync';
    const written = isDeletable(next)
      ? this.store.delete(resource.storeName, { namespace, name }, durability)
      : this.store.put(resource.storeName, next, durability);
    return written?.durable;
  }

  private find(key: string): { resource: Resource; object: KubeObject } | undefined {
    const [storeName = '', namespace = '', name = ''] = key.split('\t');
    const resource = this.registry.stored(storeName);
    const object = this.store.get(storeName, namespace, name);
    return resource && object ? { resource, object } : undefined;
  }
}

/** What there is to wait for after a delete. */
const deleted = (result: MaybePromise<DeleteResult>): Promise<void> | undefined =>
  result instanceof Promise ? result.then(({ durable }) => durable) : result.durable;

const formatKey = (resource: string, { metadata }: KubeObject): string =>
  `${resource}\t${metadata.namespace ?? ''}\t${metadata.name}`;
