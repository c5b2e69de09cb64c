/**
 * A container that runs: signals for its first process, commands inside it, and how it ended. Works
 * alike for one that was just started and one that was adopted.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Clock, sleep } from '../../std/clock.ts';
import type { ContainerExit, ContainerRecord, RunningContainer } from '../driver.ts';
import { startExec } from '../exec/exec-session.ts';
import { TerminalSize } from '../exec/terminal-size.ts';
import { runInContainer } from '../exec/run-in-container.ts';
import type { ExitWatch } from '../exit-watch.ts';
import { readStartTicks, sendSignal } from '../process-identity.ts';
import { readCgroupPids, wasOutOfMemory } from './cgroups.ts';
import { openInput, releaseInput } from './container-input.ts';
import { removeGroup } from './launcher.ts';

/** Of an exec that comes before the container is created. */
const CREATED_POLL_MS = 5;
const CREATED_MS_MAX = 10_000;
/** What a runtime takes to notice the end of its container, many times over. */
const REAP_MS_MAX = 2_000;
const SIGKILL_EXIT_CODE = 137;

export interface ContainerLife {
  readonly record: ContainerRecord;
  readonly bundle: string;
  /** Exit code of the runtime, which is the container's; undefined when nobody saw it. */
  readonly ended: Promise<number | undefined>;
  /** Its control group in each hierarchy. */
  readonly directories: readonly string[];
  readonly runtime: 'crun' | 'runc';
  readonly runtimeState: string;
  readonly clock: Clock;
  readonly exits: ExitWatch;
}

export function makeRunningContainer(life: ContainerLife): RunningContainer {
  const { record, bundle, ended, directories, runtimeState, clock } = life;
  const initPid = (): number | undefined => readPid(join(bundle, 'pid'));
  const kill = (): void => {
    const init = initPid();
    // The kernel ends the whole pid namespace with its first process.
    if (init !== undefined) sendSignal(init, 'SIGKILL');
    else sendSignal(-record.pid, 'SIGKILL');
    for (const directory of directories.slice(0, 1))
      for (const pid of readCgroupPids(directory))
        if (pid !== record.pid) sendSignal(pid, 'SIGKILL');
  };
  const exited = ended.then(async (code): Promise<ContainerExit> => {
    const exit = describeExit(code, life);
    // Where the runtime itself was killed, the container may still run.
    for (const directory of directories.slice(0, 1))
      for (const pid of readCgroupPids(directory)) sendSignal(pid, 'SIGKILL');
    rmSync(join(runtimeState, record.id), { recursive: true, force: true });
    await removeGroup(directories, clock);
    return exit;
  });
  const watchEnd = makeEndWatch(life);
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
    releaseInput(bundle);
  });
  const size = new TerminalSize({
    ttyFile: join(bundle, 'tty'),
    pidFile: join(bundle, 'pid'),
    clock,
    hasEnded: () => hasEnded,
  });
  return {
    record,
    exited,
    terminate: () => {
      const init = initPid();
      // Not started far enough to have anything to finish.
      if (init === undefined) kill();
      else sendSignal(init, 'SIGTERM');
    },
    kill,
    exec: async (command, timeoutMs) => {
      watchEnd(await whenCreated(initPid, clock, timeoutMs));
      const files = writeExecFiles(bundle, command, false);
      const options = {
        command: makeExecCommand(life, files),
        pidFile: files.pid,
        ttyFile: files.tty,
        files: [files.process],
        clock,
      };
      return runInContainer(options, { timeoutMs, clock, shown: command });
    },
    openInput: () => openInput(bundle),
    resize: (columns, rows) => {
      if (readProcess(bundle).terminal) size.set(columns, rows);
    },
    openExec: async ({ command, stdin, tty }) => {
      watchEnd(await whenCreated(initPid, clock, CREATED_MS_MAX));
      const files = writeExecFiles(bundle, command, tty);
      return startExec({
        command: makeExecCommand(life, files),
        stdin,
        tty,
        pidFile: files.pid,
        ttyFile: files.tty,
        // The runtime makes the terminal that the command sees, which echoes.
        echo: false,
        files: [files.process],
        clock,
      });
    },
  };
}

