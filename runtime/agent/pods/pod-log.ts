/**
 * Container logs: raw files that the containers write themselves, so that nothing is lost while the
 * agent is away. A low-rate watch notes how large each file was when (for `sinceSeconds`) and bounds it.
 */
import { createReadStream, statSync, truncateSync } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';

import { type CancelTimer, type Clock, sleep } from '../../std/clock.ts';

/** A container's log is cut when it exceeds this; the cut part is kept once as `<log>.1`. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;
export const rotatedLog = (path: string): string => `${path}.1`;
const WATCH_MS = 1_000;
/** Half an hour of marks at one a second, thinned to every other one when full. */
const MARKS_MAX = 1_800;
const FOLLOW_POLL_MS = 100;
const TAIL_CHUNK_BYTES = 64 * 1024;

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

  /** Where the log stood that long ago; 0 when nothing is known. */
  offsetSince(path: string, sinceSeconds: number): number {
    const fromMs = this.clock.now() - sinceSeconds * 1000;
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
  /** Byte offset to begin at, from `LogWatch.offsetSince`. @default 0 */
  readonly offset?: number;
  readonly clock: Clock;
  /** With `follow`: whether more may come. */
  readonly isOpen: () => boolean;
}

/** The log's bytes; with `follow` until the container's log is closed. A missing file is an empty log. */
export async function* readLog(path: string, options: ReadLogOptions): AsyncIterable<Uint8Array> {
  let offset = options.offset ?? 0;
  if (options.tailLines !== undefined)
    offset = Math.max(offset, await findTail(path, options.tailLines));
  for (;;) {
    const isLast = !options.follow || !options.isOpen();
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size < offset) offset = 0;
    if (size > offset) {
      for await (const chunk of createReadStream(path, { start: offset, end: size - 1 }))
        yield chunk as Uint8Array;
      offset = size;
    }
    if (isLast) return;
    await sleep(options.clock, FOLLOW_POLL_MS);
  }
}

/** Offset of the last `lines` lines, read from the end. */
async function findTail(path: string, lines: number): Promise<number> {
  let file;
  try {
    file = await open(path);
  } catch {
    return 0;
  }
  try {
    const { size } = await file.stat();
    if (lines <= 0) return size;
    let left = lines;
    for (let end = size; end > 0; end -= TAIL_CHUNK_BYTES) {
      const start = Math.max(0, end - TAIL_CHUNK_BYTES);
      const chunk = Buffer.alloc(end - start);
      await file.read(chunk, 0, chunk.length, start);
      for (let index = chunk.length - 1; index >= 0; index--)
        // The newline at the very end closes the last line, it begins none.
        if (chunk[index] === 0x0a && start + index !== size - 1 && --left === 0)
          return start + index + 1;
    }
    return 0;
  } finally {
    await file.close();
  }
}
