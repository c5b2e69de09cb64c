/**
 * The store: every object in memory, a journal behind it.
 *
 * Visibility. A write is visible to readers and watchers at once, in the tick of the call; a `sync`
 * write is acknowledged when its commit is on disk. So between the two a reader may see a write
 * that the disk will refuse. When it does (disk full), the object returns to what the disk has as
 * one more change with a new resourceVersion: readers, watchers and disk agree again, and the
 * writer gets an error. Controllers are level-triggered and take this for any other change.
 *
 * ResourceVersions. They only rise, over restarts and crashes too: each commit records a ceiling
 * that the numbers stay below, and a start continues from the ceiling. Numbers that a crash took
 * with it are therefore never handed out again, and a watch from before the start is answered 410.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { deepFreeze } from '../json-value.ts';
import { CommitQueue } from './commit-queue.ts';
import type { Journal } from './journal.ts';
import type { Durability, Store, StoreChange, StoreListener, StoreWrite } from './store.ts';

/** Changes kept per resource for watches that resume. Upstream's watch cache is of this order. */
const HISTORY_LENGTH = 2_000;
/** Numbers that may be used between two commits; a crash skips at most this many of 2^53. */
const RESOURCE_VERSION_RESERVE = 1_000_000;
/** Sorts after every resource name, which start with a lower-case letter or a slash. */
const STAMP_KEY = '~resourceVersion';
/** Cannot occur in a resource, namespace or name. */
const SEPARATOR = '\t';

/** All that the store holds of one resource. */
interface Shelf {
  readonly resource: string;
  readonly namespaces: Map<string, Map<string, KubeObject>>;
  readonly listeners: Set<StoreListener>;
  /** Oldest first; trimmed in halves so that trimming costs nothing per write. */
  history: StoreChange[];
  oldest: number;
}

export interface ObjectStoreOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ObjectStore implements Store {
  private readonly shelves = new Map<string, Shelf>();
  private readonly allListeners = new Set<StoreListener>();
  private readonly queue: CommitQueue;
  private readonly journal: Journal;
  private readonly logger: Logger;
  private readonly undelivered: StoreChange[] = [];
  private isDelivering = false;
  private latest: number;
  private readonly startVersion: number;

  /** Loads everything that the journal has. @throws when a record cannot be read. */
  constructor(options: ObjectStoreOptions) {
    this.journal = options.journal;
    this.logger = options.logger;
    let ceiling = 1;
    for (const [key, value] of options.journal.load()) {
      if (key === STAMP_KEY) ceiling = Number(value);
      else this.load(key, value);
    }
    this.latest = ceiling;
    this.startVersion = ceiling;
    for (const shelf of this.shelves.values()) shelf.oldest = ceiling;
    this.queue = new CommitQueue({
      journal: options.journal,
      clock: options.clock,
      logger: options.logger,
      stamp: () => [STAMP_KEY, String(this.latest + RESOURCE_VERSION_RESERVE)],
      onRefused: (writes) => {
        for (const { key, durable } of writes) this.revert(key, durable);
      },
    });
  }

  get resourceVersion(): number {
    return this.latest;
  }

  get problem(): string | undefined {
    return this.queue.problem;
  }

  count(resource: string): number {
    let count = 0;
    for (const objects of this.shelves.get(resource)?.namespaces.values() ?? [])
      count += objects.size;
    return count;
  }

  oldestResourceVersion(resource: string): number {
    return this.shelf(resource).oldest;
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.shelves.get(resource)?.namespaces.get(namespace)?.get(name);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    const namespaces = this.shelves.get(resource)?.namespaces;
    if (!namespaces) return [];
    if (namespace !== undefined) return sortedValues(namespaces.get(namespace));
    return [...namespaces.keys()].sort().flatMap((key) => sortedValues(namespaces.get(key)));
  }

  put(resource: string, object: KubeObject, durability: Durability): StoreWrite {
    const { namespace = '', name } = object.metadata;
    const previous = this.get(resource, namespace, name);
    const resourceVersion = ++this.latest;
    object.metadata.resourceVersion = String(resourceVersion);
    deepFreeze(object);
    const durable = this.queue.add({
      key: keyOf(resource, namespace, name),
      before: previous,
      after: object,
      durability,
    });
    const type = previous ? 'MODIFIED' : 'ADDED';
    this.accept({ type, resource, resourceVersion, object, previous });
    return { object, durable };
  }

  delete(
    resource: string,
    key: { namespace: string; name: string },
    durability: Durability,
  ): StoreWrite | undefined {
    const previous = this.get(resource, key.namespace, key.name);
    if (!previous) return undefined;
    const resourceVersion = ++this.latest;
    const object = withResourceVersion(previous, resourceVersion);
    const durable = this.queue.add({
      key: keyOf(resource, key.namespace, key.name),
      before: previous,
      after: undefined,
      durability,
    });
    this.accept({ type: 'DELETED', resource, resourceVersion, object, previous });
    return { object, durable };
  }

