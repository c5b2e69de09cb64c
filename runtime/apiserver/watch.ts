/**
 * One watch: from a resourceVersion or from the present state, filtered by namespace and selectors,
 * with bookmarks. Events are handed over in the tick of the write. Knows nothing of HTTP.
 * Source: k8s.io/apiserver pkg/storage/cacher (semantics of the streaming list).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { CancelTimer, Clock } from '../std/clock.ts';
import { deepFreeze } from './json-value.ts';
import { matchesFields, type FieldSelector } from './field-selector.ts';
import type { Resource } from './kind-registry.ts';
import { matchesLabels, type LabelSelector } from './label-selector.ts';
import { StatusError } from './status-error.ts';
import type { Interest, Store, StoreChange } from './store/store.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import type { ObjectVersions } from './object-versions.ts';

/** As upstream: about once a minute, and once more shortly before the watch ends. */
const BOOKMARK_PERIOD_MS = 60_000;
const LAST_BOOKMARK_BEFORE_END_MS = 2_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
/** Events of one watch that wait for a conversion webhook; a watch that lags further begins again. */
const WAITING_MAX = 10_000;

export interface ObjectFilter {
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly labels: LabelSelector;
  readonly fields: FieldSelector;
}

export interface WatchOptions {
  readonly filter: ObjectFilter;
  /** Undefined or 0: the present state first, as ADDED. */
  readonly resourceVersion: number | undefined;
  readonly sendInitialEvents: boolean;
  readonly allowBookmarks: boolean;
  /** When the watch will end; undefined when that is not known. */
  readonly timeoutSeconds?: number | undefined;
}

export interface ServerWatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export const matchesFilter = (filter: ObjectFilter, object: KubeObject): boolean =>
  (filter.namespace === undefined || filter.namespace === (object.metadata.namespace ?? '')) &&
  (filter.labels.length === 0 || matchesLabels(filter.labels, object.metadata.labels)) &&
  (filter.fields.length === 0 || matchesFields(filter.fields, object));

/** Whether anything but the namespace decides. */
export const isSelective = ({ labels, fields }: ObjectFilter): boolean =>
  labels.length > 0 || fields.length > 0;

export interface WatchSource {
  readonly store: Store;
  readonly clock: Clock;
  readonly versions: ObjectVersions;
  readonly resource: Resource;
}

/**
 * Delivers what is due now before it returns, and goes on until the returned function is called.
 * Of a kind that a webhook converts, events come when it has answered, in their order; when it
 * fails, an ERROR comes and then `onEnd`.
 * @throws {StatusError} 410 when the history does not reach back; 504 for the state at a version from
 * the future.
 */
export function openWatch(
  source: WatchSource,
  options: WatchOptions,
  onEvent: (event: ServerWatchEvent) => void,
  onEnd: () => void = noop,
): () => void {
  const { store, clock, resource, versions } = source;
  const { filter, resourceVersion = 0 } = options;
  const startsWithState = resourceVersion === 0 || options.sendInitialEvents;
  const isAhead = resourceVersion > store.resourceVersion;
  if (isAhead && startsWithState)
    throw StatusError.resourceVersionTooLarge(resourceVersion, store.resourceVersion);
  // As upstream, a watch from the future shows what is newer still, once it comes.
  const missed =
    startsWithState || isAhead ? [] : store.listChanges(resource.storeName, resourceVersion);
  if (!missed)
    throw StatusError.expired(resourceVersion, store.oldestResourceVersion(resource.storeName));

  const order = new EventOrder((error) => {
    stop();
    onEvent({ type: 'ERROR', object: toErrorStatus(error) });
    onEnd();
  });
  const deliver = (change: StoreChange): void => {
    if (!resource.isConverted) {
      const event = filterChange(change, filter);
      if (event) onEvent({ type: event.type, object: versions.show(resource, event.object) });
      return;
    }
    order.add(
      () => showChange(change, source, filter),
      (shown) => {
        const event = filterChange(shown, filter);
        if (event) onEvent(event);
      },
    );
  };
  // A listener hears changes that were accepted before it came and not delivered yet (a watch that
  // opens inside another's event): those are in the state or the history already.
  const start = Math.max(store.resourceVersion, resourceVersion);
  const stopListening = store.listen(
    resource.storeName,
    (change) => {
      if (change.resourceVersion > start) deliver(change);
    },
    // What a webhook makes of the labels is not known before it is asked.
    resource.custom?.webhook ? { namespace: filter.namespace } : interestOf(filter),
  );
  const timers: CancelTimer[] = [];
  const stop = (): void => {
    order.stop();
    stopListening();
    for (const cancel of timers) cancel();
  };
  const bookmark = (annotations?: Record<string, string>): void =>
    order.add(
      () => makeBookmark(resource, store, annotations),
      (object) => onEvent({ type: 'BOOKMARK', object }),
    );

  if (startsWithState) {
    const state = store.list(resource.storeName, filter.namespace);
    const seen = (): MaybePromise<readonly KubeObject[]> =>
      resource.isConverted
        ? versions.showAll(resource, state)
        : versions.showAll(
            resource,
            state.filter((object) => matchesFilter(filter, object)),
          );
    order.add(seen, (objects) => {
      for (const object of objects)
        if (!resource.isConverted || matchesFilter(filter, object))
          onEvent({ type: 'ADDED', object });
    });
  }
  for (const change of missed) deliver(change);
  if (options.sendInitialEvents && options.allowBookmarks)
    bookmark({ [INITIAL_EVENTS_END]: 'true' });
  const { timeoutSeconds = 0 } = options;
  const lastBookmarkMs = timeoutSeconds * 1_000 - LAST_BOOKMARK_BEFORE_END_MS;
  if (options.allowBookmarks) {
    timers.push(clock.every(BOOKMARK_PERIOD_MS, () => bookmark()));
    if (lastBookmarkMs > 0) timers.push(clock.after(lastBookmarkMs, () => bookmark()));
  }
  return stop;
}

