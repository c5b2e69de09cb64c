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
 * that the numbers stay below, and a start after a crash continues from the ceiling. Numbers that a
 * crash took with it are therefore never handed out again, and a watch from before it is answered
 * 410. A clean close records the last number itself, so that the next start goes on from there.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { deepFreeze } from '../json-value.ts';
import { StatusError } from '../status-error.ts';
import { ChangeHistory } from './change-history.ts';
import { CommitQueue } from './commit-queue.ts';
import { freezeAndWeigh } from './freeze-and-weigh.ts';
import type { Journal } from './journal.ts';
import { ListenerIndex } from './listener-index.ts';
import { compareKeys, ObjectTable } from './object-table.ts';
import { plainRecords, type RecordCipher } from './record-cipher.ts';
import type {
  Durability,
  Interest,
  Store,
  StoreChange,
  StoreListener,
  StoreWrite,
} from './store.ts';

/** How far a crash makes resourceVersions jump at most. */
const RESOURCE_VERSION_RESERVE = 100_000;
/** Changes that memory may be ahead of the disk; writes are refused beyond, well before the reserve ends. */
const AHEAD_OF_DISK_MAX = 50_000;
const RETRY_AFTER_SECONDS = 1;
/** Sorts after every resource name, which start with a lower-case letter or a slash. */
const STAMP_KEY = '~resourceVersion';
/** Cannot occur in a resource, namespace or name. */
const SEPARATOR = '\t';

/** All that the store holds of one resource. */
interface Shelf {
  readonly resource: string;
  readonly objects: ObjectTable;
  readonly listeners: ListenerIndex;
  readonly history: ChangeHistory;
}

