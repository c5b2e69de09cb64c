/**
 * One child process and its restarts. Starting => Ready => (Backoff => Starting)*; a child that says
 * `failed` before it was ever ready ends the whole start, since trying again would not help. So does
 * one that dies a few times without a word: whoever waits for `knit up` must get an answer.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { backoffMs } from '../../std/backoff.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { CHILD_OPTIONS_VARIABLE } from '../processes/messages.ts';
import type { ChildInfo, ChildOptions, FromChild, ToChild } from '../processes/messages.ts';
import type { RotatingLog } from './rotating-log.ts';

export interface ChildSpec {
  readonly name: 'control' | 'gateway' | 'broker';
  /** Absolute path of the module to run. */
  readonly entry: string;
  readonly execArgv: readonly string[];
}

export interface ChildDeps {
  readonly options: ChildOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: RotatingLog;
  onMessage(message: FromChild): void;
}

const RESTART = { initialMs: 100, maxMs: 5_000 };
/** Deaths before the first `ready` that a start survives, e.g. one of the kernel's out-of-memory killer. */
const START_ATTEMPTS_MAX = 3;
/** A child that ran this long was well: its next failure is a first one. */
const STABLE_AFTER_MS = 30_000;
/** After `shutdown`, before SIGKILL. Longer than the child's own limit. */
const KILL_AFTER_MS = 25_000;

export class Child {
  readonly name: ChildSpec['name'];
  private readonly spec: ChildSpec;
  private readonly deps: ChildDeps;
  private process: ChildProcess | undefined;
  private startedMs = 0;
  private failures = 0;
  private isStopping = false;
  private wasReady = false;
  private cancelRestart: CancelTimer | undefined;
  private resolveReady: (info: ChildInfo) => void = () => undefined;
  private rejectReady: (error: Error) => void = () => undefined;
  /** Settles with the first `ready` or `failed`. */
  readonly ready: Promise<ChildInfo>;

  constructor(spec: ChildSpec, deps: ChildDeps) {
    this.name = spec.name;
    this.spec = spec;
    this.deps = deps;
    this.ready = new Promise((resolve, reject) => {
      this.resolveReady = resolve;
      this.rejectReady = reject;
    });
    this.ready.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.process?.exitCode === null ? this.process.pid : undefined;
  }

  start(): void {
    const { options, clock, log, logger } = this.deps;
    this.startedMs = clock.now();
    const child = fork(this.spec.entry, [], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [...this.spec.execArgv],
      env: { ...process.env, [CHILD_OPTIONS_VARIABLE]: JSON.stringify(options) },
    });
    this.process = child;
    child.stdout?.on('data', (chunk: Uint8Array) => log.write(chunk));
    child.stderr?.on('data', (chunk: Uint8Array) => log.write(chunk));
    child.on('message', (message: FromChild) => this.take(message));
    child.on('error', (error) => {
      logger.error('child failed', { child: this.name, error: error.message });
      // What could not be started at all never exits.
      if (child.pid === undefined) this.onExit(null, null);
    });
    child.on('exit', (code, signal) => this.onExit(code, signal));
  }

  send(message: ToChild): void {
    if (this.process?.connected) this.process.send(message);
  }

  /** Asks the child to stop, and kills it when it does not. Resolves when it is gone. */
  async stop(request: { stopPods: boolean }): Promise<void> {
    this.isStopping = true;
    this.cancelRestart?.();
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.send({ type: 'shutdown', stopPods: request.stopPods });
    const cancelKill = this.deps.clock.after(KILL_AFTER_MS, () => child.kill('SIGKILL'));
    await gone;
    cancelKill();
  }

  private take(message: FromChild): void {
    if (message.type === 'ready') {
      this.wasReady = true;
      this.resolveReady(message.info);
    }
    if (message.type === 'failed') this.rejectReady(new Error(message.message));
    this.deps.onMessage(message);
  }

  private onExit(code: number | null, signal: NodeJS.Signals | null): void {
    const { clock, logger } = this.deps;
    if (this.isStopping) return;
    const ranMs = clock.now() - this.startedMs;
    this.failures = ranMs > STABLE_AFTER_MS ? 1 : this.failures + 1;
    if (!this.wasReady && this.failures >= START_ATTEMPTS_MAX) {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      this.rejectReady(
        new Error(`${this.name} ended ${how} before it was ready, ${this.failures} times`),
      );
      return;
    }
    const delayMs = this.failures === 1 ? 0 : backoffMs(this.failures - 1, RESTART);
    logger.warn('child exited; restarting', { child: this.name, code, signal, delayMs });
    this.cancelRestart = clock.after(delayMs, () => this.start());
  }
}
