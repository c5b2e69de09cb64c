/**
 * Keeps a session's terminals at the size that was asked for last. With a container there are two: the
 * one that `script` made for the runtime, and the runtime's own, which the command sees. The runtime
 * hands sizes on only once it listens for them, so the inner one is set too, through its process.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

import { type Clock, sleep } from '../../std/clock.ts';

export interface TerminalSizeOptions {
  /** Names the outer terminal, once it is there. */
  readonly ttyFile: string;
  /** Holds the pid of a process whose terminal is another one, once it is there. */
  readonly pidFile?: string | undefined;
  readonly clock: Clock;
  readonly hasEnded: () => boolean;
}

/** The field has 16 bits. */
const SIZE_MAX = 0xffff;
/** Clients send the first size at once, before the terminals are there. */
const RETRY_MS = 10;
const RETRY_MS_MAX = 250;
/** It sets one value; longer it may only take on a machine that is stuck. */
const STTY_MS_MAX = 10_000;

export class TerminalSize {
  private readonly options: TerminalSizeOptions;
  private wanted: { columns: number; rows: number } | undefined;
  private isWorking = false;

  constructor(options: TerminalSizeOptions) {
    this.options = options;
  }

  /** Of several sizes in a short time, as of a window that is drawn larger, the last counts. */
  set(columns: number, rows: number): void {
    const clamp = (value: number): number => Math.min(SIZE_MAX, Math.max(0, value));
    this.wanted = { columns: clamp(columns), rows: clamp(rows) };
    if (this.isWorking) return;
    this.isWorking = true;
    void this.work().finally(() => (this.isWorking = false));
  }

  private async work(): Promise<void> {
    const { ttyFile, pidFile, clock, hasEnded } = this.options;
    let retryMs = RETRY_MS;
    while (this.wanted && !hasEnded()) {
      const outer = findTerminal(readText(ttyFile));
      const inner = pidFile === undefined ? outer : findTerminalOf(Number(readText(pidFile)));
      if (outer === undefined || inner === undefined) {
        await sleep(clock, retryMs);
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
        continue;
      }
      const size = this.wanted;
      this.wanted = undefined;
      // Outside first: what the runtime hands on later is the same size then.
      await runStty(outer, size);
      if (inner !== outer) await runStty(inner, size);
    }
  }
}

const findTerminal = (text: string): string | undefined =>
  text.startsWith('/dev/') ? text : undefined;

/** A path to the terminal of a process in another mount namespace. */
function findTerminalOf(pid: number): string | undefined {
  if (!(pid > 0)) return undefined;
  return [0, 1, 2]
    .map((descriptor) => `/proc/${pid}/fd/${descriptor}`)
    .find((path) => {
      try {
        return readlinkSync(path).startsWith('/dev/pts/');
      } catch {
        return false;
      }
    });
}

/** Resolves in any case: without it, the command goes on in the size it has. */
function runStty(path: string, size: { columns: number; rows: number }): Promise<void> {
  const { columns, rows } = size;
  return new Promise((resolve) => {
    const child = spawn('stty', ['-F', path, 'cols', String(columns), 'rows', String(rows)], {
      stdio: 'ignore',
      timeout: STTY_MS_MAX,
      killSignal: 'SIGKILL',
    });
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
