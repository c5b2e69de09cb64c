/** The last changes of one resource, oldest first, for watches that resume and lists of the past. */
import type { StoreChange } from './store.ts';

/** Upstream's watch cache is of this order. */
const CHANGES_KEPT = 2_000;
/** Kept until twice as many have come, so that trimming costs nothing per write. */
const CHANGES_MAX = 2 * CHANGES_KEPT;
/** What the changes may hold in memory: large objects shorten the history. */
const BYTES_MAX = 32 * 1024 * 1024;

export class ChangeHistory {
  /** The resourceVersion after which every change is here. */
  oldest: number;
  private changes: { readonly change: StoreChange; readonly bytes: number }[] = [];
  private bytes = 0;

  constructor(oldest: number) {
    this.oldest = oldest;
  }

  add(change: StoreChange, bytes: number): void {
    this.changes.push({ change, bytes });
    this.bytes += bytes;
    if (this.changes.length >= CHANGES_MAX) this.drop(this.changes.length - CHANGES_KEPT);
    else if (this.bytes > BYTES_MAX) this.drop(Math.ceil(this.changes.length / 2));
  }

  /** @returns undefined when changes after `resourceVersion` are gone. */
  listAfter(resourceVersion: number): StoreChange[] | undefined {
    if (resourceVersion < this.oldest) return undefined;
    return this.changes.slice(this.firstAfter(resourceVersion)).map(({ change }) => change);
  }

  private drop(count: number): void {
    for (const { change, bytes } of this.changes.slice(0, count)) {
      this.oldest = change.resourceVersion;
      this.bytes -= bytes;
    }
    this.changes = this.changes.slice(count);
  }

  /** By bisection. */
  private firstAfter(resourceVersion: number): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.changes[middle]?.change.resourceVersion ?? 0) > resourceVersion) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
