/** The newest records of a log, in memory, so that triggers which keep up never read from disk. */
import type { LogRecord } from './event-log.ts';
import { recordBytes } from './log-record.ts';

const TAIL_BYTES_MAX = 4 * 1024 * 1024;

export class RecordTail {
  /** Without gaps, oldest first. */
  private records: LogRecord[] = [];
  private bytes = 0;

  /** Takes the records that follow the ones it has; drops the oldest beyond 4 MiB, but keeps one. */
  keep(records: readonly LogRecord[]): void {
    for (const record of records) {
      this.records.push(record);
      this.bytes += recordBytes(record.body.length);
    }
    let drop = 0;
    while (this.bytes > TAIL_BYTES_MAX && drop < this.records.length - 1)
      this.bytes -= recordBytes(this.records[drop++]?.body.length ?? 0);
    if (drop > 0) this.records = this.records.slice(drop);
  }

  /** Records from a sequence on, or undefined when that lies before the oldest one kept. */
  read(from: number, recordsMax: number): readonly LogRecord[] | undefined {
    const oldest = this.records[0];
    if (!oldest || from < oldest.sequence) return undefined;
    const index = from - oldest.sequence;
    return this.records.slice(index, index + recordsMax);
  }
}
