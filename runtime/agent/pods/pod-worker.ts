/**
 * The life of one Pod on this node, as kubelet would lead it: a sandbox, its containers, its status,
 * and a graceful end after which the object is removed. Start to spawn is synchronous.
 */
import { statSync } from 'node:fs';
import type { Duplex } from 'node:stream';

import { PodRefusal } from '../../apis/core/pod-refusal.ts';
import { type Container, type ContainerStatus, type Pod, podKind } from '../../apis/core/types.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { CancelTimer } from '../../std/clock.ts';
import {
  type AgentPaths,
  attemptLog,
  attemptTermination,
  makePodPaths,
  type PodPaths,
} from '../agent-paths.ts';
import type { Driver, OpenExecRequest, Sandbox } from '../driver.ts';
import { startAttach } from '../exec/attach-session.ts';
import type { ExecSession } from '../exec/exec-session.ts';
import { connectToPod } from '../exec/pod-connection.ts';
import { pruneAttempts } from './attempt-files.ts';
import { ContainerWorker } from './container-worker.ts';
import type { KeptLogs } from './kept-logs.ts';
import { PodContainers } from './pod-containers.ts';
import { PodLaunch, type PodLaunchDeps } from './pod-launch.ts';
import { readLog } from './pod-log.ts';
import { type PodState, removePodDirectory, writePodState } from './pod-state-file.ts';
import { StatusWriter } from './status-writer.ts';
import { readTerminationMessage } from './termination-message.ts';

export interface PodWorkerDeps extends PodLaunchDeps {
  readonly recorder: EventRecorder;
  readonly driver: Driver;
  readonly paths: AgentPaths;
  readonly keptLogs: KeptLogs;
  readonly nodeName: string;
  /** Everything of the pod is gone from the machine. */
  readonly onGone: (uid: string) => void;
}

const GRACE_SECONDS_DEFAULT = 30;
const SANDBOX_RETRY_MS = 2_000;
/** Somebody types, and waits for the echo. */
const ATTACH_POLL_MS = 15;

export class PodWorker {
  private readonly deps: PodWorkerDeps;
  private readonly uid: string;
  private readonly podPaths: PodPaths;
  private readonly containers: PodContainers;
  private readonly launch: PodLaunch;
  private pod: Pod;
  private sandbox: Sandbox | undefined;
  private startTime: string;
  private readonly status: StatusWriter;
  private isDetached = false;
  private stopping: Promise<void> | undefined;
  private cancelTimer: CancelTimer | undefined;

  constructor(pod: Pod, deps: PodWorkerDeps) {
    this.pod = pod;
    this.deps = deps;
    this.uid = pod.metadata.uid ?? '';
    this.podPaths = makePodPaths(deps.paths, this.uid);
    this.startTime = pod.status?.startTime ?? isoSeconds(deps.clock.now());
    this.launch = new PodLaunch(pod, this.podPaths, deps);
    this.containers = new PodContainers({
      spec: pod.spec,
      makeWorker: (container, restartPolicy) => this.makeWorker(container, restartPolicy),
      graceMs: () => this.graceMs(),
      onChange: () => this.onContainerChange(),
    });
    this.status = new StatusWriter(deps, () => ({
      pod: this.pod,
      containers: this.containers.mains.map((worker) => worker.progress()),
      inits: this.containers.inits.map((worker) => ({
        ...worker.progress(),
        isSidecar: this.containers.isSidecar(worker),
      })),
      isOver: this.containers.isOver,
      sandbox: this.sandbox,
      startTime: this.startTime,
      isStopping: this.stopping !== undefined,
    }));
  }

  /** Starts a pod that is new to this machine. */
  start(): void {
    const fetched = this.launch.fetchTokens();
    if (!fetched) {
      this.startSandbox();
      return;
    }
    fetched.then(
      () => this.startSandbox(),
      (error: unknown) => this.retryStart('FailedMount', error),
    );
  }

  private startSandbox(): void {
    let sandbox: Sandbox | Promise<Sandbox>;
    try {
      sandbox = this.deps.driver.acquireSandbox();
    } catch (error) {
      this.retrySandbox(error);
      return;
    }
    if (!(sandbox instanceof Promise)) {
      this.run(sandbox);
      return;
    }
    sandbox.then(
      (made) => this.run(made),
      (error: unknown) => this.retrySandbox(error),
    );
  }

