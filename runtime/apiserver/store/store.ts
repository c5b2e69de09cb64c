/**
 * The store as the server sees it: current objects by resource, namespace and name, one global
 * resourceVersion, and the changes of each resource in order. It knows no verbs, no validation and
 * no kinds; a resource is an opaque string such as `apps/deployments`.
 */
import type { KubeObject } from '../../apis/meta/object.ts';

/** `sync`: `durable` settles when the write is on disk. `behind`: there is nothing to wait for. */
export type Durability = 'sync' | 'behind';

export interface StoreChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly resourceVersion: number;
  /** Deep-frozen. For DELETED the last state, with the deletion's resourceVersion. */
  readonly object: KubeObject;
  /** The state before; undefined for ADDED. */
  readonly previous: KubeObject | undefined;
}

/**
 * What a listener needs to hear of. A hint that spares calls: changes outside of it may be left out,
 * and changes inside of it never are, whether the object or its previous state is inside.
 */
export interface Interest {
  readonly namespace?: string | undefined;
  /** Counts together with `namespace` only. */
  readonly name?: string | undefined;
  /** A label that the object must have with this value. */
  readonly label?: readonly [key: string, value: string] | undefined;
}

/** Runs in the tick of the write, in order of resourceVersion over all resources; must not throw. */
export type StoreListener = (change: StoreChange) => void;

export interface StoreWrite {
  /** As stored: frozen, with its resourceVersion. */
  readonly object: KubeObject;
  /**
   * Undefined for `behind`. Otherwise resolves when the write is on disk; rejects when the disk
   * refused it, and by then the object is back at what the disk has (watchers saw it return).
   */
  readonly durable: Promise<void> | undefined;
}

export interface Store {
  /** The latest resourceVersion handed out. */
  readonly resourceVersion: number;
  /** Why writes do not reach the disk at present; undefined while they do. */
  readonly problem: string | undefined;
  /** How many objects of a resource there are. */
  count(resource: string): number;
  /** The oldest resourceVersion from which `listChanges` of this resource can resume. */
  oldestResourceVersion(resource: string): number;
  get(resource: string, namespace: string, name: string): KubeObject | undefined;
  /** In the order of `compareKeys`. Without `namespace`: all of them. The array is the caller's. */
  list(resource: string, namespace?: string): KubeObject[];
  /**
   * The same as it was at an earlier resourceVersion.
   * @returns undefined when the history no longer reaches back that far.
   */
  listAt(
    resource: string,
    namespace: string | undefined,
    resourceVersion: number,
  ): KubeObject[] | undefined;
  /**
   * Creates or replaces. Takes ownership of `object`, sets its resourceVersion and freezes it.
   * @throws {StatusError} 429, as `delete` does, while the disk lags tens of thousands of changes behind.
   */
  put(resource: string, object: KubeObject, durability: Durability): StoreWrite;
  /** @returns undefined when there is no such object. */
  delete(
    resource: string,
    key: { namespace: string; name: string },
    durability: Durability,
  ): StoreWrite | undefined;
  /**
   * Changes of one resource after a resourceVersion, oldest first.
   * @returns undefined when the history no longer reaches back that far.
   */
  listChanges(resource: string, after: number): readonly StoreChange[] | undefined;
  /** Listens to one resource, or a part of it; returns the cancellation. */
  listen(resource: string, listener: StoreListener, interest?: Interest): () => void;
  /** Listens to everything, before the listeners of single resources. */
  listenAll(listener: StoreListener): () => void;
  /** Every resource that holds an object. */
  resources(): readonly string[];
  /** Waits until everything written so far is on disk, and closes. */
  close(): Promise<void>;
}
