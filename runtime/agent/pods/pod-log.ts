/**
 * Container logs: raw files that the containers write themselves, so that nothing is lost while the
 * agent is away. A low-rate watch notes how large each file was when (for `sinceSeconds`) and bounds it.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  read as readCallback,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { type CancelTimer, type Clock, sleep } from '../../std/clock.ts';

/** A container's log is cut when it exceeds this; the cut part is kept once as `<log>.1`. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;
export const rotatedLog = (path: string): string => `${path}.1`;
const WATCH_MS = 1_000;
/** Half an hour of marks at one a second, thinned to every other one when full. */
const MARKS_MAX = 1_800;
const FOLLOW_POLL_MS = 100;
const TAIL_CHUNK_BYTES = 64 * 1024;
const READ_CHUNK_BYTES = 64 * 1024;
const read = promisify(readCallback);

interface Mark {
  readonly ms: number;
  readonly bytes: number;
}

export class LogWatch {
  private readonly clock: Clock;
  private readonly marks = new Map<string, Mark[]>();
  private readonly cancel: CancelTimer;

  /** `paths` are asked for anew each second. */
  constructor(clock: Clock, paths: () => Iterable<string>) {
    this.clock = clock;
    this.cancel = clock.every(WATCH_MS, () => this.look(paths()));
  }

  /** Where the log stood at that time; 0 when nothing is known. */
  offsetAt(path: string, fromMs: number): number {
    const marks = this.marks.get(path) ?? [];
    return marks.findLast(({ ms }) => ms <= fromMs)?.bytes ?? 0;
  }

  close(): void {
    this.cancel();
  }

  private look(paths: Iterable<string>): void {
    const seen = new Set<string>();
    for (const path of paths) {
      seen.add(path);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      const marks = this.marks.get(path) ?? [];
      if (marks.at(-1)?.bytes !== size) marks.push({ ms: this.clock.now(), bytes: size });
      this.marks.set(
        path,
        marks.length > MARKS_MAX ? marks.filter((_mark, index) => index % 2 === 1) : marks,
      );
      if (size > LOG_BYTES_MAX) void this.cut(path);
    }
    for (const path of this.marks.keys()) if (!seen.has(path)) this.marks.delete(path);
  }

  /** The container holds the file open for appending: it can be emptied, not replaced. */
  private async cut(path: string): Promise<void> {
    try {
      await copyFile(path, rotatedLog(path));
      truncateSync(path, 0);
      this.marks.set(path, []);
    } catch {
      // The pod has gone meanwhile.
    }
  }
}

export interface ReadLogOptions {
  readonly follow: boolean;
  readonly tailLines?: number | undefined;
  /** Byte offset to begin at, from `LogWatch.offsetAt`. @default 0 */
  readonly offset?: number;
  readonly clock: Clock;
  /** Between two looks at a file that may grow. @default 100 */
  readonly pollMs?: number;
  /** With `follow`: whether more may come. */
  readonly isOpen: () => boolean;
}

/**
 * The log's bytes; with `follow` until the container's log is closed. A missing file is an empty log.
 * The file is opened once, so that what was written last is read also when the pod is removed, and
 * its log moved, in between; `locate` says where it is at that moment.
 */
export async function* readLog(
  locate: () => string,
  options: ReadLogOptions,
): AsyncIterable<Uint8Array> {
  let offset = options.offset ?? 0;
  let file: number | undefined;
  try {
    for (;;) {
      const isLast = !options.follow || !options.isOpen();
      if (file === undefined) {
        file = openIfThere(locate());
        if (file !== undefined && options.tailLines !== undefined)
          offset = Math.max(offset, findTail(file, options.tailLines));
      }
      if (file !== undefined) {
        const { size } = fstatSync(file);
        if (size < offset) offset = 0;
        while (offset < size) {
          const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, size - offset));
          const { bytesRead } = await read(file, chunk, 0, chunk.length, offset);
          if (bytesRead === 0) break;
          offset += bytesRead;
          yield chunk.subarray(0, bytesRead);
        }
      }
      if (isLast) return;
      await sleep(options.clock, options.pollMs ?? FOLLOW_POLL_MS);
    }
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** In one turn with finding it: nobody moves the file in between. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined; // The container has not been started yet, or its log is gone.
  }
}

/** Offset of the last `lines` lines, read from the end. */
function findTail(file: number, lines: number): number {
  const { size } = fstatSync(file);
  if (lines <= 0) return size;
  let left = lines;
  for (let end = size; end > 0; end -= TAIL_CHUNK_BYTES) {
    const start = Math.max(0, end - TAIL_CHUNK_BYTES);
    const chunk = Buffer.alloc(end - start);
    readSync(file, chunk, 0, chunk.length, start);
    for (let index = chunk.length - 1; index >= 0; index--)
      // The newline at the very end closes the last line, it begins none.
      if (chunk[index] === 0x0a && start + index !== size - 1 && --left === 0)
        return start + index + 1;
  }
  return 0;
}
