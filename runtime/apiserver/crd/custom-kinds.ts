/**
 * Follows the stored CustomResourceDefinitions: sets their status, has the registry serve them in
 * the tick of their write, and deletes their objects when they go. A definition whose resource is
 * native is accepted and established, and changes nothing of what is served.
 */
import { cleanupFinalizer, type CustomResourceDefinition } from '../../apis/apiextensions/types.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { jsonEqual } from '../json-value.ts';
import { KeyWorker } from '../key-worker.ts';
import type { KindRegistry } from '../kind-registry.ts';
import { andThen } from '../maybe-promise.ts';
import { backgroundDeletion, type ObjectDeleter } from '../object-deleter.ts';
import { formatTime } from '../object-rules.ts';
import type { Store, StoreChange } from '../store/store.ts';
import { decideStatus, isConditionTrue, withCondition } from './definition-status.ts';
import { makeCustomKind } from './make-custom-kind.ts';

export const definitionsStore = 'apiextensions.k8s.io/customresourcedefinitions';

export interface CustomKindsOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly deleter: ObjectDeleter;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class CustomKinds {
  private readonly options: CustomKindsOptions;
  private readonly worker: KeyWorker;
  private readonly stops: (() => void)[] = [];
  /** What each definition was served from, so that a mere status write leaves its watches open. */
  private readonly served = new Map<string, unknown>();
  /** Names of definitions that are going, by the store name of their objects. */
  private readonly leaving = new Map<string, string>();

  /** Serves what is stored already, and follows from then on. */
  constructor(options: CustomKindsOptions) {
    this.options = options;
    this.worker = new KeyWorker({
      name: 'custom-kinds',
      clock: options.clock,
      logger: options.logger,
      work: (name) => this.cleanUp(name),
    });
    for (const object of options.store.list(definitionsStore))
      this.accept(object as CustomResourceDefinition);
    this.stops.push(
      options.store.listen(definitionsStore, (change) => this.onDefinition(change)),
      options.store.listenAll((change) => this.onChange(change)),
    );
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.worker.stop();
  }

  private onDefinition({ type, object }: StoreChange): void {
    const { name } = object.metadata;
    if (type !== 'DELETED') {
      // Of several changes that wait to be told, only the last is the truth.
      const crd = this.read(name);
      if (crd) this.accept(crd);
      return;
    }
    this.served.delete(name);
    this.options.registry.undefine(name);
    for (const [storeName, owner] of this.leaving)
      if (owner === name) this.leaving.delete(storeName);
    // Its names are free for others of the group.
    const { group } = (object as CustomResourceDefinition).spec;
    for (const other of this.ofGroup(group)) this.accept(other);
  }

  private onChange({ type, resource }: StoreChange): void {
    if (type !== 'DELETED' || this.leaving.size === 0) return;
    const name = this.leaving.get(resource);
    if (name !== undefined) this.worker.enqueue(name);
  }

  private accept(crd: CustomResourceDefinition): void {
    const { name, deletionTimestamp } = crd.metadata;
    if (deletionTimestamp !== undefined) {
      if (crd.metadata.finalizers?.includes(cleanupFinalizer)) {
        this.leaving.set(storeNameOf(crd), name);
        this.worker.enqueue(name);
      }
    } else {
      const others = this.ofGroup(crd.spec.group).filter((other) => other.metadata.name !== name);
      const status = decideStatus(crd, others, this.now());
      if (!jsonEqual(status, crd.status)) void this.write({ ...crd, status });
    }
    const latest = this.read(name) ?? crd;
    if (isConditionTrue(latest, 'Established')) this.serve(latest);
  }

  private serve(crd: CustomResourceDefinition): void {
    const { metadata, spec, status } = crd;
    const basis = {
      spec,
      names: status?.acceptedNames,
      isLeaving: Boolean(metadata.deletionTimestamp),
    };
    if (jsonEqual(this.served.get(metadata.name), basis)) return;
    this.served.set(metadata.name, basis);
    this.options.registry.define(metadata.name, makeCustomKind(crd));
  }

  /** Deletes what is left of the kind; the definition goes when nothing is. */
  private cleanUp(name: string): Promise<void> | undefined {
    const { store, registry, deleter } = this.options;
    const crd = this.read(name);
    if (!crd?.metadata.deletionTimestamp) return undefined;
    if (!crd.metadata.finalizers?.includes(cleanupFinalizer)) return undefined;
    const storeName = storeNameOf(crd);
    if (registry.isNative(storeName))
      return this.finish(
        crd,
        'OverlappingBuiltInResource',
        'instances overlap with built-in resources in storage',
      );
    const objects = store.list(storeName);
    if (objects.length === 0)
      return this.finish(crd, 'InstanceDeletionCompleted', 'removed all instances');
    this.say(crd, 'InstanceDeletionInProgress', 'CustomResource deletion is in progress');
    const resource = registry.stored(storeName);
    if (!resource) return undefined;
    const waits: Promise<void>[] = [];
    for (const { metadata } of objects) {
      if (metadata.deletionTimestamp !== undefined) continue;
      const ref = { namespace: metadata.namespace ?? '', name: metadata.name };
      const deleted = andThen(
        deleter.delete(resource, ref, backgroundDeletion),
        ({ durable }) => durable,
      );
      if (deleted) waits.push(deleted);
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  private say(crd: CustomResourceDefinition, reason: string, message: string): void {
    const conditions = withCondition(
      crd.status?.conditions ?? [],
      { type: 'Terminating', status: 'True', reason, message },
      this.now(),
    );
    const status = { ...crd.status, conditions };
    if (!jsonEqual(status, crd.status)) void this.write({ ...crd, status });
  }

  private finish(
    crd: CustomResourceDefinition,
    reason: string,
    message: string,
  ): Promise<void> | undefined {
    const { store } = this.options;
    const finalizers = (crd.metadata.finalizers ?? []).filter((item) => item !== cleanupFinalizer);
    const { name } = crd.metadata;
    if (finalizers.length === 0)
      return store.delete(definitionsStore, { namespace: '', name }, 'sync')?.durable;
    const condition = { type: 'Terminating', status: 'False', reason, message } as const;
    const conditions = withCondition(crd.status?.conditions ?? [], condition, this.now());
    const metadata = { ...crd.metadata, finalizers };
    return this.write({ ...crd, metadata, status: { ...crd.status, conditions } });
  }

  private write(crd: CustomResourceDefinition): Promise<void> | undefined {
    const object = { ...crd, metadata: { ...crd.metadata } };
    const { durable } = this.options.store.put(definitionsStore, object, 'sync');
    // A status that the disk refuses is decided anew from what the disk has.
    durable?.catch(() => {});
    return durable;
  }

  private read(name: string): CustomResourceDefinition | undefined {
    return this.options.store.get(definitionsStore, '', name) as
      CustomResourceDefinition | undefined;
  }

  private ofGroup(group: string): CustomResourceDefinition[] {
    const all = this.options.store.list(definitionsStore) as CustomResourceDefinition[];
    return all.filter(({ spec }) => spec.group === group);
  }

  private now(): string {
    return formatTime(this.options.clock.now());
  }
}

const storeNameOf = ({ spec }: CustomResourceDefinition): string =>
  `${spec.group}/${spec.names.plural}`;
