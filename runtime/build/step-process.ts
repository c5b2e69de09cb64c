/**
 * Runs one program in its own process group: output to a bounded log file and a tail in memory, the
 * whole group ended on abort or time-out. A file per group lets the next control process end what a
 * killed one left behind. The only place that starts processes for steps.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Clock } from '../std/clock.ts';

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
  const groupFile = pid === undefined ? undefined : join(processes, String(pid));
  if (pid !== undefined && groupFile !== undefined) {
    await mkdir(processes, { recursive: true });
    await writeFile(groupFile, (await startTimeOf(pid)) ?? '');
  }
  let isTimedOut = false;
  const end = (): void => {
    if (pid === undefined) return;
    killGroup(pid, 'SIGTERM');
    clock.after(killAfterMs, () => killGroup(pid, 'SIGKILL'));
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
  signal.removeEventListener('abort', end);
  // The program is gone; whatever it left in its group has nobody to report to.
  if (pid !== undefined) killGroup(pid, 'SIGKILL');
  if (groupFile !== undefined) await rm(groupFile, { force: true });
  await output.close();
  signal.throwIfAborted();
  if (pid === undefined)
    return { exitCode: 127, isTimedOut, tail: result.shortMessage ?? 'could not be started' };
  return { exitCode: result.exitCode ?? 1, isTimedOut, tail: output.tail() };
}

/** Ends groups that an earlier control process started and did not live to end. */
export async function endLeftoverProcesses(processes: string): Promise<number> {
  const names = await readdir(processes).catch(() => []);
  let ended = 0;
  for (const name of names) {
    const pid = Number(name);
    const recorded = await readFile(join(processes, name), 'utf8').catch(() => '');
    // The start time tells the process from a later one with its number.
    if (recorded !== '' && recorded === (await startTimeOf(pid))) {
      killGroup(pid, 'SIGKILL');
      ended += 1;
    }
    await rm(join(processes, name), { force: true });
  }
  return ended;
}

/** Field 22 of /proc/<pid>/stat; undefined where there is no such process or no /proc. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in field 2 may hold spaces and parentheses: count from its end.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
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