  /** Goes on with a pod that was started before this process. */
  adopt(state: PodState): void {
    const { driver } = this.deps;
    this.startTime = state.startTime;
    const { phase, containerStatuses = [], initContainerStatuses = [] } = this.pod.status ?? {};
    const statusOf = (worker: ContainerWorker): ContainerStatus | undefined =>
      [...initContainerStatuses, ...containerStatuses].find(({ name }) => name === worker.name);
    if (phase === 'Succeeded' || phase === 'Failed') {
      for (const worker of this.containers.all) {
        const status = statusOf(worker);
        this.containers.markBegun(worker);
        if (status) worker.rest(status);
      }
      return;
    }
    const survivors = state.containers.map(({ record, restartCount }) => ({
      record,
      restartCount,
      running: driver.adopt(record, this.podPaths),
    }));
    const isSandboxThere = state.sandbox !== undefined && driver.adoptSandbox(state.sandbox);
    if (!isSandboxThere) {
      // The machine was restarted: begin anew, with the pod's directory as it is.
      for (const { running } of survivors) running?.kill();
      this.start();
      return;
    }
    this.useSandbox(state.sandbox);
    // The ones in its files were another process's to renew.
    this.launch.fetchTokens()?.then(
      () => {
        this.launch.renewTokens();
        this.retry();
      },
      (error: unknown) =>
        this.deps.logger.warn('failed to renew the tokens of an adopted pod', {
          pod: this.pod.metadata.name,
          error: error instanceof Error ? error.message : String(error),
        }),
    );
    for (const worker of this.containers.all) {
      const survivor = survivors.find(({ record }) => record.name === worker.name);
      const status = statusOf(worker);
      if (survivor) {
        this.containers.markBegun(worker);
        worker.adopt(survivor.record, survivor.running, {
          restartCount: survivor.restartCount,
          lastState: status?.lastState,
        });
      } else if (status?.state?.terminated && this.containers.inits.includes(worker)) {
        // It did its work before this process, and its record went with it.
        this.containers.markBegun(worker);
        worker.rest(status);
      }
    }
    this.containers.advance();
    this.status.flush();
  }

  update(pod: Pod): void {
    this.pod = pod;
    if (pod.metadata.deletionTimestamp) this.stop();
  }

  /** An object that a start may have waited for has changed. */
  retry(): void {
    for (const worker of this.containers.all) worker.retry();
  }

  /** Ends the pod within its grace period or `graceMsMax`, then removes the object. Safe to call again. */
  stop(graceMsMax = Infinity): void {
    this.stopping ??= this.finish(Math.min(this.graceMs(), graceMsMax));
  }

  /** Leaves everything running for the next process. */
  detach(): void {
    this.isDetached = true;
    this.status.close();
    this.launch.close();
    this.cancelTimer?.();
    for (const worker of this.containers.all) worker.detach();
  }

  /** Resolves when a stop that was asked for is over. */
  async whenGone(): Promise<void> {
    await this.stopping;
  }

  /**
   * The attempt of a container that last started, or with `previous` the one that ended before it.
   * @throws {PodRefusal} when there is no such container, or no previous attempt.
   */
  findAttempt(container: string | undefined, previous = false): { name: string; attempt: number } {
    const worker = container ? this.containers.find(container) : this.containers.mains[0];
    const pod = this.pod.metadata.name;
    if (!worker)
      throw new PodRefusal(400, `container ${container ?? ''} is not valid for pod ${pod}`);
    const attempt = previous ? worker.previousAttempt : worker.startedAttempt;
    if (attempt === undefined && !previous) {
      const reason = this.waitingReason(worker);
      throw new PodRefusal(
        400,
        `container "${worker.name}" in pod "${pod}" is waiting to start: ${reason}`,
      );
    }
    if (attempt === undefined)
      throw new PodRefusal(
        400,
        `previous terminated container "${worker.name}" in pod "${pod}" not found`,
      );
    return { name: worker.name, attempt };
  }

  /** In upstream's words. */
  private waitingReason(worker: ContainerWorker): string {
    const reason = worker.progress().state.waiting?.reason ?? 'ContainerCreating';
    if (reason === 'ErrImagePull' || reason === 'ImagePullBackOff')
      return 'trying and failing to pull image';
    const hasInits = this.containers.inits.length > 0;
    return reason === 'ContainerCreating' && hasInits ? 'PodInitializing' : reason;
  }

  /** @throws {PodRefusal} when the container does not run at present. */
  async exec(container: string, request: OpenExecRequest): Promise<ExecSession> {
    const running = this.containers.find(container)?.current;
    if (!running) throw new PodRefusal(400, `container not found ("${container}")`);
    return running.openExec(request);
  }

  /** The container's own streams, from now on. @throws {PodRefusal} when it does not run at present. */
  async attach(container: string, wantsInput: boolean): Promise<ExecSession> {
    const worker = this.containers.find(container);
    const running = worker?.current;
    if (!worker || !running) throw new PodRefusal(400, `container not found ("${container}")`);
    const path = attemptLog(this.podPaths, container, running.record.attempt);
    const output = readLog(() => path, {
      follow: true,
      // From this moment, not from when somebody begins to read.
      offset: statSync(path, { throwIfNoEntry: false })?.size ?? 0,
      clock: this.deps.clock,
      pollMs: ATTACH_POLL_MS,
      isOpen: () => worker.current === running,
    });
    return startAttach(running, output, wantsInput);
  }

