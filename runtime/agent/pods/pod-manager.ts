/**
 * All Pods of this node: one worker each, made when the object appears, in the same turn of the event
 * loop. After a restart it finds the pods of before by their state files, and stops those that nobody
 * wants any more.
 */
import { existsSync } from 'node:fs';
import type { Duplex } from 'node:stream';

import { PodRefusal } from '../../apis/core/pod-refusal.ts';
import {
  configMapKind,
  type Pod,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
  secretKind,
} from '../../apis/core/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { type AgentPaths, attemptLog, makePodPaths } from '../agent-paths.ts';
import type { Driver, OpenExecRequest } from '../driver.ts';
import type { ExecSession } from '../exec/exec-session.ts';
import { KeptLogs } from './kept-logs.ts';
import { LogWatch, readLog } from './pod-log.ts';
import { type PodState, removePodDirectory } from './pod-state-file.ts';
import type { VolumeSource } from './pod-volumes.ts';
import { PodWorker } from './pod-worker.ts';

export interface PodManagerOptions {
  readonly driver: Driver;
  readonly paths: AgentPaths;
  readonly nodeName: string;
  readonly hostIP: string;
  /** See `AgentOptions`. */
  readonly apiServer?: { readonly host: string; readonly port: number } | undefined;
  /** What an earlier process left running. */
  readonly states: readonly PodState[];
}

export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** Ms since the epoch; never together with `sinceSeconds`. */
  readonly sinceTimeMs?: number;
  /** The attempt before the last restart. @default false */
  readonly previous?: boolean;
  /** Each line is preceded by when it was written, known to the second. @default false */
  readonly timestamps?: boolean;
}

export interface PodExecRequest extends OpenExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface PodAttachRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly stdin: boolean;
}

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** Orphans get this long between SIGTERM and SIGKILL: nobody waits for their answers. */
const ORPHAN_GRACE_MS = 2_000;
/** Whoever stops the whole runtime does not wait out request timeouts, which are the usual grace periods. */
const SHUTDOWN_GRACE_MS_MAX = 5_000;

export class PodManager {
  private readonly context: ControllerContext;
  private readonly options: PodManagerOptions;
  private readonly workers = new Map<string, PodWorker>();
  private readonly leftovers: Map<string, PodState>;
  private readonly recorder: EventRecorder;
  private readonly logs: LogWatch;
  private readonly keptLogs: KeptLogs;
  private readonly unsubscribe: (() => void)[] = [];

  constructor(context: ControllerContext, options: PodManagerOptions) {
    const { client, clock, logger } = context;
    this.context = context;
    this.options = options;
    this.recorder = new EventRecorder({ client, component: 'kubelet', clock, logger });
    this.leftovers = new Map(options.states.map((state) => [state.uid, state]));
    this.logs = new LogWatch(clock, () => this.logPaths());
    this.keptLogs = new KeptLogs({ root: options.paths.keptLogs, clock, logger });
  }

  start(): void {
    const { informers, signal } = this.context;
    const pods = informers.informer(podKind);
    this.unsubscribe.push(
      pods.onChange(({ type, object }) => {
        if (type === 'deleted') this.workers.get(object.metadata.uid ?? '')?.stop();
        else this.take(object);
      }),
    );
    for (const pod of pods.list()) this.take(pod);
    const retry = (): void => {
      for (const worker of this.workers.values()) worker.retry();
    };
    this.unsubscribe.push(
      informers.informer(configMapKind).onChange(retry),
      informers.informer(secretKind).onChange(retry),
      informers.informer(persistentVolumeClaimKind).onChange(retry),
      informers.informer(persistentVolumeKind).onChange(retry),
    );
    void informers.waitForSync(signal).then(
      () => this.stopOrphans(),
      () => {}, // Shutting down before the first list: the next process decides.
    );
  }

  /** Lets go of every pod, or ends all of them first, each within its grace period. */
  async close({ stopPods }: { readonly stopPods: boolean }): Promise<void> {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    if (stopPods) {
      const workers = [...this.workers.values()];
      for (const worker of workers) worker.stop(SHUTDOWN_GRACE_MS_MAX);
      await Promise.all(workers.map((worker) => worker.whenGone()));
    }
    this.logs.close();
    for (const worker of this.workers.values()) worker.detach();
  }

  /**
   * A container's log, also of a pod that is gone, as far as it was kept. @throws {PodRefusal} 404
   * when nothing is known of the pod, 400 when there is no such container or previous attempt.
   */
  readPodLog(request: PodLogRequest): AsyncIterable<Uint8Array> {
    const { clock, informers } = this.context;
    const pod = informers.informer(podKind).get(request.namespace, request.pod);
    const worker = this.workers.get(pod?.metadata.uid ?? '');
    if (!pod || !worker) return this.readKeptLog(request);
    const { namespace, follow, tailLines, previous = false } = request;
    const sinceMs = this.sinceMs(request);
    const uid = pod.metadata.uid ?? '';
    const { name, attempt } = worker.findAttempt(request.container, previous);
    const path = attemptLog(makePodPaths(this.options.paths, uid), name, attempt);
    const keptPath = this.keptLogs.logPath({ namespace, name: request.pod, uid }, name, attempt);
    return readLog(() => (existsSync(path) ? path : keptPath), {
      follow,
      tailLines,
      offset: sinceMs === undefined ? 0 : this.logs.offsetAt(path, sinceMs),
      timeAt: request.timestamps ? (offset) => this.logs.timeAt(path, offset) : undefined,
      clock,
      isOpen: () =>
        !previous &&
        this.workers.get(uid) === worker &&
        worker.findAttempt(name).attempt === attempt,
    });
  }

