/**
 * Finds objects of a cache by something other than their name, e.g. a label or what they refer to,
 * at a cost that does not grow with the cache. Kept by the informer that owns the cache.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { keyOf } from '../apis/meta/object.ts';

/** The keys under which an object is found; none is fine, and the same twice counts once. */
export type KeysOf<T extends KubeObject> = (object: T) => readonly string[];

export class ObjectIndex<T extends KubeObject> {
  private readonly keysOf: KeysOf<T>;
  private readonly byKey = new Map<string, Map<string, T>>();

  constructor(keysOf: KeysOf<T>) {
    this.keysOf = keysOf;
  }

  find(key: string): readonly T[] {
    return [...(this.byKey.get(key)?.values() ?? [])];
  }

  /** Objects never change in place: what was put is what has to be taken out. */
  put(object: T): void {
    const id = keyOf(object.metadata);
    for (const key of this.keysOf(object)) {
      let found = this.byKey.get(key);
      if (!found) this.byKey.set(key, (found = new Map()));
      found.set(id, object);
    }
  }

  takeOut(object: T): void {
    const id = keyOf(object.metadata);
    for (const key of this.keysOf(object)) {
      const found = this.byKey.get(key);
      found?.delete(id);
      if (found?.size === 0) this.byKey.delete(key);
    }
  }
}
