/** What lies under the store: an ordered key-value file with atomic batches. LMDB in production. */
export interface Journal {
  /** Every record, in key order. Called once, before the first commit. */
  load(): Iterable<readonly [key: string, value: string]>;
  /**
   * Writes a batch: all of it is on disk (flushed) when this resolves, none of it when it rejects.
   * Undefined deletes. Never called again before the last call has settled.
   */
  commit(batch: ReadonlyMap<string, string | undefined>): Promise<void>;
  close(): Promise<void>;
}
