/**
 * What a broker keeps its events in. One implementation is the file log beside this file; others
 * (NATS JetStream, Kafka) fit behind the same contract: append is durable when it resolves, records
 * have ascending sequence numbers, reading never disturbs writing.
 */

export interface LogRecord {
  /** From 1, ascending; gaps only where a damaged record was quarantined. */
  readonly sequence: number;
  /** When it was appended, ms since the epoch. */
  readonly timeMs: number;
  readonly body: Buffer;
}

export interface LogBatch {
  readonly records: readonly LogRecord[];
  /** Where to read on; equals the asked position when nothing is there yet. */
  readonly next: number;
}

export interface EventLog {
  /** The sequence that the next append gets. */
  readonly nextSequence: number;
  /** The oldest sequence that is still kept. */
  readonly firstSequence: number;
  /**
   * Resolves with the record's sequence once it is on disk.
   * @throws {LogFull} when there is no room, {LogBusy} when too much is waiting for the disk.
   */
  append(body: Buffer): Promise<number>;
  /** Records from `from` on (or the oldest kept), at most `recordsMax`, in order. */
  read(from: number, recordsMax: number): Promise<LogBatch>;
  /** The first sequence appended at or after a time; `nextSequence` when there is none. */
  sequenceAt(timeMs: number): Promise<number>;
  /** Calls back after each durable append. Returns how to stop. */
  onAppend(listener: () => void): () => void;
  /** Deletes what is past retention. Nothing from `keepFrom` on is touched. */
  enforceRetention(keepFrom: number): Promise<void>;
  /**
   * Gives up the oldest part of the history before `keepFrom` although its time has not come, so
   * that a new event finds room. @returns whether there was any.
   */
  makeRoom(keepFrom: number): Promise<boolean>;
  close(): Promise<void>;
}

/** No room for the event: the disk is full, or retention holds unsettled events up to its limit. */
export class LogFull extends Error {
  readonly reason: 'disk' | 'backlog';
  constructor(reason: 'disk' | 'backlog', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LogFull';
    this.reason = reason;
  }
}

/** More bytes wait for the disk than the log is willing to hold: come back shortly. */
export class LogBusy extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogBusy';
  }
}
