/**
 * The event log on local files. Group commit: what arrives while one write is under way is written
 * as one append to a descriptor opened with O_DSYNC (write and flush in one system call), then all
 * of it is acknowledged. A failed write is cut off again, so the log stays as it was.
 */
import { constants } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import {
  WRITE_FLAGS,
  closeDescriptor,
  openDescriptor,
  syncDirectory,
  truncateDescriptor,
  writeFully,
} from './durable-file.ts';
import type { EventLog, LogBatch, LogRecord } from './event-log.ts';
import { LogBusy, LogFull } from './event-log.ts';
import { RECORD_HEADER_BYTES, recordBytes, writeRecord } from './log-record.ts';
import { RecordTail } from './record-tail.ts';
import { Segment, isSegmentName, segmentHeader, segmentName } from './segment.ts';

/** Small enough to index at once when a consumer goes back, large enough that rolling is rare. */
const SEGMENT_BYTES = 32 * 1024 * 1024;
/** Settled events can be replayed for this long... */
const RETENTION_MS = 7 * 24 * 3_600_000;
/** ...as long as they take no more than this per broker. */
const RETENTION_BYTES = 1024 * 1024 * 1024;
/** One write at most: keeps the wait of its first event bounded on slow disks. */
const COMMIT_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes that may wait for the disk before senders are told to come back. */
const PENDING_BYTES_MAX = 32 * 1024 * 1024;

export interface FileLogOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bytes after which a new file is begun. @default 32 MiB */
  readonly segmentBytes?: number;
  /** @default 7 days */
  readonly retentionMs?: number;
  /** @default 1 GiB */
  readonly retentionBytes?: number;
}

interface Pending {
  readonly body: Buffer;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
}

export class FileLog implements EventLog {
  nextSequence = 1;
  private readonly options: Required<FileLogOptions>;
  private segments: Segment[] = [];
  private descriptor: number | undefined;
  private pending: Pending[] = [];
  private pendingBytes = 0;
  private committing: Promise<void> | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly tail = new RecordTail();
  private isClosed = false;

  private constructor(options: FileLogOptions) {
    this.options = {
      segmentBytes: SEGMENT_BYTES,
      retentionMs: RETENTION_MS,
      retentionBytes: RETENTION_BYTES,
      ...options,
    };
  }

  /** Opens or creates; repairs the newest file. @throws when the directory cannot be used. */
  static async open(options: FileLogOptions): Promise<FileLog> {
    const log = new FileLog(options);
    await mkdir(options.directory, { recursive: true });
    await log.load();
    return log;
  }

  get firstSequence(): number {
    return this.segments[0]?.base ?? this.nextSequence;
  }

  append(body: Buffer): Promise<number> {
    const size = recordBytes(body.length);
    if (this.isClosed) return Promise.reject(new LogBusy('the log is closing'));
    if (this.pendingBytes + size > PENDING_BYTES_MAX)
      return Promise.reject(new LogBusy(`${this.pendingBytes} bytes wait for the disk`));
    if (this.totalBytes() + size > this.options.retentionBytes && this.segments.length > 1)
      return Promise.reject(
        new LogFull(
          'backlog',
          `unsettled events take the ${this.options.retentionBytes} bytes allowed`,
        ),
      );
    return new Promise((resolve, reject) => {
      this.pending.push({ body, resolve, reject });
      this.pendingBytes += size;
      this.committing ??= this.commitAll();
    });
  }

  async read(from: number, recordsMax: number): Promise<LogBatch> {
    const start = Math.max(from, this.firstSequence);
    if (start >= this.nextSequence) return { records: [], next: start };
    const recent = this.tail.read(start, recordsMax);
    if (recent) return { records: recent, next: start + recent.length };
    const at = this.segmentIndexOf(start);
    const segment = this.segments[at];
    if (!segment) return { records: [], next: start };
    const limit = this.segments[at + 1]?.base ?? this.nextSequence;
    await segment.index(limit, this.options.logger);
    const batch = await segment.read(start, recordsMax, this.options.logger);
    // Past the end of an older file comes the next file, also where its last records are damaged.
    const isExhausted = batch.next >= segment.end && at + 1 < this.segments.length;
    return isExhausted ? { records: batch.records, next: Math.max(batch.next, limit) } : batch;
  }

