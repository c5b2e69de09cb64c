/**
 * The listeners of one resource, found by what they want to hear of: a change costs as many calls
 * as there are listeners that may care, not as many as there are listeners.
 */
import type { Interest, StoreChange, StoreListener } from './store.ts';

const EVERYTHING = '';
/** Cannot occur in a namespace, name or label. */
const SEPARATOR = '\t';

export class ListenerIndex {
  /** Each listener is under one key. */
  private readonly byKey = new Map<string, Set<StoreListener>>();
  private labelListeners = 0;

  /** @returns the cancellation. */
  add(listener: StoreListener, interest: Interest = {}): () => void {
    const key = keyOf(interest);
    const isByLabel = key.startsWith('label');
    const listeners = this.byKey.get(key) ?? new Set();
    this.byKey.set(key, listeners);
    listeners.add(listener);
    if (isByLabel) this.labelListeners++;
    return () => {
      if (!listeners.delete(listener)) return;
      if (isByLabel) this.labelListeners--;
      if (listeners.size === 0 && this.byKey.get(key) === listeners) this.byKey.delete(key);
    };
  }

  forEach(change: StoreChange, call: (listener: StoreListener) => void): void {
    if (this.byKey.size === 0) return;
    for (const key of this.keysOf(change)) this.byKey.get(key)?.forEach(call);
  }

  private keysOf({ object, previous }: StoreChange): Iterable<string> {
    const { namespace = '', name, labels } = object.metadata;
    const keys = [EVERYTHING, keyOf({ namespace }), keyOf({ namespace, name })];
    if (this.labelListeners === 0) return keys;
    for (const label of Object.entries(labels ?? {})) keys.push(keyOf({ label }));
    for (const label of Object.entries(previous?.metadata.labels ?? {})) {
      const key = keyOf({ label });
      if (!keys.includes(key)) keys.push(key);
    }
    return keys;
  }
}

/** The narrowest key that holds everything of the interest. */
function keyOf({ namespace, name, label }: Interest): string {
  if (namespace !== undefined && name !== undefined)
    return `name${SEPARATOR}${namespace}${SEPARATOR}${name}`;
  if (label) return `label${SEPARATOR}${label[0]}${SEPARATOR}${label[1]}`;
  return namespace === undefined ? EVERYTHING : `namespace${SEPARATOR}${namespace}`;
}
