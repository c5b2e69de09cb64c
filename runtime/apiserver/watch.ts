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

/** As upstream: about once a minute, and once more shortly before the watch ends. */
const BOOKMARK_PERIOD_MS = 60_000;
const LAST_BOOKMARK_BEFORE_END_MS = 2_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

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

/**
 * Delivers what is due now before it returns, and goes on until the returned function is called.
 * @throws {StatusError} 410 when the history does not reach back; 504 for a version from the future.
 */
export function openWatch(
  source: { store: Store; clock: Clock; resource: Resource },
  options: WatchOptions,
  onEvent: (event: ServerWatchEvent) => void,
): () => void {
  const { store, clock, resource } = source;
  const { filter, resourceVersion = 0 } = options;
  if (resourceVersion > store.resourceVersion)
    throw StatusError.resourceVersionTooLarge(resourceVersion, store.resourceVersion);
  const startsWithState = resourceVersion === 0 || options.sendInitialEvents;
  const missed = startsWithState ? [] : store.listChanges(resource.storeName, resourceVersion);
  if (!missed)
    throw StatusError.expired(resourceVersion, store.oldestResourceVersion(resource.storeName));

  const deliver = (change: StoreChange): void => {
    const event = filterChange(change, filter);
    if (event) onEvent({ type: event.type, object: presentObject(resource, event.object) });
  };
  // A listener hears changes that were accepted before it came and not delivered yet (a watch that
  // opens inside another's event): those are in the state or the history already.
  const start = store.resourceVersion;
  const stopListening = store.listen(
    resource.storeName,
    (change) => {
      if (change.resourceVersion > start) deliver(change);
    },
    interestOf(filter),
  );
  const bookmark = (annotations?: Record<string, string>): void =>
    onEvent({ type: 'BOOKMARK', object: makeBookmark(resource, store, annotations) });

  if (startsWithState)
    for (const object of store.list(resource.storeName, filter.namespace))
      if (matchesFilter(filter, object))
        onEvent({ type: 'ADDED', object: presentObject(resource, object) });
  for (const change of missed) deliver(change);
  if (options.sendInitialEvents && options.allowBookmarks)
    bookmark({ [INITIAL_EVENTS_END]: 'true' });
  const { timeoutSeconds = 0 } = options;
  const lastBookmarkMs = timeoutSeconds * 1_000 - LAST_BOOKMARK_BEFORE_END_MS;
  const timers: CancelTimer[] = [];
  if (options.allowBookmarks) {
    timers.push(clock.every(BOOKMARK_PERIOD_MS, () => bookmark()));
    if (lastBookmarkMs > 0) timers.push(clock.after(lastBookmarkMs, () => bookmark()));
  }
  return () => {
    stopListening();
    for (const cancel of timers) cancel();
  };
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

/** Stored objects in other versions than the stored one, made once for all who ask. */
const presented = new WeakMap<KubeObject, KubeObject>();

/** A stored object in the version that was asked for. */
export function presentObject(resource: Resource, object: KubeObject): KubeObject {
  const { apiVersion } = resource;
  if (object.apiVersion === apiVersion) return object;
  const known = presented.get(object);
  if (known?.apiVersion === apiVersion) return known;
  const made = Object.freeze({ ...object, apiVersion });
  presented.set(object, made);
  return made;
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
