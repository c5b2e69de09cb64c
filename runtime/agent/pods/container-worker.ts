/**
 * The life of one container of a pod: starts it, watches its probes, starts it again when it ends as
 * its restart policy says, and stops it. Knows nothing of the API: its owner turns `progress` into status.
 */
import type {
  Container,
  ContainerState,
  ContainerStatus,
  LifecycleHandler,
} from '../../apis/core/types.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import {
  type ContainerExit,
  type ContainerRecord,
  type Driver,
  type RunningContainer,
  StartError,
  type StartRequest,
} from '../driver.ts';
import { HOOK_MS_MAX, runLifecycleHook } from '../probes/lifecycle-hook.ts';
import type { ProbeTarget } from '../probes/probe-attempt.ts';
import { Prober } from '../probes/prober.ts';
import type { ContainerProgress } from './pod-status.ts';
import { decideRestart, freshHistory, startRetryMs } from './restart-decision.ts';

export interface ContainerWorkerOptions {
  readonly container: Container;
  /** Names it in messages: `<pod>_<namespace>(<uid>)`. */
  readonly podLabel: string;
  readonly restartPolicy: string | undefined;
  readonly graceMs: number;
  readonly driver: Driver;
  readonly clock: Clock;
  /** What to start, resolved anew for each attempt. @throws {StartError} */
  readonly prepare: (attempt: number) => StartRequest;
  readonly reachablePort: (port: number) => number;
  /** What an attempt that has ended says of why. */
  readonly readMessage: (attempt: number, exit: ContainerExit) => string | undefined;
  /** A process was spawned, and can be found again by its record. */
  readonly onSpawned: (attempt: number) => void;
  /** `progress` has changed. */
  readonly onChange: () => void;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

const AFTER_HOOK_MS_MIN = 2_000;
const REASONS_OF_IMAGES = new Set(['ErrImagePull', 'InvalidImageName']);

export class ContainerWorker {
  private readonly options: ContainerWorkerOptions;
  private state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  private lastState: ContainerState | undefined;
  private running: RunningContainer | undefined;
  private prober: Prober | undefined;
  private target: ProbeTarget | undefined;
  private history = freshHistory;
  private startFailures = 0;
  private attempt = 0;
  private lastStarted: number | undefined;
  private restarts = 0;
  private isStarted = false;
  private isReady = false;
  private isFinished = false;
  private isStopping = false;
  private imageID = '';
  private containerID = '';
  private cancelTimer: CancelTimer | undefined;
  private cancelKill: CancelTimer | undefined;

  constructor(options: ContainerWorkerOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.container.name;
  }

  get record(): ContainerRecord | undefined {
    return this.running?.record;
  }

  /** What runs now; undefined before the start, between restarts and after the end. */
  get current(): RunningContainer | undefined {
    return this.running;
  }

  get restartCount(): number {
    return this.restarts;
  }

  /** The attempt that last started; undefined before the first one has. */
  get startedAttempt(): number | undefined {
    return this.lastStarted;
  }

  /** The attempt that last ended and was or will be followed by another; undefined without one. */
  get previousAttempt(): number | undefined {
    if (this.lastStarted === undefined || !this.lastState) return undefined;
    // While the next attempt waits, the last that started is the one that ended.
    return this.attempt > this.lastStarted ? this.lastStarted : this.lastStarted - 1;
  }

  progress(): ContainerProgress {
    const { container } = this.options;
    return {
      name: container.name,
      image: container.image,
      imageID: this.imageID,
      containerID: this.containerID,
      state: this.state,
      lastState: this.lastState,
      isStarted: this.isStarted,
      isReady: this.isReady,
      restartCount: this.restarts,
      isFinished: this.isFinished,
    };
  }

  /** Starts the container now; what cannot be started is tried again later. */
  start(): void {
    if (this.isStopping || this.running) return;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    let running: RunningContainer;
    try {
      running = this.options.driver.start(this.options.prepare(this.attempt));
    } catch (error) {
      this.failToStart(error);
      return;
    }
    this.startFailures = 0;
    this.watch(running, true);
    this.options.onSpawned(this.attempt);
    this.options.onEvent('Normal', 'Started', `Started container ${this.options.container.name}`);
    this.options.onChange();
  }