  listChanges(resource: string, after: number): readonly StoreChange[] | undefined {
    const shelf = this.shelf(resource);
    if (after < shelf.oldest) return undefined;
    return shelf.history.slice(firstAfter(shelf.history, after));
  }

  listen(resource: string, listener: StoreListener): () => void {
    const { listeners } = this.shelf(resource);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  listenAll(listener: StoreListener): () => void {
    this.allListeners.add(listener);
    return () => this.allListeners.delete(listener);
  }

  resources(): readonly string[] {
    return [...this.shelves.values()]
      .filter(({ namespaces }) => namespaces.size > 0)
      .map(({ resource }) => resource);
  }

  async close(): Promise<void> {
    await this.queue.drain();
    this.queue.stop();
    if (this.queue.size > 0)
      this.logger.error('the store closes with writes that are not on disk', {
        writes: this.queue.size,
      });
    await this.journal.close();
  }

  private load(key: string, value: string): void {
    const [resource = '', namespace = '', name = ''] = key.split(SEPARATOR);
    let object: KubeObject;
    try {
      object = JSON.parse(value) as KubeObject;
    } catch (cause) {
      throw new Error(`failed to read ${resource} "${namespace}/${name}" from the store`, {
        cause,
      });
    }
    this.place(this.shelf(resource), deepFreeze(object), namespace, name);
  }

  private accept(change: StoreChange): void {
    const shelf = this.shelf(change.resource);
    const { namespace = '', name } = change.object.metadata;
    if (change.type === 'DELETED') this.remove(shelf, namespace, name);
    else this.place(shelf, change.object, namespace, name);
    shelf.history.push(change);
    if (shelf.history.length >= 2 * HISTORY_LENGTH) {
      const dropped = shelf.history.length - HISTORY_LENGTH;
      shelf.oldest = shelf.history[dropped - 1]?.resourceVersion ?? shelf.oldest;
      shelf.history = shelf.history.slice(dropped);
    }
    this.deliver(change);
  }

  /**
   * A listener may write, and that write's changes must reach every listener after this one's: the
   * outermost call delivers, nested calls only queue.
   */
  private deliver(change: StoreChange): void {
    this.undelivered.push(change);
    if (this.isDelivering) return;
    this.isDelivering = true;
    try {
      for (let next = this.undelivered.shift(); next; next = this.undelivered.shift()) {
        for (const listener of this.allListeners) this.call(listener, next);
        for (const listener of this.shelf(next.resource).listeners) this.call(listener, next);
      }
    } finally {
      this.isDelivering = false;
    }
  }

  /** A listener that throws is a programming error of its room; the other rooms' changes still arrive. */
  private call(listener: StoreListener, change: StoreChange): void {
    try {
      listener(change);
    } catch (error) {
      this.logger.error('a store listener threw', {
        resource: change.resource,
        error: (error as Error).stack ?? String(error),
      });
    }
  }

  private revert(key: string, durable: KubeObject | undefined): void {
    const [resource = '', namespace = '', name = ''] = key.split(SEPARATOR);
    const current = this.get(resource, namespace, name);
    const resourceVersion = ++this.latest;
    if (durable) {
      const type = current ? 'MODIFIED' : 'ADDED';
      const object = withResourceVersion(durable, resourceVersion);
      this.accept({ type, resource, resourceVersion, object, previous: current });
    } else if (current) {
      const object = withResourceVersion(current, resourceVersion);
      this.accept({ type: 'DELETED', resource, resourceVersion, object, previous: current });
    }
  }

  private place(shelf: Shelf, object: KubeObject, namespace: string, name: string): void {
    let objects = shelf.namespaces.get(namespace);
    if (!objects) {
      objects = new Map();
      shelf.namespaces.set(namespace, objects);
    }
    objects.set(name, object);
  }

  private remove(shelf: Shelf, namespace: string, name: string): void {
    const objects = shelf.namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) shelf.namespaces.delete(namespace);
  }

  private shelf(resource: string): Shelf {
    let shelf = this.shelves.get(resource);
    if (!shelf) {
      shelf = {
        resource,
        namespaces: new Map(),
        listeners: new Set(),
        history: [],
        oldest: this.startVersion,
      };
      this.shelves.set(resource, shelf);
    }
    return shelf;
  }
}

const keyOf = (resource: string, namespace: string, name: string): string =>
  `${resource}${SEPARATOR}${namespace}${SEPARATOR}${name}`;

function withResourceVersion(object: KubeObject, resourceVersion: number): KubeObject {
  const metadata = { ...object.metadata, resourceVersion: String(resourceVersion) };
  return deepFreeze({ ...object, metadata });
}

function sortedValues(objects: ReadonlyMap<string, KubeObject> | undefined): KubeObject[] {
  if (!objects) return [];
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** Index of the first change after a resourceVersion, by bisection. */
function firstAfter(history: readonly StoreChange[], after: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((history[middle]?.resourceVersion ?? 0) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
