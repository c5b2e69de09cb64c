/**
 * Namespaces: the ones that exist from the start, and the end of one, which takes everything in it
 * along. Source: k8s.io/kubernetes pkg/controller/namespace (behaviour).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { apiServerItself } from './auth/user-info.ts';
import { KeyWorker } from './key-worker.ts';
import type { JsonObject } from './json-value.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import { withContentConditions, type NamespaceContent } from './namespace-conditions.ts';
import { backgroundDeletion, namespaceFinalizer, type ObjectDeleter } from './object-deleter.ts';
import { contentFinalizers, formatTime, isDeletable, namespacesStore } from './object-rules.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { WriteContext } from './write-context.ts';
import type { Store, StoreChange } from './store/store.ts';

export const initialNamespaces = [
  'default',
  'kube-system',
  'knative-serving',
  'knative-eventing',
] as const;

export interface NamespaceLifecycleOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly deleter: ObjectDeleter;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class NamespaceLifecycle {
  private readonly options: NamespaceLifecycleOptions;
  private readonly worker: KeyWorker;
  private readonly stopListening: () => void;

  constructor(options: NamespaceLifecycleOptions) {
    this.options = options;
    this.worker = new KeyWorker({
      name: 'namespace-lifecycle',
      clock: options.clock,
      logger: options.logger,
      work: (name) => this.process(name),
    });
    this.stopListening = options.store.listenAll((change) => this.onChange(change));
    for (const { metadata } of options.store.list(namespacesStore))
      if (metadata.deletionTimestamp) this.worker.enqueue(metadata.name);
  }

  stop(): void {
    this.stopListening();
    this.worker.stop();
  }

  private onChange({ type, resource, object }: StoreChange): void {
    if (resource === namespacesStore) {
      if (object.metadata.deletionTimestamp) this.worker.enqueue(object.metadata.name);
      return;
    }
    const { namespace } = object.metadata;
    if (type === 'DELETED' && namespace && this.isTerminating(namespace))
      this.worker.enqueue(namespace);
  }

  private isTerminating(name: string): boolean {
    return (
      this.options.store.get(namespacesStore, '', name)?.metadata.deletionTimestamp !== undefined
    );
  }

  /** Deletes what is not leaving yet; the namespace goes when nothing is left and nobody holds it. */
  private process(name: string): Promise<void> | undefined {
    const { store, registry, deleter } = this.options;
    const namespace = store.get(namespacesStore, '', name);
    if (!namespace?.metadata.deletionTimestamp) return undefined;
    const durable: Promise<void>[] = [];
    const content = new Map<Resource, readonly KubeObject[]>();
    for (const resource of registry.storedResources) {
      if (!resource.definition.namespaced) continue;
      for (const object of store.list(resource.storeName, name)) {
        if (object.metadata.deletionTimestamp) continue;
        const ref = { namespace: name, name: object.metadata.name };
        const deleted = deleter.delete(resource, ref, backgroundDeletion);
        if (deleted instanceof Promise) durable.push(deleted.then((result) => result.durable));
        else if (deleted.durable) durable.push(deleted.durable);
      }
      const left = store.list(resource.storeName, name);
      if (left.length > 0) content.set(resource, left);
    }
    const written = content.size === 0 ? this.release(namespace) : this.report(namespace, content);
    if (written) durable.push(written);
    return durable.length === 0 ? undefined : Promise.all(durable).then(() => {});
  }

  /** Says what keeps the namespace. */
  private report(namespace: KubeObject, content: NamespaceContent): Promise<void> | undefined {
    const { store, clock } = this.options;
    const next = withContentConditions(namespace, content, formatTime(clock.now()));
    return next === namespace ? undefined : store.put(namespacesStore, next, 'sync').durable;
  }

  /** Takes the finalizer for content off; unless somebody else's holds it, the namespace goes. */
  private release(namespace: KubeObject): Promise<void> | undefined {
    const { store } = this.options;
    const finalizers = contentFinalizers(namespace);
    const rest = finalizers.filter((name) => name !== namespaceFinalizer);
    const next: KubeObject & JsonObject = { ...namespace, metadata: { ...namespace.metadata } };
    next['spec'] = rest.length === 0 ? {} : { finalizers: rest };
    if (isDeletable(next)) {
      const { name } = namespace.metadata;
      return store.delete(namespacesStore, { namespace: '', name }, 'sync')?.durable;
    }
    if (rest.length === finalizers.length) return undefined;
    return store.put(namespacesStore, next, 'sync').durable;
  }
}

/** Creates the namespaces that everything else may rely on, where they do not exist. */
export async function createInitialNamespaces(
  writer: ObjectWriter,
  registry: KindRegistry,
  store: Store,
): Promise<void> {
  const resource = registry.find('', 'v1', 'namespaces');
  if (!resource) throw new Error('the kind Namespace must be among the definitions');
  const context: WriteContext = {
    user: apiServerItself,
    fieldManager: undefined,
    mustBeDurable: true,
    dryRun: false,
    fieldValidation: undefined,
    parseProblems: [],
    warnings: [],
  };
  const missing = initialNamespaces.filter((name) => !store.get(namespacesStore, '', name));
  const writes = missing.map((name) =>
    writer.create(resource, '', { metadata: { name } }, context),
  );
  for (const write of writes) await (await write).durable;
}