  /** Runs a command with open streams. @throws {PodRefusal} when the container does not run here. */
  async exec(request: PodExecRequest): Promise<ExecSession> {
    return this.workerOf(request).exec(request.container, request);
  }

  /** A container's own streams. @throws {PodRefusal} when the container does not run here. */
  async attach(request: PodAttachRequest): Promise<ExecSession> {
    return this.workerOf(request).attach(request.container, request.stdin);
  }

  /** A connection to a port of a pod. @throws {PodRefusal} when the pod does not run here. */
  async connect(target: PodPort): Promise<Duplex> {
    return this.workerOf(target).connect(target.port);
  }

  private workerOf({ namespace, pod }: Pick<PodPort, 'namespace' | 'pod'>): PodWorker {
    const object = this.context.informers.informer(podKind).get(namespace, pod);
    const worker = this.workers.get(object?.metadata.uid ?? '');
    if (!worker) throw new PodRefusal(404, `pod ${pod}_${namespace} is not running on this node`);
    return worker;
  }

  private sinceMs({ sinceSeconds, sinceTimeMs }: PodLogRequest): number | undefined {
    if (sinceSeconds === undefined) return sinceTimeMs;
    return this.context.clock.now() - sinceSeconds * 1000;
  }

  private readKeptLog(request: PodLogRequest): AsyncIterable<Uint8Array> {
    const { clock } = this.context;
    const { namespace, pod, tailLines, previous = false } = request;
    const kept = this.keptLogs.find(namespace, pod);
    if (!kept) throw new PodRefusal(404, `pods "${pod}" not found`);
    const containers = this.keptLogs.containersOf(kept);
    const [only, ...others] = containers;
    const container = request.container ?? (others.length === 0 ? only : undefined);
    if (container === undefined)
      throw new PodRefusal(
        400,
        `a container name must be specified for pod ${pod}, choose one of: [${containers.join(' ')}]`,
      );
    const attempt = this.keptLogs.findAttempt(kept, container, previous);
    if (attempt === undefined)
      throw new PodRefusal(
        400,
        previous
          ? `previous terminated container "${container}" in pod "${pod}" not found`
          : `container ${container} is not valid for pod ${pod}`,
      );
    const isOver = kept.removedAtMs < (this.sinceMs(request) ?? 0);
    return readLog(() => this.keptLogs.logPath(kept, container, attempt), {
      // All that is known of a line then is that it was there.
      timeAt: request.timestamps ? () => kept.removedAtMs : undefined,
      follow: false,
      tailLines: isOver ? 0 : tailLines,
      clock,
      isOpen: () => false,
    });
  }

  private take(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.workers.get(uid);
    if (known) {
      known.update(pod);
      return;
    }
    const { nodeName } = pod.spec;
    if (nodeName !== undefined && nodeName !== '' && nodeName !== this.options.nodeName) return;
    const state = this.leftovers.get(uid);
    const phase = pod.status?.phase;
    if (!state && (phase === 'Succeeded' || phase === 'Failed') && !pod.metadata.deletionTimestamp)
      return;
    this.leftovers.delete(uid);
    const worker = new PodWorker(pod, {
      ...this.context,
      ...this.options,
      keptLogs: this.keptLogs,
      recorder: this.recorder,
      sourceOf: (namespace) => this.sourceOf(namespace),
      onGone: (gone) => this.workers.delete(gone),
    });
    this.workers.set(uid, worker);
    if (state) worker.adopt(state);
    else if (!pod.metadata.deletionTimestamp) worker.start();
    if (pod.metadata.deletionTimestamp) worker.stop();
  }

  private sourceOf(namespace: string): Omit<VolumeSource, 'token' | 'field'> {
    const { informers } = this.context;
    return {
      configMap: (name) => informers.informer(configMapKind).get(namespace, name),
      secret: (name) => informers.informer(secretKind).get(namespace, name),
      claimPath: (name) => {
        const claim = informers.informer(persistentVolumeClaimKind).get(namespace, name);
        if (claim?.status?.phase !== 'Bound') return undefined;
        const volume = informers
          .informer(persistentVolumeKind)
          .get('', claim.spec.volumeName ?? '');
        return volume?.spec.hostPath?.path;
      },
    };
  }

  private stopOrphans(): void {
    const { driver, paths } = this.options;
    for (const state of this.leftovers.values()) {
      this.context.logger.info('stopping a pod whose object is gone', { pod: state.name });
      const { clock } = this.context;
      void stopLeftover(state, { driver, paths, clock, keptLogs: this.keptLogs });
    }
    this.leftovers.clear();
  }

  private *logPaths(): Iterable<string> {
    for (const worker of this.workers.values()) yield* worker.logPaths();
  }
}

async function stopLeftover(
  state: PodState,
  options: Pick<PodManagerOptions, 'driver' | 'paths'> &
    Pick<ControllerContext, 'clock'> & { readonly keptLogs: KeptLogs },
): Promise<void> {
  const { driver, paths, clock, keptLogs } = options;
  const podPaths = makePodPaths(paths, state.uid);
  await Promise.all(
    state.containers.map(async ({ record }) => {
      const running = driver.adopt(record, podPaths);
      if (!running) return;
      running.terminate();
      const cancel = clock.after(ORPHAN_GRACE_MS, () => running.kill());
      await running.exited;
      cancel();
    }),
  );
  if (state.sandbox) driver.releaseSandbox(state.sandbox);
  keptLogs.keep(state, podPaths.root);
  removePodDirectory(paths, state.uid);
}