/**
 * Hands over one result after the other although they become ready in any order; at once where
 * there is nothing to wait for. The first failure is the last thing that happens.
 */
class EventOrder {
  private readonly onFailure: (error: unknown) => void;
  private tail: Promise<void> | undefined;
  private waiting = 0;
  private isStopped = false;

  constructor(onFailure: (error: unknown) => void) {
    this.onFailure = onFailure;
  }

  /** `make` begins at once; `hand` has its turn. */
  add<T>(make: () => MaybePromise<T>, hand: (value: T) => void): void {
    if (this.isStopped) return;
    let value: MaybePromise<T>;
    try {
      value = make();
    } catch (error) {
      value = Promise.reject<T>(error);
    }
    if (!(value instanceof Promise) && !this.tail) {
      hand(value);
      return;
    }
    // Who waits in vain must not end the process; its turn below hears of the failure.
    if (value instanceof Promise) value.catch(noop);
    if (++this.waiting > WAITING_MAX) {
      this.fail(StatusError.expired(0, 0));
      return;
    }
    const before = this.tail ?? Promise.resolve();
    const turn = before
      .then(() => value)
      .then(
        (ready) => {
          if (!this.isStopped) hand(ready);
        },
        (error: unknown) => this.fail(error),
      )
      .then(() => {
        this.waiting--;
        if (this.tail === turn) this.tail = undefined;
      });
    this.tail = turn;
  }

  stop(): void {
    this.isStopped = true;
  }

  private fail(error: unknown): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.onFailure(error);
  }
}

const toErrorStatus = (error: unknown): unknown =>
  (error instanceof StatusError
    ? error
    : StatusError.internal(error instanceof Error ? error.message : String(error))
  ).status;

const noop = (): void => {};

/** A change with its objects as the watch's client sees them, of a kind whose versions differ. */
function showChange(
  change: StoreChange,
  { resource, versions }: WatchSource,
  filter: ObjectFilter,
): MaybePromise<StoreChange> {
  const { object, previous } = change;
  return andThen(versions.show(resource, object), (shown) => {
    // Without selectors nobody looks at what was before.
    if (!previous || !isSelective(filter)) return { ...change, object: shown };
    return andThen(versions.show(resource, previous), (before) => ({
      ...change,
      object: shown,
      previous: before,
    }));
  });
}

/** What the store may leave out for this watch: the filter itself still decides. */
function interestOf({ namespace, labels, fields }: ObjectFilter): Interest {
  const byName = fields.find(({ field, isEqual }) => isEqual && field === 'metadata.name');
  const byLabel = labels.find(({ operator, values }) => operator === 'in' && values.length === 1);
  return {
    namespace,
    name: byName?.value,
    label: byLabel && [byLabel.key, byLabel.values[0] ?? ''],
  };
}

/** An object that leaves the selection is DELETED for this watch, one that enters it ADDED. */
function filterChange(
  { type, object, previous }: StoreChange,
  filter: ObjectFilter,
): { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject } | undefined {
  const was = previous !== undefined && matchesFilter(filter, previous);
  const is = type !== 'DELETED' && matchesFilter(filter, object);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object };
  if (!was) return undefined;
  if (type === 'DELETED') return { type, object };
  return { type: 'DELETED', object: leftObject(previous, object) };
}

/** Made once for all the watches that an object leaves with one change. */
const leftObjects = new WeakMap<KubeObject, KubeObject>();

function leftObject(previous: KubeObject, object: KubeObject): KubeObject {
  let left = leftObjects.get(object);
  if (!left) {
    const { resourceVersion = '' } = object.metadata;
    left = deepFreeze({ ...previous, metadata: { ...previous.metadata, resourceVersion } });
    leftObjects.set(object, left);
  }
  return left;
}

function makeBookmark(
  resource: Resource,
  store: Store,
  annotations: Record<string, string> | undefined,
): unknown {
  return {
    kind: resource.kind,
    apiVersion: resource.apiVersion,
    metadata: {
      resourceVersion: String(store.resourceVersion),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
