/**
 * A command with open streams, in a container or beside it. A terminal comes from `script` of
 * util-linux: Node.js can neither open one nor be handed one over crun's console socket, and `script`
 * is on every Linux machine that runs containers. Its size is set with `stty` from outside.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

import { sendSignal } from '../process-identity.ts';

export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<number>;
  resize(columns: number, rows: number): void;
  kill(): void;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where the pid of the process that has to be killed too is written, if it is not a descendant. */
  readonly pidFile?: string;
  /** A file of this session alone, which names the terminal. Required with `tty`. */
  readonly ttyFile: string;
  /** Removed when it has ended. */
  readonly files?: readonly string[];
  /** Whether the terminal shows what is typed; false where the command brings a terminal of its own. */
  readonly echo: boolean;
}

/** As a terminal window: what upstream's kubelet clamps sizes to is the field's 16 bits, too. */
const SIZE_MAX = 0xffff;
const SIGNAL_EXIT_BASE = 128;

/** Returns when the process is spawned. Its failure to start rejects `exited`. */
export function startExec(options: ExecOptions): ExecSession {
  const { tty, ttyFile, pidFile } = options;
  const [file = '', ...args] = tty ? withTerminal(options) : options.command;
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that nothing of it is left when it is killed.
    detached: true,
    ...(options.env ? { env: { ...options.env } } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // A command may end without reading all of its input.
  child.stdin.on('error', () => child.stdin.destroy());
  if (!options.stdin && !tty) child.stdin.end();
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`failed to run ${file}`, { cause: error })));
    child.once('exit', (code, signal) => resolve(code ?? SIGNAL_EXIT_BASE + numberOf(signal)));
  }).finally(() => {
    for (const path of [
      ttyFile,
      ...(pidFile === undefined ? [] : [pidFile]),
      ...(options.files ?? []),
    ])
      rmSync(path, { force: true });
  });
  // Whoever opened the session hears of it; until then it is nobody's unhandled rejection.
  exited.catch(() => undefined);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    resize: (columns, rows) => {
      if (tty) resizeTerminal(ttyFile, columns, rows);
    },
    kill: () => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const inner = pidFile === undefined ? 0 : Number(readText(pidFile));
      if (inner > 0) sendSignal(inner, 'SIGKILL');
      sendSignal(-child.pid, 'SIGKILL');
    },
  };
}

function withTerminal({ command, ttyFile, echo }: ExecOptions): string[] {
  const inner = `tty > ${quote(ttyFile)}; exec ${command.map(quote).join(' ')}`;
  return [
    ...['script', '--quiet', '--flush', '--return', '--echo', echo ? 'always' : 'never'],
    ...['--command', inner, '/dev/null'],
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Clients send the first size at once, maybe before the terminal is there. */
const RESIZE_TRIES = 40;
const RESIZE_RETRY_MS = 25;

function resizeTerminal(
  ttyFile: string,
  columns: number,
  rows: number,
  tries = RESIZE_TRIES,
): void {
  const path = readText(ttyFile).trim();
  if (!path.startsWith('/dev/')) {
    if (tries > 0)
      setTimeout(() => resizeTerminal(ttyFile, columns, rows, tries - 1), RESIZE_RETRY_MS).unref();
    return;
  }
  const size = (value: number): string => String(Math.min(SIZE_MAX, Math.max(0, value)));
  const stty = spawn('stty', ['-F', path, 'cols', size(columns), 'rows', size(rows)], {
    stdio: 'ignore',
  });
  stty.on('error', () => undefined); // The command goes on in the size it has.
}

function readText(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};
const numberOf = (signal: NodeJS.Signals | null): number => SIGNAL_NUMBERS[signal ?? ''] ?? 0;
