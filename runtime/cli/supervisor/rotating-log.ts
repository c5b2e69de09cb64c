/**
 * One process's output in a file of bounded size: when it is full it becomes `<file>.1` and a new one
 * begins. Writes are synchronous appends, so that the last words of a dying process are kept; a full
 * disk loses lines and nothing else.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Two files of this size per process: a week of quiet, an hour of trouble. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;

export class RotatingLog {
  readonly path: string;
  private fd: number;
  private bytes: number;

  constructor(path: string) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.fd = openSync(path, 'a', 0o600);
    this.bytes = fstatSync(this.fd).size;
  }

  write(chunk: Uint8Array): void {
    try {
      if (this.bytes + chunk.length > FILE_BYTES_MAX) this.rotate();
      this.bytes += writeSync(this.fd, chunk);
    } catch {
      // The disk is full or the folder gone. The process goes on without its log.
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    closeSync(this.fd);
    this.fd = openSync(this.path, 'a', 0o600);
    this.bytes = 0;
  }
}