export interface ObjectStoreOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How records are written. @default as plain JSON */
  readonly cipher?: RecordCipher;
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
  /** No resourceVersion from here on may be handed out before a commit has raised it. */
  private ceiling: number;
  private isClosing = false;
  private readonly startVersion: number;
  private readonly cipher: RecordCipher;

  /** Loads everything that the journal has. @throws when a record cannot be read. */
  constructor(options: ObjectStoreOptions) {
    this.journal = options.journal;
    this.logger = options.logger;
    this.cipher = options.cipher ?? plainRecords;
    this.queue = new CommitQueue({
      journal: options.journal,
      clock: options.clock,
      logger: options.logger,
      stamp: () => [
        STAMP_KEY,
        String(this.isClosing ? this.latest : this.latest + RESOURCE_VERSION_RESERVE),
      ],
      onStamped: (value) => (this.ceiling = Number(value)),
      encode: (key, object) => this.cipher.seal(key, JSON.stringify(object)),
      onRefused: (writes) => {
        for (const { key, durable } of writes) this.revert(key, durable);
      },
    });
    let start = 1;
    for (const [key, value] of options.journal.load()) {
      if (key === STAMP_KEY) start = Number(value);
      else this.load(key, value);
    }
    this.latest = start;
    this.startVersion = start;
    this.ceiling = start + RESOURCE_VERSION_RESERVE;
    for (const shelf of this.shelves.values()) shelf.history.oldest = start;
  }

  /**
   * Resolves when the disk knows how far resourceVersions may go, and has every record in the
   * cipher's present form. Nothing may be written before.
   */
  async begin(): Promise<void> {
    await this.queue.flush();
  }

  get resourceVersion(): number {
    return this.latest;
  }

  get problem(): string | undefined {
    return this.queue.problem;
  }

  count(resource: string): number {
    return this.shelves.get(resource)?.objects.size ?? 0;
  }

  oldestResourceVersion(resource: string): number {
    return this.shelf(resource).history.oldest;
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.shelves.get(resource)?.objects.get(namespace, name);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.shelves.get(resource)?.objects.list(namespace) ?? [];
  }

  listAt(
    resource: string,
    namespace: string | undefined,
    resourceVersion: number,
  ): KubeObject[] | undefined {
    const changes = this.listChanges(resource, resourceVersion);
    if (!changes) return undefined;
    const present = this.list(resource, namespace);
    if (changes.length === 0) return present;
    // The state before the first change since is the state then.
    const then = new Map<string, KubeObject | undefined>();
    for (const { object, previous } of changes) {
      const { metadata } = object;
      if (namespace !== undefined && namespace !== (metadata.namespace ?? '')) continue;
      const key = `${metadata.namespace ?? ''}/${metadata.name}`;
      if (!then.has(key)) then.set(key, previous);
    }
    const unchanged = present.filter(
      ({ metadata }) => !then.has(`${metadata.namespace ?? ''}/${metadata.name}`),
    );
    const changed = [...then.values()].filter((object) => object !== undefined);
    return [...unchanged, ...changed].sort((a, b) => compareKeys(a.metadata, b.metadata));
  }

  put(resource: string, object: KubeObject, durability: Durability): StoreWrite {
    const { namespace = '', name } = object.metadata;
    const previous = this.get(resource, namespace, name);
    const resourceVersion = this.nextResourceVersion();
    object.metadata.resourceVersion = String(resourceVersion);
    const bytes = freezeAndWeigh(object);
    const durable = this.queue.add({
      key: keyOf(resource, namespace, name),
      before: previous,
      after: object,
      durability,
    });
    const type = previous ? 'MODIFIED' : 'ADDED';
    this.accept({ type, resource, resourceVersion, object, previous }, bytes);
    return { object, durable };
  }

  delete(
    resource: string,
    key: { namespace: string; name: string },
    durability: Durability,
  ): StoreWrite | undefined {
    const previous = this.get(resource, key.namespace, key.name);
    if (!previous) return undefined;
    const resourceVersion = this.nextResourceVersion();
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
    return this.shelf(resource).history.listAfter(after);
  }

  listen(resource: string, listener: StoreListener, interest?: Interest): () => void {
    return this.shelf(resource).listeners.add(listener, interest);
  }

  listenAll(listener: StoreListener): () => void {
    this.allListeners.add(listener);
    return () => this.allListeners.delete(listener);
  }

  resources(): readonly string[] {
    return [...this.shelves.values()]
      .filter(({ objects }) => objects.size > 0)
      .map(({ resource }) => resource);
  }

  async close(): Promise<void> {
    await this.queue.drain();
    this.isClosing = true;
    if (this.queue.size === 0)
      await this.queue.flush().catch((error: unknown) => {
        this.logger.error('failed to note the last resourceVersion', { error: String(error) });
      });
    this.queue.stop();
    if (this.queue.size > 0)
      this.logger.error('the store closes with writes that are not on disk', {
        writes: this.queue.size,
      });
    await this.journal.close();
  }

  private load(key: string, value: string): void {
    const [resource = '', namespace = '', name = ''] = key.split(SEPARATOR);
    const { text, isCurrent } = this.cipher.open(key, value);
    let object: KubeObject;
    try {
      object = JSON.parse(text) as KubeObject;
    } catch (cause) {
      throw new Error(
        `failed to read ${resource} "${namespace}/${name}": its record is damaged; restore the data directory from a copy`,
        { cause },
      );
    }
    deepFreeze(object);
    this.shelf(resource).objects.set(namespace, name, object);
    // Written behind, so there is nothing to wait for.
    if (!isCurrent)
      void this.queue.add({ key, before: object, after: object, durability: 'behind' });
  }

  private nextResourceVersion(): number {
    if (this.latest - (this.ceiling - RESOURCE_VERSION_RESERVE) >= AHEAD_OF_DISK_MAX)
      throw StatusError.tooManyRequests(
        `the disk is ${AHEAD_OF_DISK_MAX} changes behind${this.problem === undefined ? '' : `: ${this.problem}`}`,
        RETRY_AFTER_SECONDS,
      );
    return ++this.latest;
  }

  /** `bytes`: what the change added to memory. */
  private accept(change: StoreChange, bytes = 0): void {
    const { objects, history } = this.shelf(change.resource);
    const { namespace = '', name } = change.object.metadata;
    if (change.type === 'DELETED') objects.delete(namespace, name);
    else objects.set(namespace, name, change.object);
    history.add(change, bytes);
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
        const change = next;
        this.shelf(change.resource).listeners.forEach(change, (listener) =>
          this.call(listener, change),
        );
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

  private shelf(resource: string): Shelf {
    let shelf = this.shelves.get(resource);
    if (!shelf) {
      shelf = {
        resource,
        objects: new ObjectTable(),
        listeners: new ListenerIndex(),
        history: new ChangeHistory(this.startVersion),
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