  async sequenceAt(timeMs: number): Promise<number> {
    for (const [at, segment] of this.segments.entries()) {
      const next = this.segments[at + 1];
      if (next && next.createdMs < timeMs) continue;
      await segment.index(next?.base ?? this.nextSequence, this.options.logger);
      const found = segment.sequenceAt(timeMs);
      if (found < segment.end) return found;
    }
    return this.nextSequence;
  }

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async enforceRetention(keepFrom: number): Promise<void> {
    const { clock, retentionMs, retentionBytes } = this.options;
    for (;;) {
      const next = this.segments[1];
      if (!next) return;
      // The next file was begun when the oldest got its last event.
      const isOld = next.createdMs < clock.now() - retentionMs;
      const isRoomNeeded = this.totalBytes() + this.options.segmentBytes > retentionBytes;
      if (!isOld && !isRoomNeeded) return;
      if (!(await this.makeRoom(keepFrom))) return;
    }
  }

  async makeRoom(keepFrom: number): Promise<boolean> {
    const [oldest, next] = this.segments;
    if (!oldest || !next || next.base > keepFrom) return false;
    this.segments = this.segments.slice(1);
    await oldest.remove();
    this.options.logger.info('oldest log file deleted', { file: oldest.path });
    return true;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.committing;
    if (this.descriptor !== undefined) await closeDescriptor(this.descriptor);
    this.descriptor = undefined;
  }

  private async load(): Promise<void> {
    const { directory, logger } = this.options;
    const names = (await readdir(directory)).filter(isSegmentName).sort();
    for (const name of names) {
      const file = path.join(directory, name);
      const segment = await Segment.open(file, logger);
      if (segment) this.segments.push(segment);
      else this.nextSequence = Number.parseInt(name, 10); // A crash while creating it: write over it.
    }
    const newest = this.segments.at(-1);
    if (!newest) return;
    await newest.index(Number.MAX_SAFE_INTEGER, logger);
    this.nextSequence = Math.max(this.nextSequence, newest.end);
    const tornBytes = await newest.tornBytes();
    if (tornBytes > 0) await this.leaveTornTail(newest, tornBytes);
  }

  /**
   * The tail may be a torn write, never acknowledged, or a damaged event that triggers have already
   * settled by its sequence. So its sequences (at most one for each header that fits) are never given
   * again: the log goes on in a new file, and only once that is durable the tail is cut off.
   */
  private async leaveTornTail(newest: Segment, tornBytes: number): Promise<void> {
    this.nextSequence += Math.ceil(tornBytes / RECORD_HEADER_BYTES);
    this.writtenPaths.add(newest.path);
    try {
      await this.beginSegment();
      await newest.cutTail();
    } catch (error) {
      const fields = { file: newest.path, error: String(error) };
      this.options.logger.warn('failed to cut a torn tail off, will try at the next start', fields);
    }
  }

  private totalBytes(): number {
    let total = this.pendingBytes;
    for (const { bytes } of this.segments) total += bytes;
    return total;
  }

  /** The last file that begins at or before the sequence. */
  private segmentIndexOf(sequence: number): number {
    let at = this.segments.length - 1;
    while (at > 0 && (this.segments[at]?.base ?? 0) > sequence) at -= 1;
    return at;
  }