  /** Goes on with a container that an earlier process of ours started, or with its end. */
  adopt(
    record: ContainerRecord,
    running: RunningContainer | undefined,
    known: { readonly restartCount: number; readonly lastState: ContainerState | undefined },
  ): void {
    this.attempt = record.attempt;
    this.lastStarted = record.attempt;
    this.restarts = known.restartCount;
    this.lastState = known.lastState;
    this.imageID = record.imageID;
    if (running) {
      this.watch(running, false);
      this.options.onChange();
      return;
    }
    const message = 'the container ended while no agent was running';
    this.startedAtMs = record.startedAtMs;
    this.end({ exitCode: 137, reason: 'ContainerStatusUnknown', message });
  }

  /** Takes the end that a container of before had come to; nothing of it is started again. */
  rest(status: ContainerStatus): void {
    this.attempt = status.restartCount;
    this.lastStarted = status.restartCount;
    this.restarts = status.restartCount;
    this.imageID = status.imageID;
    this.containerID = status.containerID ?? '';
    this.state = status.state ?? {};
    this.lastState = status.lastState;
    this.isFinished = true;
  }

  /** Tries again at once what waits for an object that may be there now. */
  retry(): void {
    if (this.startFailures > 0 && this.cancelTimer) this.start();
  }

  /** Ends the container: asked first, forced after the grace period. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    this.cancelTimer?.();
    this.prober?.close();
    if (!this.running) return;
    const { container, onEvent } = this.options;
    onEvent('Normal', 'Killing', `Stopping container ${container.name}`);
    const { running } = this;
    await this.askToEnd(running, graceMs);
    await running.exited;
  }

  /** Lets go of it: the container runs on, and a later process adopts it. */
  detach(): void {
    this.isStopping = true;
    this.cancelTimer?.();
    this.cancelKill?.();
    this.prober?.close();
  }

  private startedAtMs = 0;

  private watch(running: RunningContainer, isNew: boolean): void {
    const { clock, container, reachablePort } = this.options;
    const { record } = running;
    this.running = running;
    this.lastStarted = record.attempt;
    this.startedAtMs = record.startedAtMs;
    this.imageID = record.imageID;
    this.containerID = `knit://${record.id}`;
    const target: ProbeTarget = {
      podIP: this.podIP,
      container,
      reachablePort,
      exec: (command, timeoutMs) => running.exec(command, timeoutMs),
    };
    this.target = target;
    const prober = new Prober({
      clock,
      target,
      onStarted: () => this.change(() => (this.isStarted = true)),
      onReady: (isReady) => this.change(() => (this.isReady = isReady)),
      onFailure: (kind, message) =>
        this.options.onEvent('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      onUnhealthy: (kind) => {
        const why = `Container ${container.name} failed ${kind} probe, will be restarted`;
        this.options.onEvent('Normal', 'Killing', why);
        void this.askToEnd(running, this.graceMsOf(kind));
      },
    });
    this.prober = prober;
    void running.exited.then((exit) => {
      if (this.running === running) this.end(exit);
    });
    const postStart = isNew ? container.lifecycle?.postStart : undefined;
    const begin = (): void => {
      this.state = { running: { startedAt: isoSeconds(record.startedAtMs) } };
      prober.start();
    };
    if (postStart) void this.runPostStart(postStart, running, begin);
    else begin();
  }

  /** Until it has succeeded the container does not count as running; a failure ends it. */
  private async runPostStart(
    handler: LifecycleHandler,
    running: RunningContainer,
    begin: () => void,
  ): Promise<void> {
    const { clock, container, onEvent, onChange, graceMs } = this.options;
    const target = this.target;
    if (!target) return;
    const options = { timeoutMs: HOOK_MS_MAX, clock };
    const { isSuccess, message } = await runLifecycleHook(handler, target, options);
    if (this.running !== running || this.isStopping) return;
    if (isSuccess) {
      begin();
      onChange();
      return;
    }
    onEvent('Warning', 'FailedPostStartHook', `PostStartHook failed: ${message}`);
    onEvent('Normal', 'Killing', `FailedPostStartHook: container ${container.name} will be ended`);
    await this.askToEnd(running, graceMs);
  }

