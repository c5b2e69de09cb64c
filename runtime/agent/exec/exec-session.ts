/**
 * A command with open streams, in a container or beside it. A terminal comes from `script` of
 * util-linux: Node.js can neither open one nor be handed one over crun's console socket, and `script`
 * is on every Linux machine that runs containers.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

import { type Clock, sleep } from '../../std/clock.ts';
import { sendSignal } from '../process-identity.ts';
import { listDescendants } from './process-tree.ts';
import { TerminalSize } from './terminal-size.ts';

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
  /**
   * Where the container's runtime, which is what `command` starts, writes the pid of the process
   * inside. Left out: `command` itself is what was asked for.
   */
  readonly pidFile?: string;
  /** A file of this session alone, which names the terminal. Required with `tty`. */
  readonly ttyFile: string;
  /** Removed when it has ended. */
  readonly files?: readonly string[];
  /** Whether the terminal shows what is typed; false where the command brings a terminal of its own. */
  readonly echo: boolean;
  readonly clock: Clock;
}

const SIGNAL_EXIT_BASE = 128;
/** The runtime may be about to start what has to end. */
const KILL_RETRY_MS = 20;
/** Longer than a runtime takes to report an end; then it is ended itself. */
const KILL_ATTEMPTS_MAX = 250;

/** Returns when the process is spawned. Its failure to start rejects `exited`. */
export function startExec(options: ExecOptions): ExecSession {
  const { tty, ttyFile, pidFile, clock } = options;
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
  const hasEnded = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const size = new TerminalSize({ ttyFile, pidFile, clock, hasEnded });
  let isKilled = false;
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    resize: (columns, rows) => {
      if (tty) size.set(columns, rows);
    },
    kill: () => {
      if (isKilled || child.pid === undefined) return;
      isKilled = true;
      const isHelper = tty || pidFile !== undefined;
      void endTree(child.pid, { isHelper, isContained: pidFile !== undefined, hasEnded, clock });
    },
  };
}

/**
 * Ends the command, and leaves to the helpers around it to reap it and to end by themselves. If they
 * were ended first, its remains would be the init process's to reap. Not every one does that: as a
 * zombie it would then keep the container's pid namespace from ever going away.
 */
async function endTree(
  root: number,
  options: {
    /** `root` only surrounds the command. */
    readonly isHelper: boolean;
    /** All that was asked for runs in another pid namespace. */
    readonly isContained: boolean;
    readonly hasEnded: () => boolean;
    readonly clock: Clock;
  },
): Promise<void> {
  const { isHelper, isContained, hasEnded, clock } = options;
  for (let attempt = 0; attempt < KILL_ATTEMPTS_MAX && !hasEnded(); attempt++) {
    const inside = listDescendants(root).filter((one) => one.isContained || !isContained);
    if (!isHelper) sendSignal(-root, 'SIGKILL');
    for (const { pid } of inside) sendSignal(pid, 'SIGKILL');
    await sleep(clock, KILL_RETRY_MS);
  }
  if (hasEnded()) return;
  for (const { pid } of listDescendants(root)) sendSignal(pid, 'SIGKILL');
  sendSignal(-root, 'SIGKILL');
}

function withTerminal({ command, ttyFile, echo }: ExecOptions): string[] {
  const inner = `tty > ${quote(ttyFile)}; exec ${command.map(quote).join(' ')}`;
  return [
    ...['script', '--quiet', '--flush', '--return', '--echo', echo ? 'always' : 'never'],
    ...['--command', inner, '/dev/null'],
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};
const numberOf = (signal: NodeJS.Signals | null): number => SIGNAL_NUMBERS[signal ?? ''] ?? 0;
