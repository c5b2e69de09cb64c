/**
 * The life of one Pod on this node, as kubelet would lead it: a sandbox, its containers, its status,
 * and a graceful end after which the object is removed. Start to spawn is synchronous.
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';

import { PodRefusal } from '../../apis/core/pod-refusal.ts';
import { type Pod, podKind } from '../../apis/core/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import {
  type AgentPaths,
  attemptLog,
  attemptTermination,
  makePodPaths,
  type PodPaths,
} from '../agent-paths.ts';
import {
  type Driver,
  type OpenExecRequest,
  type Sandbox,
  StartError,
  type StartRequest,
} from '../driver.ts';
import type { ExecSession } from '../exec/exec-session.ts';
import { connectToPod } from '../exec/pod-connection.ts';
import { startAttach } from '../exec/attach-session.ts';
import { ContainerWorker } from './container-worker.ts';
import { pruneAttempts } from './attempt-files.ts';
import type { KeptLogs } from './kept-logs.ts';
import { type PodState, removePodDirectory, writePodState } from './pod-state-file.ts';
import { readPodField, resolveEnv } from './pod-env.ts';
import { readLog } from './pod-log.ts';
import { PodTokens } from './pod-tokens.ts';
import {
  makeBindMounts,
  materializeVolumes,
  renewTokenFiles,
  type VolumeSource,
} from './pod-volumes.ts';
import { StatusWriter } from './status-writer.ts';
import { makeTerminationFile, readTerminationMessage } from './termination-message.ts';

export interface PodWorkerDeps {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: Driver;
  readonly paths: AgentPaths;
  readonly keptLogs: KeptLogs;
  readonly nodeName: string;
  /** The node's address as pods see it, which is also their name server. */
  readonly hostIP: string;
  readonly sourceOf: (namespace: string) => Omit<VolumeSource, 'token' | 'field'>;
  /** Where programs in pods find the API; their environment says so. */
  readonly apiServer?: { readonly host: string; readonly port: number } | undefined;
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
  private readonly containers: readonly ContainerWorker[];
  private pod: Pod;
  private sandbox: Sandbox | undefined;
  private volumes: Map<string, string> | undefined;
  private startTime: string;
  private readonly status: StatusWriter;
  private readonly tokens: PodTokens;
  private isDetached = false;
  private stopping: Promise<void> | undefined;
  private cancelTimer: CancelTimer | undefined;

  constructor(pod: Pod, deps: PodWorkerDeps) {
    this.pod = pod;
    this.deps = deps;
    this.uid = pod.metadata.uid ?? '';
    this.podPaths = makePodPaths(deps.paths, this.uid);
    this.startTime = pod.status?.startTime ?? isoSeconds(deps.clock.now());
    this.tokens = new PodTokens(pod, { ...deps, onRenewed: () => this.renewTokens() });
    this.status = new StatusWriter(deps, () => ({
      pod: this.pod,
      containers: this.containers.map((worker) => worker.progress()),
      sandbox: this.sandbox,
      startTime: this.startTime,
      isStopping: this.stopping !== undefined,
    }));
    this.containers = pod.spec.containers.map(
      (container) =>
        new ContainerWorker({
          container,
          podLabel: `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${this.uid})`,
          restartPolicy: pod.spec.restartPolicy,
          graceMs: this.graceMs(),
          driver: deps.driver,
          clock: deps.clock,
          prepare: (attempt) => this.prepare(container.name, attempt),
          reachablePort: (port) => this.reachablePort(port),
          readMessage: (attempt, exit) =>
            readTerminationMessage({
              container,
              exit,
              terminationPath: attemptTermination(this.podPaths, container.name, attempt),
              logPath: attemptLog(this.podPaths, container.name, attempt),
            }),
          onSpawned: (attempt) => {
            this.saveState();
            if (attempt > 0) void pruneAttempts(this.podPaths, container.name, attempt);
          },
          onChange: () => this.onContainerChange(),
          onEvent: (type, reason, message) =>
            deps.recorder.record({
              object: this.pod,
              fieldPath: `spec.containers{${container.name}}`,
              type,
              reason,
              message,
            }),
        }),
    );
  }

  /** Starts a pod that is new to this machine. */
  start(): void {
    const fetched = this.tokens.fetch();
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
    const { phase, containerStatuses = [] } = this.pod.status ?? {};
    if (phase === 'Succeeded' || phase === 'Failed') {
      for (const worker of this.containers) {
        const status = containerStatuses.find(({ name }) => name === worker.name);
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
    this.tokens.fetch()?.then(
      () => {
        this.renewTokens();
        this.retry();
      },
      (error: unknown) =>
        this.deps.logger.warn('failed to renew the tokens of an adopted pod', {
          pod: this.pod.metadata.name,
          error: error instanceof Error ? error.message : String(error),
        }),
    );
    for (const worker of this.containers) {
      const survivor = survivors.find(({ record }) => record.name === worker.name);
      const lastState = containerStatuses.find(({ name }) => name === worker.name)?.lastState;
      if (survivor)
        worker.adopt(survivor.record, survivor.running, {
          restartCount: survivor.restartCount,
          lastState,
        });
      else worker.start();
    }
    this.status.flush();
  }

  update(pod: Pod): void {
    this.pod = pod;
    if (pod.metadata.deletionTimestamp) this.stop();
  }

  /** An object that a start may have waited for has changed. */
  retry(): void {
    for (const worker of this.containers) worker.retry();
  }

  /** Ends the pod within its grace period or `graceMsMax`, then removes the object. Safe to call again. */
  stop(graceMsMax = Infinity): void {
    this.stopping ??= this.finish(Math.min(this.graceMs(), graceMsMax));
  }

  /** Leaves everything running for the next process. */
  detach(): void {
    this.isDetached = true;
    this.status.close();
    this.tokens.close();
    this.cancelTimer?.();
    for (const worker of this.containers) worker.detach();
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
    const worker = container
      ? this.containers.find((one) => one.name === container)
      : this.containers[0];
    const pod = this.pod.metadata.name;
    if (!worker)
      throw new PodRefusal(400, `container ${container ?? ''} is not valid for pod ${pod}`);
    const attempt = previous ? worker.previousAttempt : worker.startedAttempt;
    if (attempt === undefined && !previous) {
      const reason = worker.progress().state.waiting?.reason ?? 'ContainerCreating';
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

  /** @throws {PodRefusal} when the container does not run at present. */
  async exec(container: string, request: OpenExecRequest): Promise<ExecSession> {
    const running = this.containers.find(({ name }) => name === container)?.current;
    if (!running) throw new PodRefusal(400, `container not found ("${container}")`);
    return running.openExec(request);
  }

  /** The container's own streams, from now on. @throws {PodRefusal} when it does not run at present. */
  async attach(container: string, wantsInput: boolean): Promise<ExecSession> {
    const worker = this.containers.find(({ name }) => name === container);
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
    return this.containers.map((one) =>
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
      this.writeSystemFiles(sandbox);
    } catch (error) {
      this.deps.driver.releaseSandbox(sandbox);
      this.sandbox = undefined;
      this.retrySandbox(error);
      return;
    }
    for (const worker of this.containers) worker.start();
    this.status.flush();
  }

  private useSandbox(sandbox: Sandbox | undefined): void {
    this.sandbox = sandbox;
    for (const worker of this.containers) worker.podIP = sandbox?.podIP ?? '127.0.0.1';
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

  private prepare(containerName: string, attempt: number): StartRequest {
    const { pod, podPaths, sandbox } = this;
    const container = pod.spec.containers.find(({ name }) => name === containerName);
    if (!container || !sandbox) throw new StartError('CreateContainerError', 'the pod has changed');
    const { namespace = '', name } = pod.metadata;
    if (pod.spec.initContainers && pod.spec.initContainers.length > 0)
      throw new StartError('CreateContainerConfigError', 'initContainers are not supported here');
    const source = this.volumeSource(sandbox.podIP);
    this.volumes ??= materializeVolumes(pod, podPaths.volumes, source);
    const { hostIP } = this.deps;
    const env = {
      ...this.serviceEnv(),
      ...resolveEnv({ pod, container, source, podIP: sandbox.podIP, hostIP }),
    };
    const terminationFile = attemptTermination(podPaths, containerName, attempt);
    makeTerminationFile(terminationFile);
    return {
      pod: { namespace, name, uid: this.uid },
      podPaths,
      sandbox,
      container,
      podSecurity: pod.spec.securityContext,
      attempt,
      env,
      mounts: makeBindMounts(container, this.volumes),
      terminationFile,
    };
  }

  private volumeSource(podIP: string): VolumeSource {
    const { pod, tokens } = this;
    const { hostIP, sourceOf } = this.deps;
    return {
      ...sourceOf(pod.metadata.namespace ?? ''),
      token: (projection) => tokens.find(projection),
      field: (path) => readPodField(path, { pod, podIP, hostIP }),
    };
  }

  /** What client libraries look for to know that they run inside a cluster. */
  private serviceEnv(): Record<string, string> {
    const { apiServer } = this.deps;
    if (!apiServer) return {};
    const port = String(apiServer.port);
    return {
      KUBERNETES_SERVICE_HOST: apiServer.host,
      KUBERNETES_SERVICE_PORT: port,
      KUBERNETES_SERVICE_PORT_HTTPS: port,
    };
  }

  private renewTokens(): void {
    try {
      const podIP = this.sandbox?.podIP ?? '';
      renewTokenFiles(this.pod, this.podPaths.volumes, this.volumeSource(podIP));
    } catch (error) {
      this.deps.logger.warn('failed to write the renewed tokens of a pod', {
        pod: this.pod.metadata.name,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  private reachablePort(port: number): number {
    const serving = this.pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
    const { hostPort } = this.sandbox ?? {};
    return hostPort !== undefined && (serving === undefined || port === serving) ? hostPort : port;
  }

  private writeSystemFiles({ podIP }: Sandbox): void {
    const { root, resolvConf, hosts, hostname, volumes } = this.podPaths;
    const { name, namespace = '' } = this.pod.metadata;
    mkdirSync(volumes, { recursive: true, mode: 0o700 });
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const search = `${namespace}.svc.cluster.local svc.cluster.local cluster.local`;
    writeFileSync(
      resolvConf,
      `nameserver ${this.deps.hostIP}\nsearch ${search}\noptions ndots:5\n`,
    );
    writeFileSync(hosts, `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${podIP} ${name}\n`);
    writeFileSync(hostname, `${name}\n`);
  }

  private saveState(): void {
    const { namespace = '', name } = this.pod.metadata;
    writePodState(this.deps.paths, {
      uid: this.uid,
      namespace,
      name,
      startTime: this.startTime,
      sandbox: this.sandbox,
      containers: this.containers.flatMap((worker) =>
        worker.record ? [{ record: worker.record, restartCount: worker.restartCount }] : [],
      ),
    });
  }

  private onContainerChange(): void {
    const isOver = this.containers.every((worker) => worker.progress().isFinished);
    if (isOver && this.sandbox && !this.stopping) {
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
    this.tokens.close();
    await Promise.all(this.containers.map((worker) => worker.stop(graceMs)));
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