  private async commitAll(): Promise<void> {
    // One turn of the event loop: requests that arrived together are committed together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.length > 0) {
      const batch = this.takeBatch();
      try {
        await this.commit(batch);
      } catch (cause) {
        const error = asLogError(cause);
        for (const { reject } of batch) reject(error);
      }
    }
    this.committing = undefined;
  }

  private takeBatch(): Pending[] {
    let count = 0;
    let bytes = 0;
    for (const { body } of this.pending) {
      const size = recordBytes(body.length);
      if (count > 0 && bytes + size > COMMIT_BYTES_MAX) break;
      bytes += size;
      count += 1;
    }
    const batch = this.pending.slice(0, count);
    this.pending = this.pending.slice(count);
    this.pendingBytes -= bytes;
    return batch;
  }

  private async commit(batch: readonly Pending[]): Promise<void> {
    const { segment, descriptor } = await this.writableSegment();
    const timeMs = this.options.clock.now();
    const size = batch.reduce((sum, { body }) => sum + recordBytes(body.length), 0);
    const bytes = Buffer.allocUnsafe(size);
    const records: LogRecord[] = [];
    const offsets: number[] = [];
    let at = 0;
    for (const [index, { body }] of batch.entries()) {
      const record = { sequence: this.nextSequence + index, timeMs, body };
      offsets.push(segment.bytes + at);
      records.push(record);
      at = writeRecord(bytes, at, record);
    }
    try {
      await writeFully(descriptor, bytes, segment.bytes);
    } catch (error) {
      await this.undo(segment, descriptor);
      throw error;
    }
    for (const [index, record] of records.entries())
      segment.noteAppended(record, offsets[index] ?? 0);
    segment.bytes += size;
    this.nextSequence += records.length;
    this.tail.keep(records);
    for (const [index, { resolve }] of batch.entries()) resolve(records[index]?.sequence ?? 0);
    for (const listener of this.listeners) listener();
  }

  /** Cuts a failed write off. Where even that fails the file is left behind and a new one begun. */
  private async undo(segment: Segment, descriptor: number): Promise<void> {
    try {
      await truncateDescriptor(descriptor, segment.bytes);
    } catch (error) {
      const { logger } = this.options;
      logger.error('failed to undo a write to the log', {
        file: segment.path,
        error: String(error),
      });
      this.descriptor = undefined;
      await closeDescriptor(descriptor).catch(() => undefined); // The write's own error is reported.
    }
  }

  private async writableSegment(): Promise<{ segment: Segment; descriptor: number }> {
    const newest = this.segments.at(-1);
    if (newest && this.descriptor !== undefined && newest.bytes < this.options.segmentBytes)
      return { segment: newest, descriptor: this.descriptor };
    // After a restart the newest file is continued.
    if (newest && newest.bytes < this.options.segmentBytes && !this.wasWritten(newest)) {
      this.descriptor = await openDescriptor(newest.path, WRITE_FLAGS);
      this.writtenPaths.add(newest.path);
      return { segment: newest, descriptor: this.descriptor };
    }
    return this.beginSegment();
  }

  /** Files that this process has written to: one that it gave up on is not opened again. */
  private readonly writtenPaths = new Set<string>();
  private wasWritten(segment: Segment): boolean {
    return this.writtenPaths.has(segment.path);
  }

  private async beginSegment(): Promise<{ segment: Segment; descriptor: number }> {
    const { directory, clock } = this.options;
    const createdMs = clock.now();
    const base = this.nextSequence;
    const old = this.segments.at(-1);
    // A file given up on before its first event has the same name: write over it.
    if (old?.base === base) this.segments = this.segments.slice(0, -1);
    const file = path.join(directory, segmentName(base));
    const flags = WRITE_FLAGS | constants.O_CREAT | constants.O_TRUNC;
    const descriptor = await openDescriptor(file, flags, 0o600);
    try {
      await writeFully(descriptor, segmentHeader(base, createdMs), 0);
      await syncDirectory(directory);
    } catch (error) {
      await closeDescriptor(descriptor);
      throw error;
    }
    if (this.descriptor !== undefined) await closeDescriptor(this.descriptor);
    this.descriptor = descriptor;
    this.writtenPaths.add(file);
    const segment = Segment.fresh({ directory, base, createdMs });
    this.segments = [...this.segments, segment];
    return { segment, descriptor };
  }
}

function asLogError(cause: unknown): Error {
  const code = (cause as { code?: string }).code;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    return new LogFull('disk', 'no space left for the event log', { cause });
  return new Error('failed to write to the event log', { cause });
}