/** The runtime knows the container from the moment it writes the pid file. */
async function whenCreated(
  initPid: () => number | undefined,
  clock: Clock,
  timeoutMs: number,
): Promise<number> {
  for (let waitedMs = 0; ; waitedMs += CREATED_POLL_MS) {
    const pid = initPid();
    if (pid !== undefined) return pid;
    if (waitedMs >= timeoutMs) throw new Error('the container has not been created yet');
    await sleep(clock, CREATED_POLL_MS);
  }
}

/**
 * crun leaves a command that could not be executed to the init process to reap. Where that is one that
 * does not, such as Node.js as the first process of a container, the kernel keeps the pid namespace,
 * and the runtime would wait for ever. Call the result for each command; it watches once.
 */
function makeEndWatch({ record, ended, exits, clock }: ContainerLife): (init: number) => void {
  let isWatched = false;
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const endRuntime = (): void => {
    if (!hasEnded) sendSignal(record.pid, 'SIGKILL');
  };
  return (init) => {
    if (isWatched) return;
    isWatched = true;
    const onGone = (): void => void clock.after(REAP_MS_MAX, endRuntime);
    exits.add({ pid: init, startTicks: readStartTicks(init), onGone });
  };
}

interface ExecFiles {
  readonly process: string;
  readonly pid: string;
  readonly tty: string;
}

/**
 * The container's own process with other arguments: left to its flags, crun would run a command as
 * root and in `/`.
 */
function writeExecFiles(bundle: string, command: readonly string[], tty: boolean): ExecFiles {
  const base = join(bundle, `exec-${randomUUID()}`);
  const files = { process: `${base}.json`, pid: `${base}.pid`, tty: `${base}.tty` };
  const process = { ...readProcess(bundle), args: command, terminal: tty };
  writeFileSync(files.process, JSON.stringify(process), { mode: 0o600 });
  return files;
}

/** The container's own, as it was started. */
function readProcess(bundle: string): { readonly terminal: boolean } {
  const text = readFileSync(join(bundle, 'config.json'), 'utf8');
  return (JSON.parse(text) as { process: { terminal: boolean } }).process;
}

/** In the mount namespace of the launch, where the container's root file system is. */
function makeExecCommand(life: ContainerLife, files: ExecFiles): string[] {
  const { record, runtime, runtimeState } = life;
  return [
    ...['nsenter', `--mount=/proc/${record.pid}/ns/mnt`, '--', runtime],
    ...(runtime === 'crun' ? ['--cgroup-manager=disabled'] : []),
    ...['--root', runtimeState, 'exec', '--process', files.process, '--pid-file', files.pid],
    record.id,
  ];
}

function describeExit(
  code: number | undefined,
  { bundle, directories }: ContainerLife,
): ContainerExit {
  if (!existsSync(join(bundle, 'pid'))) {
    const message = readErrors(bundle);
    return { exitCode: 128, reason: 'StartError', ...(message === '' ? {} : { message }) };
  }
  if (wasOutOfMemory(directories)) return { exitCode: SIGKILL_EXIT_CODE, reason: 'OOMKilled' };
  if (code === undefined)
    return {
      exitCode: SIGKILL_EXIT_CODE,
      reason: 'ContainerStatusUnknown',
      message: 'the container ended while the agent was not watching, or its runtime was killed',
    };
  return { exitCode: code, reason: code === 0 ? 'Completed' : 'Error' };
}

function readErrors(bundle: string): string {
  const texts = ['launch-error', 'runtime-error'].map((file) => {
    try {
      return readFileSync(join(bundle, file), 'utf8').trim();
    } catch {
      return '';
    }
  });
  return texts.filter(Boolean).join('\n').slice(0, 1_000);
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
