/**
 * One file of a log: a header and records of ascending sequence. Knows how to index itself, to read
 * records back with their checksum verified, and to set damaged bytes aside. It never writes events:
 * that is the file log's, which owns the only descriptor for writing.
 */
import { open, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../std/logger.ts';
import type { LogBatch, LogRecord } from './event-log.ts';
import { findRecord, readRecord } from './log-record.ts';

export const SEGMENT_HEADER_BYTES = 24;
const MAGIC = Buffer.from('KNITLOG\u0001', 'latin1');
const SUFFIX = '.log';
/** Bytes read at once when a consumer catches up from disk. */
const READ_BYTES = 512 * 1024;

export class Segment {
  readonly path: string;
  /** Sequence of the first record that this file may hold. */
  readonly base: number;
  readonly createdMs: number;
  /** Bytes of header and intact records. */
  bytes: number;
  /** Offset of each record by sequence - base; 0 where it is missing. undefined until indexed. */
  private offsets: number[] | undefined;
  private times: number[] = [];
  private indexing: Promise<void> | undefined;

  constructor(options: { path: string; base: number; createdMs: number; bytes: number }) {
    this.path = options.path;
    this.base = options.base;
    this.createdMs = options.createdMs;
    this.bytes = options.bytes;
  }

  /** A file that was just written, so its index is known to be empty. */
  static fresh(options: { directory: string; base: number; createdMs: number }): Segment {
    const { directory, base, createdMs } = options;
    const segment = new Segment({
      path: path.join(directory, segmentName(base)),
      base,
      createdMs,
      bytes: SEGMENT_HEADER_BYTES,
    });
    segment.offsets = [];
    return segment;
  }

  /**
   * Opens by name and header. Where the header is damaged the name still says the base, so that no
   * sequence is ever given twice; undefined when the file holds nothing at all.
   */
  static async open(file: string, logger: Logger): Promise<Segment | undefined> {
    const base = Number.parseInt(path.basename(file), 10);
    const handle = await open(file, 'r');
    try {
      const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const { bytesRead } = await handle.read(header, 0, SEGMENT_HEADER_BYTES, 0);
      const { size, mtimeMs } = await handle.stat();
      if (bytesRead < SEGMENT_HEADER_BYTES) return undefined;
      const isValid =
        header.subarray(0, 8).equals(MAGIC) && Number(header.readBigUInt64BE(8)) === base;
      if (!isValid) logger.error('log file has a damaged header', { file });
      const createdMs = isValid ? header.readDoubleBE(16) : mtimeMs;
      return new Segment({ path: file, base, createdMs, bytes: size });
    } finally {
      await handle.close();
    }
  }

  /** One behind the last record that the index knows. */
  get end(): number {
    return this.base + (this.offsets?.length ?? 0);
  }

  /** Tells the index of records that the log has just written. */
  noteAppended(record: LogRecord, offset: number): void {
    this.offsets?.push(offset);
    this.times.push(record.timeMs);
  }

  /** Scans the file once. Sequences from `limit` on belong to a later file and are not taken in. */
  async index(limit: number, logger: Logger): Promise<void> {
    if (this.offsets) return;
    this.indexing ??= this.scan(limit, logger).finally(() => {
      this.indexing = undefined;
    });
    await this.indexing;
  }

  private async scan(limit: number, logger: Logger): Promise<void> {
    const bytes = await readFile(this.path);
    const offsets: number[] = [];
    const times: number[] = [];
    let at = SEGMENT_HEADER_BYTES;
    while (at < bytes.length) {
      const parsed = readRecord(bytes, at);
      if (parsed.type === 'record') {
        const { sequence, timeMs } = parsed.record;
        if (sequence >= this.base + offsets.length && sequence < limit) {
          while (this.base + offsets.length < sequence) {
            offsets.push(0);
            times.push(timeMs);
          }
          offsets.push(at);
          times.push(timeMs);
        }
        at = parsed.end;
        continue;
      }
      const next = findRecord(bytes, at + 1);
      const end = next < 0 ? bytes.length : next;
      await quarantine(this.path, { from: at, bytes: bytes.subarray(at, end) }, logger);
      if (next < 0) break;
      at = next;
    }
    this.bytes = Math.min(at, bytes.length);
    this.offsets = offsets;
    this.times = times;
  }

  /** Bytes behind the last intact record: a write that was torn, or damage. Index first. */
  async tornBytes(): Promise<number> {
    const { size } = await stat(this.path);
    return Math.max(0, size - this.bytes);
  }

  /** Cuts off what follows the last intact record; `index` has set a copy aside. */
  async cutTail(): Promise<void> {
    const handle = await open(this.path, 'r+');
    try {
      await handle.truncate(this.bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Reads from `from` (within this file) on, up to about READ_BYTES. Index first. */
  async read(from: number, recordsMax: number, logger: Logger): Promise<LogBatch> {
    const offsets = this.offsets ?? [];
    let index = from - this.base;
    while (index < offsets.length && offsets[index] === 0) index += 1;
    const start = offsets[index];
    if (start === undefined) return { records: [], next: this.end };
    let last = index;
    while (
      last + 1 < offsets.length &&
      last + 1 - index < recordsMax &&
      (offsets[last + 1] ?? 0) - start < READ_BYTES
    )
      last += 1;
    const stop = offsets.slice(last + 1).find((offset) => offset > 0) ?? this.bytes;
    const bytes = await readRange(this.path, start, stop - start);
    const records: LogRecord[] = [];
    for (let i = index; i <= last; i++) {
      const offset = offsets[i] ?? 0;
      if (offset === 0) continue;
      const parsed = readRecord(bytes, offset - start);
      if (parsed.type === 'record' && parsed.record.sequence === this.base + i)
        records.push(parsed.record);
      else {
        const end = offsets.slice(i + 1).find((next) => next > 0) ?? this.bytes;
        const damaged = bytes.subarray(offset - start, end - start);
        await quarantine(this.path, { from: offset, bytes: damaged }, logger);
        offsets[i] = 0;
      }
    }
    return { records, next: this.base + last + 1 };
  }

  /** The first sequence in this file appended at or after a time. Index first. */
  sequenceAt(timeMs: number): number {
    const index = this.times.findIndex((time) => time >= timeMs);
    return index < 0 ? this.end : this.base + index;
  }

  async remove(): Promise<void> {
    await unlink(this.path);
  }
}

export const segmentName = (base: number): string => `${String(base).padStart(16, '0')}${SUFFIX}`;

export const isSegmentName = (name: string): boolean => /^\d{16}\.log$/.test(name);

export function segmentHeader(base: number, createdMs: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(BigInt(base), 8);
  header.writeDoubleBE(createdMs, 16);
  return header;
}

/** Keeps damaged bytes for inspection beside the log, and says so. */
async function quarantine(
  file: string,
  damage: { readonly from: number; readonly bytes: Buffer },
  logger: Logger,
): Promise<void> {
  const target = `${file}.${damage.from}.damaged`;
  logger.error('log holds damaged bytes: set aside', {
    file,
    offset: damage.from,
    bytes: damage.bytes.length,
    quarantine: target,
  });
  try {
    await writeFile(target, damage.bytes);
  } catch (error) {
    logger.error('failed to set damaged bytes aside', { file: target, error: String(error) });
  }
}

async function readRange(file: string, position: number, length: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
