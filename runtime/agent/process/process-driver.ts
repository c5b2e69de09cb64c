/**
 * Runs function bundles as plain child processes on loopback, where containers are impossible (no root,
 * macOS). Nothing isolates them from each other or from the user who runs them; it says so once. Each
 * pod is one process group with one port.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { attemptLog, type PodPaths } from '../agent-paths.ts';
import {
  type ContainerExit,
  type ContainerRecord,
  type Driver,
  type RunningContainer,
  type Sandbox,
  StartError,
  type StartRequest,
} from '../driver.ts';
import { startExec } from '../exec/exec-session.ts';
import { runInContainer } from '../exec/run-in-container.ts';
import { ExitWatch } from '../exit-watch.ts';
import { makeArgs } from '../oci/oci-spec.ts';
import { isAlive, readStartTicks, sendSignal } from '../process-identity.ts';
import { resolveBundle } from './bundle-store.ts';
import { makeProcessEnv, mapCommand, mapPath, type ProcessRoots } from './process-command.ts';

export interface ProcessDriverOptions {
  readonly bundlesRoot: string;
  readonly functionsRoot: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ProcessDriver implements Driver {
  readonly name = 'process';
  private readonly options: ProcessDriverOptions;
  private readonly exits: ExitWatch;

  constructor(options: ProcessDriverOptions) {
    this.options = options;
    this.exits = new ExitWatch(options.clock);
    options.logger.warn(
      'functions run as plain processes of this user: nothing isolates them from this machine or from each other, and memory and CPU limits do not apply',
    );
  }

  /** A port that is free now; a function that finds it taken crashes and gets the back-off's second try. */
  acquireSandbox(): Promise<Sandbox> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once('error', (error) =>
        reject(new StartError('CreatePodSandboxError', 'found no free port', { cause: error })),
      );
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        const hostPort = typeof address === 'object' && address ? address.port : 0;
        server.close(() => resolve({ podIP: '127.0.0.1', hostPort }));
      });
    });
  }

  adoptSandbox(sandbox: Sandbox): boolean {
    return sandbox.hostPort !== undefined;
  }

  releaseSandbox(): void {}

  start(request: StartRequest): RunningContainer {
    const { container, attempt, podPaths, sandbox } = request;
    const bundle = resolveBundle(this.options.bundlesRoot, container.image);
    const roots: ProcessRoots = {
      bundle: bundle.root,
      functions: this.options.functionsRoot,
      node: process.execPath,
    };
    const command = mapCommand(makeArgs(container, bundle.config), roots);
    const workingDirectory = container.workingDir || bundle.config.WorkingDir || '/var/task';
    const cwd = mapPath(workingDirectory, roots);
    const env = makeProcessEnv({
      image: bundle.config,
      // There is no /dev of its own to put the file into: the function servers know this name for it.
      env: { ...request.env, KNIT_TERMINATION_LOG: request.terminationFile },
      roots,
      machinePath: process.env['PATH'] ?? '',
      hostPort: sandbox.hostPort ?? 0,
      podName: request.pod.name,
    });
    const logPath = attemptLog(podPaths, container.name, attempt);
    mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
    const log = openSync(logPath, 'a', 0o600);
    const child = spawn(command[0] ?? '', command.slice(1), {
      detached: true,
      stdio: ['ignore', log, log],
      env,
      cwd: existsSync(cwd) ? cwd : bundle.root,
    });
    closeSync(log);
    child.unref();
    let spawnError = '';
    const ended = new Promise<number | undefined>((resolve) => {
      child.on('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
      child.on('error', (error) => {
        spawnError = error.message;
        resolve(128);
      });
    });
    const pid = child.pid ?? 0;
    const record: ContainerRecord = {
      id: `${request.pod.uid}.${container.name}.${attempt}`,
      name: container.name,
      attempt,
      imageID: bundle.imageID,
      pid,
      startTicks: pid === 0 ? '' : readStartTicks(pid),
      startedAtMs: this.options.clock.now(),
    };
    const exited = ended.then((code): ContainerExit => {
      if (pid !== 0) sendSignal(-pid, 'SIGKILL');
      if (spawnError !== '') return { exitCode: 128, reason: 'StartError', message: spawnError };
      return { exitCode: code ?? 137, reason: code === 0 ? 'Completed' : 'Error' };
    });
    return makeRunning({
      record,
      exited,
      podPaths,
      clock: this.options.clock,
      mapExec: (args) => ({
        command: mapCommand(args, roots),
        env,
        cwd: existsSync(cwd) ? cwd : bundle.root,
      }),
    });
  }

  adopt(record: ContainerRecord, podPaths: PodPaths): RunningContainer | undefined {
    if (record.pid === 0 || !isAlive(record.pid, record.startTicks)) return undefined;
    const exited = new Promise<ContainerExit>((resolve) => {
      const { pid, startTicks } = record;
      const onGone = (): void => {
        sendSignal(-pid, 'SIGKILL');
        resolve({ exitCode: 137, reason: 'ContainerStatusUnknown' });
      };
      this.exits.add({ pid, startTicks, onGone });
    });
    const { clock } = this.options;
    return makeRunning({ record, exited, podPaths, clock, mapExec: (command) => ({ command }) });
  }

  close(): Promise<void> {
    this.exits.close();
    return Promise.resolve();
  }
}

function makeRunning(options: {
  readonly record: ContainerRecord;
  readonly exited: Promise<ContainerExit>;
  readonly podPaths: PodPaths;
  readonly clock: Clock;
  readonly mapExec: (command: readonly string[]) => {
    command: readonly string[];
    env?: Record<string, string>;
    cwd?: string;
  };
}): RunningContainer {
  const { record, exited, podPaths, clock, mapExec } = options;
  const signal = (name: NodeJS.Signals): void => {
    if (record.pid !== 0) sendSignal(-record.pid, name);
  };
  const ttyFile = (): string => join(podPaths.root, `exec-${randomUUID()}.tty`);
  return {
    record,
    exited,
    terminate: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
    exec: async (command, timeoutMs) => {
      const mapped = mapExec(command);
      const env = mapped.env ?? (process.env as Record<string, string>);
      return runInContainer(
        { ...mapped, env, ttyFile: ttyFile(), clock },
        { timeoutMs, clock, shown: command },
      );
    },
    // Its process is nobody's child after a restart of this one: its input is none from the start.
    openInput: () => undefined,
    resize: () => undefined,
    openExec: ({ command, stdin, tty }) => {
      const options = { ...mapExec(command), stdin, tty, ttyFile: ttyFile(), echo: true, clock };
      return Promise.resolve(startExec(options));
    },
  };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const signalNumber = (signal: NodeJS.Signals | null): number => SIGNAL_NUMBERS[signal ?? ''] ?? 0;
