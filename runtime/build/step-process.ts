/**
 * Runs one program in its own process group: output to a bounded log file and a tail in memory, the
 * whole group ended on abort or time-out. The only place that starts processes for steps.
 */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import type { CancelTimer, Clock } from '../std/clock.ts';
import { killGroup, recordGroup } from './process-groups.ts';

/** A build that prints more is broken; the file must not fill the disk. */
const logBytesMax = 10 * 1024 * 1024;
/** Enough for the last lines in a condition message. */
const tailBytesMax = 8192;
/** buildah needs a moment to unmount; then the group is killed. */
const killAfterMs = 2_000;

export interface ProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  /** Directory of the files that name running groups. */
  readonly processes: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** 0 means no limit. */
  readonly timeoutMs: number;
}

export interface ProcessResult {
  /** 127 when the program could not be started. */
  readonly exitCode: number;
  readonly isTimedOut: boolean;
  /** The last lines of its output. */
  readonly tail: string;
}

/** Resolves for every exit code. @throws the signal's reason when aborted. */
export async function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  const { file, args, env, cwd, logFile, processes, clock, signal, timeoutMs } = options;
  signal.throwIfAborted();
  await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  const output = makeOutput(logFile);
  const child = execa(file, args, {
    env,
    extendEnv: false,
    cwd,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    all: true,
    buffer: false,
    reject: false,
    // Its own group, so that what it starts can be ended with it.
    detached: true,
  });
  child.all.on('data', (chunk: Buffer) => output.append(chunk));
  const pid = child.pid;
  const forgetGroup = pid === undefined ? undefined : await recordGroup(processes, pid);
  let isTimedOut = false;
  let cancelKill: CancelTimer | undefined;
  const end = (): void => {
    if (pid === undefined) return;
    killGroup(pid, 'SIGTERM');
    cancelKill ??= clock.after(killAfterMs, () => killGroup(pid, 'SIGKILL'));
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const cancelTimer =
    timeoutMs === 0
      ? undefined
      : clock.after(timeoutMs, () => {
          isTimedOut = true;
          end();
        });
  const result = await child;
  cancelTimer?.();
  cancelKill?.();
  signal.removeEventListener('abort', end);
  // The program is gone; whatever it left in its group has nobody to report to.
  if (pid !== undefined) killGroup(pid, 'SIGKILL');
  await forgetGroup?.();
  await output.close();
  signal.throwIfAborted();
  if (pid === undefined)
    return { exitCode: 127, isTimedOut, tail: result.shortMessage ?? 'could not be started' };
  return { exitCode: result.exitCode ?? 1, isTimedOut, tail: output.tail() };
}

function makeOutput(logFile: string): {
  append(chunk: Buffer): void;
  tail(): string;
  close(): Promise<void>;
} {
  const stream = createWriteStream(logFile, { mode: 0o600 });
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  let written = 0;
  let tail = Buffer.alloc(0);
  return {
    append(chunk) {
      tail = Buffer.concat([tail, chunk]).subarray(-tailBytesMax);
      const room = logBytesMax - written;
      if (room <= 0 || failure) return;
      stream.write(chunk.subarray(0, room));
      written += chunk.length;
      if (written >= logBytesMax) stream.write('\n[the rest of the output was dropped]\n');
    },
    tail: () => tail.toString('utf8').trim(),
    close: () =>
      new Promise((resolve) => {
        // A log that cannot be written (disk full) must not fail a build that succeeded.
        if (failure) resolve();
        else stream.end(() => resolve());
        stream.once('error', () => resolve());
      }),
  };
}
