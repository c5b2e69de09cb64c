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

  /**
   * When a byte of the log was written, in ms since the epoch: the first look that saw it, which may be
   * a second late, or now where none has. After a restart of the agent older bytes are as old as that.
   */
  timeAt(path: string, offset: number): number {
    const marks = this.marks.get(path) ?? [];
    // They grow, and the one that is wanted is mostly among the last.
    let index = marks.length;
    while (index > 0 && (marks[index - 1]?.bytes ?? 0) > offset) index--;
    return marks[index]?.ms ?? this.clock.now();
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
  /** With timestamps: when the byte at that offset was written, in ms since the epoch. */
  readonly timeAt?: ((offset: number) => number) | undefined;
}

/**
 * The log's bytes; with `follow` until the container's log is closed, also when it is cut in between. A
 * missing file is an empty log. The file is opened once, so that what was written last is read also when
 * the pod is removed, and its log moved, in between; `locate` says where it is at that moment.
 */
export async function* readLog(
  locate: () => string,
  options: ReadLogOptions,
): AsyncIterable<Uint8Array> {
  const { timeAt, follow, isOpen, tailLines, clock, pollMs = FOLLOW_POLL_MS } = options;
  const stamp = timeAt ? new LineStamper(timeAt) : undefined;
  let offset = options.offset ?? 0;
  let file: number | undefined;
  try {
    for (;;) {
      const isLast = !follow || !isOpen();
      if (file === undefined) {
        file = openIfThere(locate());
        if (file !== undefined && tailLines !== undefined)
          offset = Math.max(offset, findTail(file, tailLines));
      }
      if (file !== undefined) {
        if (fstatSync(file).size < offset) {
          // It was cut; what was written between the last look and that is in the other file.
          yield* readRotated(locate(), offset, stamp);
          offset = 0;
        }
        for await (const chunk of readFrom(file, offset)) {
          yield stamp ? stamp.add(chunk, offset) : chunk;
          offset += chunk.length;
        }
      }
      if (isLast) return;
      await sleep(clock, pollMs);
    }
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function* readRotated(
  path: string,
  from: number,
  stamp: LineStamper | undefined,
): AsyncIterable<Uint8Array> {
  const file = openIfThere(rotatedLog(path));
  if (file === undefined) return;
  let offset = from;
  try {
    for await (const chunk of readFrom(file, offset)) {
      yield stamp ? stamp.add(chunk, offset) : chunk;
      offset += chunk.length;
    }
  } finally {
    closeSync(file);
  }
}

/** What the file holds now, from an offset on. */
async function* readFrom(file: number, from: number): AsyncIterable<Buffer> {
  const { size } = fstatSync(file);
  for (let offset = from; offset < size;) {
    const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, size - offset));
    const { bytesRead } = await read(file, chunk, 0, chunk.length, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

const NEWLINE = 0x0a;

/** Puts before each line when it was written, as kubectl shows it. */
class LineStamper {
  private readonly timeAt: (offset: number) => number;
  private isAtStart = true;

  constructor(timeAt: (offset: number) => number) {
    this.timeAt = timeAt;
  }

  /** @param offset of the chunk's first byte in the log */
  add(chunk: Buffer, offset: number): Buffer {
    const parts: Buffer[] = [];
    for (let start = 0; start < chunk.length;) {
      if (this.isAtStart) parts.push(this.makeStamp(offset + start));
      const newline = chunk.indexOf(NEWLINE, start);
      const end = newline < 0 ? chunk.length : newline + 1;
      parts.push(chunk.subarray(start, end));
      this.isAtStart = newline >= 0;
      start = end;
    }
    return Buffer.concat(parts);
  }

  private makeStamp(offset: number): Buffer {
    const time = new Date(this.timeAt(offset)).toISOString();
    // Nine digits, as Go writes them.
    return Buffer.from(`${time.slice(0, -1)}000000Z `);
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
      if (chunk[index] === NEWLINE && start + index !== size - 1 && --left === 0)
        return start + index + 1;
  }
  return 0;
}