  /** A connection to a port of the pod. @throws {PodRefusal} when the pod has no network yet. */
  connect(port: number): Promise<Duplex> {
    if (!this.sandbox)
      throw new PodRefusal(400, `pod ${this.pod.metadata.name} is not running: it has no network`);
    return connectToPod(this.sandbox, this.reachablePort(port));
  }

  logPaths(): string[] {
    return this.containers.all.map((one) =>
      attemptLog(this.podPaths, one.name, one.startedAttempt ?? 0),
    );
  }

  private run(sandbox: Sandbox): void {
    if (this.stopping || this.isDetached) {
      this.deps.driver.releaseSandbox(sandbox);
      return;
    }
    this.useSandbox(sandbox);
    try {
      this.launch.writeSystemFiles(sandbox);
    } catch (error) {
      this.deps.driver.releaseSandbox(sandbox);
      this.sandbox = undefined;
      this.retrySandbox(error);
      return;
    }
    this.containers.advance();
    this.status.flush();
  }

  private useSandbox(sandbox: Sandbox | undefined): void {
    this.sandbox = sandbox;
    for (const worker of this.containers.all) worker.podIP = sandbox?.podIP ?? '127.0.0.1';
  }

  private retrySandbox(error: unknown): void {
    this.retryStart('FailedCreatePodSandBox', error);
  }

  private retryStart(reason: string, error: unknown): void {
    if (this.stopping || this.isDetached) return;
    const message = error instanceof Error ? error.message : String(error);
    this.deps.recorder.record({
      object: this.pod,
      type: 'Warning',
      reason,
      message,
    });
    this.status.flush();
    this.cancelTimer = this.deps.clock.after(SANDBOX_RETRY_MS, () => this.start());
  }

  private makeWorker(container: Container, restartPolicy: string | undefined): ContainerWorker {
    const { deps, pod } = this;
    const { name } = container;
    return new ContainerWorker({
      container,
      podLabel: `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${this.uid})`,
      restartPolicy,
      graceMs: this.graceMs(),
      driver: deps.driver,
      clock: deps.clock,
      prepare: (attempt) => this.launch.prepare(container, attempt, this.sandbox),
      reachablePort: (port) => this.reachablePort(port),
      readMessage: (attempt, exit) =>
        readTerminationMessage({
          container,
          exit,
          terminationPath: attemptTermination(this.podPaths, name, attempt),
          logPath: attemptLog(this.podPaths, name, attempt),
        }),
      onSpawned: (attempt) => {
        this.saveState();
        if (attempt > 0) void pruneAttempts(this.podPaths, name, attempt);
      },
      onChange: () => this.onContainerChange(),
      onEvent: (type, reason, message) =>
        deps.recorder.record({
          object: this.pod,
          fieldPath: this.containers.mains.some((one) => one.name === name)
            ? `spec.containers{${name}}`
            : `spec.initContainers{${name}}`,
          type,
          reason,
          message,
        }),
    });
  }

  private reachablePort(port: number): number {
    const serving = this.pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
    const { hostPort } = this.sandbox ?? {};
    return hostPort !== undefined && (serving === undefined || port === serving) ? hostPort : port;
  }

  private saveState(): void {
    const { namespace = '', name } = this.pod.metadata;
    writePodState(this.deps.paths, {
      uid: this.uid,
      namespace,
      name,
      startTime: this.startTime,
      sandbox: this.sandbox,
      containers: this.containers.all.flatMap((worker) =>
        worker.record ? [{ record: worker.record, restartCount: worker.restartCount }] : [],
      ),
    });
  }

  private onContainerChange(): void {
    this.containers.advance();
    if (this.containers.isOver && this.sandbox && !this.stopping) {
      this.deps.driver.releaseSandbox(this.sandbox);
      const { podIP } = this.sandbox;
      // The address stays in the status; the namespace is somebody else's from now on.
      this.sandbox = { podIP };
      this.saveState();
    }
    this.status.flush();
  }

  private async finish(graceMs: number): Promise<void> {
    const { driver, paths, keptLogs, client, onGone } = this.deps;
    this.cancelTimer?.();
    this.launch.close();
    await this.containers.stop(graceMs);
    if (this.isDetached) return;
    if (this.sandbox) driver.releaseSandbox(this.sandbox);
    const { namespace = '', name } = this.pod.metadata;
    keptLogs.keep({ namespace, name, uid: this.uid }, this.podPaths.root);
    removePodDirectory(paths, this.uid);
    try {
      await client.delete(podKind, { namespace, name }, { uid: this.uid, gracePeriodSeconds: 0 });
    } catch (error) {
      this.deps.logger.warn('failed to remove the object of a stopped pod', { pod: name, error });
    }
    onGone(this.uid);
  }

  private graceMs(): number {
    const { metadata, spec } = this.pod;
    const seconds =
      metadata.deletionGracePeriodSeconds ??
      spec.terminationGracePeriodSeconds ??
      GRACE_SECONDS_DEFAULT;
    return Math.max(0, seconds) * 1000;
  }
}

const isoSeconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
