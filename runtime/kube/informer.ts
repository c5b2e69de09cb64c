/**
 * A local copy of one kind's objects, kept current by list and watch. Shared: everybody who asks for
 * the same kind and selector gets the same informer. Handlers are called synchronously as events
 * arrive, with the cache already updated; they must be quick and hand work to a queue.
 */
import { setMaxListeners } from 'node:events';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { keyOf } from '../apis/meta/object.ts';
import { backoffMs } from '../std/backoff.ts';
import type { Clock } from '../std/clock.ts';
import { sleep } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { Random } from '../std/random.ts';
import { ApiError } from './api-error.ts';
import type { KubeClient } from './client.ts';
import type { KeysOf } from './object-index.ts';
import { ObjectIndex } from './object-index.ts';
import { collectionPath } from './resource-path.ts';
import type { WatchEvent } from './transport.ts';

export interface InformerOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface Change<T extends KubeObject> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
  /** The object before an update. */
  readonly old?: T;
}

export interface Informer<T extends KubeObject> {
  readonly kind: ResourceKind<T>;
  /** The first list has been taken in. */
  readonly hasSynced: boolean;
  get(namespace: string, name: string): T | undefined;
  /** All objects, or those of a namespace, or those which carry all of `labels`. */
  list(options?: { namespace?: string; labels?: Readonly<Record<string, string>> }): readonly T[];
  /**
   * Keeps an index from now on, and returns the look-up: the objects that `keysOf` puts under a key.
   * To be made once, when a controller is wired.
   */
  indexBy(keysOf: KeysOf<T>): (key: string) => readonly T[];
  /** Calls the handler for all that is known already, then for each change. Returns how to stop. */
  onChange(handler: (change: Change<T>) => void): () => void;
}

const RETRY = { initialMs: 20, maxMs: 2_000 };
/** A watch that ends sooner and brought nothing counts as a failure: else a server that is down, or
 * ends every watch at once, is asked again without pause. */
const WATCH_STABLE_MS = 1_000;

export class InformerFactory {
  private readonly informers = new Map<string, ReflectingInformer<KubeObject>>();
  private readonly deps: InformerDeps;
  private signal: AbortSignal | undefined;

  constructor(deps: InformerDeps) {
    this.deps = deps;
  }

  informer<T extends KubeObject>(
    kind: ResourceKind<T>,
    options: InformerOptions = {},
  ): Informer<T> {
    const id = `${collectionPath(kind, options.namespace)}?${options.labelSelector ?? ''}`;
    let informer = this.informers.get(id);
    if (!informer) {
      informer = new ReflectingInformer<KubeObject>(kind, options, this.deps);
      this.informers.set(id, informer);
      if (this.signal) informer.start(this.signal);
    }
    return informer as unknown as Informer<T>;
  }

  /** Starts every informer made so far; one made later starts at once. */
  start(signal: AbortSignal): void {
    this.signal = signal;
    // Every informer, and every controller that runs beside them, listens for the end.
    setMaxListeners(0, signal);
    for (const informer of this.informers.values()) informer.start(signal);
  }

  /** Resolves when every informer made so far has its first list. @throws the signal's reason. */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    const synced = Promise.all([...this.informers.values()].map((informer) => informer.synced));
    if (!signal) {
      await synced;
      return;
    }
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      void synced.then(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }
}

export interface InformerDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

class ReflectingInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: ResourceKind<T>;
  readonly synced: Promise<void>;
  hasSynced = false;
  private readonly options: InformerOptions;
  private readonly deps: InformerDeps;
  private readonly byNamespace = new Map<string, Map<string, T>>();
  private readonly indexes: ObjectIndex<T>[] = [];
  /** By the label that a list asked for; made when one first does. */
  private readonly labelIndexes = new Map<string, ObjectIndex<T>>();
  private readonly handlers = new Set<(change: Change<T>) => void>();
  private markSynced: () => void = () => undefined;
  private isStarted = false;
  private resourceVersion = '';

  constructor(kind: ResourceKind<T>, options: InformerOptions, deps: InformerDeps) {
    this.kind = kind;
    this.options = options;
    this.deps = deps;
    this.synced = new Promise((resolve) => {
      this.markSynced = resolve;
    });
  }

  get(namespace: string, name: string): T | undefined {
    return this.byNamespace.get(this.kind.namespaced ? namespace : '')?.get(name);
  }

  list(
    options: { namespace?: string; labels?: Readonly<Record<string, string>> } = {},
  ): readonly T[] {
    const { namespace, labels = {} } = options;
    const wanted = Object.entries(labels);
    const [first] = wanted;
    const candidates =
      namespace !== undefined && first
        ? this.labelIndex(first[0]).find(`${namespace}/${first[1]}`)
        : this.inNamespace(namespace);
    return wanted.length === 0
      ? candidates
      : candidates.filter(({ metadata }) =>
          wanted.every(([key, value]) => metadata.labels?.[key] === value),
        );
  }

  indexBy(keysOf: KeysOf<T>): (key: string) => readonly T[] {
    const index = new ObjectIndex(keysOf);
    for (const object of this.list()) index.put(object);
    this.indexes.push(index);
    return (key) => index.find(key);
  }

  private labelIndex(label: string): ObjectIndex<T> {
    let index = this.labelIndexes.get(label);
    if (!index) {
      index = new ObjectIndex<T>(({ metadata: { namespace = '', labels } }) => {
        const value = labels?.[label];
        return value === undefined ? [] : [`${namespace}/${value}`];
      });
      for (const object of this.list()) index.put(object);
      this.labelIndexes.set(label, index);
      this.indexes.push(index);
    }
    return index;
  }

  private inNamespace(namespace: string | undefined): readonly T[] {
    if (namespace !== undefined) return [...(this.byNamespace.get(namespace)?.values() ?? [])];
    return [...this.byNamespace.values()].flatMap((map) => [...map.values()]);
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    this.handlers.add(handler);
    for (const object of this.list()) this.call(handler, { type: 'added', object });
    return () => this.handlers.delete(handler);
  }

  start(signal: AbortSignal): void {
    if (this.isStarted) return;
    this.isStarted = true;
    void this.run(signal);
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.deps;
    for (let failures = 0; !signal.aborted;) {
      const startedMs = clock.now();
      const seen = this.resourceVersion;
      let reason = 'the watch ended at once';
      try {
        if (this.resourceVersion === '') await this.relist(signal);
        await this.watchOnce(signal);
      } catch (error) {
        // 410, or a server that refuses the watch: it may have been restored to an older state.
        if (error instanceof ApiError) this.resourceVersion = '';
        reason = String(error);
      }
      if (signal.aborted) return;
      const wasAlive = clock.now() - startedMs >= WATCH_STABLE_MS || this.resourceVersion !== seen;
      failures = wasAlive ? 0 : failures + 1;
      if (failures === 0) continue;
      logger.debug('watch interrupted', { kind: this.kind.kind, reason, failures });
      const delayMs = backoffMs(failures, RETRY) * (0.5 + random());
      await sleep(clock, delayMs, signal).catch(() => undefined);
    }
  }

  private async relist(signal: AbortSignal): Promise<void> {
    const { client } = this.deps;
    const query: Record<string, string> = {};
    if (this.options.labelSelector) query['labelSelector'] = this.options.labelSelector;
    const path = collectionPath(this.kind, this.options.namespace);
    const response = await client.transport.request({ method: 'GET', path, query, signal });
    if (response.status >= 400) throw ApiError.from(response.status, response.body);
    const list = response.body as { metadata: { resourceVersion: string }; items: T[] };
    const seen = new Set<string>();
    for (const item of list.items) {
      const object = this.withType(item);
      seen.add(keyOf(object.metadata));
      this.store(object);
    }
    for (const object of this.list()) if (!seen.has(keyOf(object.metadata))) this.remove(object);
    this.resourceVersion = list.metadata.resourceVersion;
    this.hasSynced = true;
    this.markSynced();
  }

  private async watchOnce(signal: AbortSignal): Promise<void> {
    const query: Record<string, string> = {
      resourceVersion: this.resourceVersion,
      allowWatchBookmarks: 'true',
    };
    if (this.options.labelSelector) query['labelSelector'] = this.options.labelSelector;
    let failure: ApiError | undefined;
    const path = collectionPath(this.kind, this.options.namespace);
    await this.deps.client.transport.watch({ path, query, signal }, (event) => {
      failure ??= this.take(event);
    });
    if (failure) throw failure;
  }

  private take(event: WatchEvent): ApiError | undefined {
    if (event.type === 'ERROR') {
      const status = event.object as { code?: number };
      return ApiError.from(status.code ?? 500, event.object);
    }
    const object = this.withType(event.object as T);
    this.resourceVersion = object.metadata.resourceVersion ?? this.resourceVersion;
    if (event.type === 'BOOKMARK') return undefined;
    if (event.type === 'DELETED') this.remove(object);
    else this.store(object);
    return undefined;
  }

  /** Items of a list carry no apiVersion and kind on a real API server. */
  private withType(object: T): T {
    if (object.kind !== undefined && object.apiVersion !== undefined) return object;
    const { group, version, kind } = this.kind;
    return { ...object, apiVersion: group === '' ? version : `${group}/${version}`, kind };
  }

  private store(object: T): void {
    const namespace = object.metadata.namespace ?? '';
    let map = this.byNamespace.get(namespace);
    if (!map) this.byNamespace.set(namespace, (map = new Map()));
    const old = map.get(object.metadata.name);
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    map.set(object.metadata.name, object);
    for (const index of this.indexes) {
      if (old) index.takeOut(old);
      index.put(object);
    }
    // A new uid under an old name is another object: whoever watches must see the first one go.
    if (old && old.metadata.uid !== object.metadata.uid) {
      this.notify({ type: 'deleted', object: old });
      this.notify({ type: 'added', object });
    } else this.notify(old ? { type: 'updated', object, old } : { type: 'added', object });
  }

  private remove(object: T): void {
    const namespace = object.metadata.namespace ?? '';
    const map = this.byNamespace.get(namespace);
    const old = map?.get(object.metadata.name);
    if (!map || !old) return;
    map.delete(object.metadata.name);
    for (const index of this.indexes) index.takeOut(old);
    if (map.size === 0) this.byNamespace.delete(namespace);
    this.notify({ type: 'deleted', object });
  }

  private notify(change: Change<T>): void {
    for (const handler of this.handlers) this.call(handler, change);
  }

  /** One handler that fails keeps nobody else from hearing of the change. */
  private call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      this.deps.logger.error('informer handler failed', {
        kind: this.kind.kind,
        key: keyOf(change.object.metadata),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }
}