  private graceMsOf(kind: 'startup' | 'liveness' | 'readiness'): number {
    const { container, graceMs } = this.options;
    const probe = kind === 'startup' ? container.startupProbe : container.livenessProbe;
    const seconds = probe?.terminationGracePeriodSeconds;
    return seconds === undefined ? graceMs : seconds * 1000;
  }

  /** Where probes go; set by the owner before the first start. */
  podIP = '127.0.0.1';

  private change(apply: () => void): void {
    const before = [this.isStarted, this.isReady];
    apply();
    if (before[0] !== this.isStarted || before[1] !== this.isReady) this.options.onChange();
  }

  /** The hook first, within the same grace period; resolves when the container has been asked. */
  private async askToEnd(running: RunningContainer, graceMs: number): Promise<void> {
    const { clock, container, onEvent } = this.options;
    const preStop = container.lifecycle?.preStop;
    const askedAtMs = clock.now();
    if (preStop && this.target && graceMs > 0 && this.state.running) {
      const options = { timeoutMs: graceMs, clock };
      const hook = runLifecycleHook(preStop, this.target, options);
      const outcome = await Promise.race([hook, running.exited.then(() => undefined)]);
      if (this.running !== running) return;
      if (outcome?.isSuccess === false)
        onEvent('Warning', 'FailedPreStopHook', `PreStopHook failed: ${outcome.message}`);
    }
    running.terminate();
    this.cancelKill?.();
    const leftMs = graceMs - (clock.now() - askedAtMs);
    // As kubelet: who has used up the period with its hook gets a little to end.
    const killMs = preStop ? Math.max(AFTER_HOOK_MS_MIN, leftMs) : graceMs;
    this.cancelKill = clock.after(killMs, () => running.kill());
  }

  private failToStart(error: unknown): void {
    const { container, clock, onEvent, onChange } = this.options;
    const reason = error instanceof StartError ? error.reason : 'CreateContainerError';
    const message = error instanceof Error ? error.message : String(error);
    const delayMs = startRetryMs(this.startFailures);
    this.startFailures++;
    const isImage = REASONS_OF_IMAGES.has(reason);
    this.state = {
      waiting:
        isImage && this.startFailures > 1
          ? { reason: 'ImagePullBackOff', message }
          : { reason, message },
    };
    onEvent('Warning', 'Failed', `Container ${container.name}: ${message}`);
    onChange();
    this.cancelTimer = clock.after(delayMs, () => this.start());
  }

  private end(exit: ContainerExit): void {
    const { container, clock, podLabel, restartPolicy } = this.options;
    this.cancelKill?.();
    this.prober?.close();
    this.prober = undefined;
    this.running = undefined;
    this.isStarted = false;
    this.isReady = false;
    const nowMs = clock.now();
    const message = this.options.readMessage(this.attempt, exit);
    const terminated: ContainerState = {
      terminated: {
        exitCode: exit.exitCode,
        reason: exit.reason,
        ...(message === undefined ? {} : { message }),
        startedAt: isoSeconds(this.startedAtMs),
        finishedAt: isoSeconds(nowMs),
      },
    };
    this.state = terminated;
    if (this.isStopping) {
      this.options.onChange();
      return;
    }
    const decision = decideRestart({
      restartPolicy,
      exitCode: exit.exitCode,
      ranForMs: nowMs - this.startedAtMs,
      history: this.history,
    });
    this.history = decision.history;
    if (!decision.shouldRestart) {
      this.isFinished = true;
      this.options.onChange();
      return;
    }
    this.lastState = terminated;
    this.attempt++;
    this.restarts++;
    if (decision.delayMs === 0) {
      this.start();
      return;
    }
    const wait = `back-off ${Math.round(decision.delayMs / 1000)}s restarting failed container=${container.name} pod=${podLabel}`;
    const why = exit.reason === 'StartError' && exit.message ? `${wait}: ${exit.message}` : wait;
    this.state = { waiting: { reason: 'CrashLoopBackOff', message: why } };
    this.options.onEvent('Warning', 'BackOff', why);
    this.options.onChange();
    this.cancelTimer = clock.after(decision.delayMs, () => this.start());
  }
}

const isoSeconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
