/**
 * The containers of a pod in their order: init containers one after the other, sidecars among them as
 * soon as the one before has begun, then all others at once; at the end the sidecars, the last first.
 * Source: k8s.io/kubernetes pkg/kubelet/kuberuntime kuberuntime_container.go (behaviour).
 */
import type { Container, PodSpec } from '../../apis/core/types.ts';
import type { ContainerWorker } from './container-worker.ts';

export interface PodContainersOptions {
  readonly spec: PodSpec;
  readonly makeWorker: (container: Container, restartPolicy: string | undefined) => ContainerWorker;
  readonly graceMs: () => number;
  /** Something that `isOver` says has changed by itself. */
  readonly onChange: () => void;
}

const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

export class PodContainers {
  /** Those of `spec.containers`. */
  readonly mains: readonly ContainerWorker[];
  /** Those of `spec.initContainers`, sidecars included. */
  readonly inits: readonly ContainerWorker[];
  private readonly options: PodContainersOptions;
  private readonly sidecars: ReadonlySet<ContainerWorker>;
  private readonly begun = new Set<ContainerWorker>();
  private sidecarsEnd: Promise<void> | undefined;
  private haveSidecarsEnded = false;
  private isStopping = false;

  constructor(options: PodContainersOptions) {
    const { spec, makeWorker } = options;
    const { initContainers = [], containers, restartPolicy } = spec;
    this.options = options;
    // An init container that has succeeded has done its work, whatever the pod's policy says.
    const initPolicy = restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    this.inits = initContainers.map((one) =>
      makeWorker(one, isSidecar(one) ? 'Always' : initPolicy),
    );
    this.sidecars = new Set(
      this.inits.filter((_worker, index) => isSidecar(initContainers[index] as Container)),
    );
    this.mains = containers.map((one) => makeWorker(one, restartPolicy));
  }

  get all(): readonly ContainerWorker[] {
    return this.inits.length === 0 ? this.mains : [...this.inits, ...this.mains];
  }

  find(name: string): ContainerWorker | undefined {
    return this.all.find((one) => one.name === name);
  }

  isSidecar(worker: ContainerWorker): boolean {
    return this.sidecars.has(worker);
  }

  /** Every init container has done its work, and every sidecar has started. */
  get isInitialized(): boolean {
    return this.inits.every((one) => this.hasPassed(one));
  }

  /** An init container has failed, and is not started again: nothing after it ever runs. */
  get hasInitFailed(): boolean {
    return this.inits.some((one) => {
      const { isFinished, state } = one.progress();
      return !this.sidecars.has(one) && isFinished && state.terminated?.exitCode !== 0;
    });
  }

  /** Nothing runs, and nothing will. */
  get isOver(): boolean {
    if (!this.hasInitFailed && !this.mains.every((one) => one.progress().isFinished)) return false;
    return this.sidecars.size === 0 || this.haveSidecarsEnded;
  }

  /** Starts what may start now. Call it again whenever a container's progress has changed. */
  advance(): void {
    if (this.isStopping) return;
    for (const init of this.inits) {
      if (this.hasPassed(init)) continue;
      this.begin(init);
      if (!this.hasPassed(init)) break;
    }
    if (this.isInitialized || this.mains.some((one) => this.begun.has(one)))
      for (const main of this.mains) this.begin(main);
    const isWorkDone = this.mains.every((one) => one.progress().isFinished) || this.hasInitFailed;
    if (isWorkDone && this.sidecars.size > 0)
      this.sidecarsEnd ??= this.stopSidecars(this.options.graceMs()).then(() => {
        this.haveSidecarsEnded = true;
        this.options.onChange();
      });
  }

  /** Those that run already; they are not started a second time. */
  markBegun(worker: ContainerWorker): void {
    this.begun.add(worker);
  }

  /** Resolves when all have ended. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    const others = this.all.filter((one) => !this.sidecars.has(one));
    await Promise.all(others.map((one) => one.stop(graceMs)));
    await this.stopSidecars(graceMs);
  }

  private hasPassed(init: ContainerWorker): boolean {
    const { isFinished, isStarted, state, restartCount } = init.progress();
    // A sidecar that starts again holds back nothing.
    if (this.sidecars.has(init)) return isStarted || restartCount > 0;
    return isFinished && state.terminated?.exitCode === 0;
  }

  private begin(worker: ContainerWorker): void {
    if (this.begun.has(worker)) return;
    // First: its start may change its progress, and that leads here.
    this.begun.add(worker);
    worker.start();
  }

  /** The last first: an earlier one may serve the later ones. */
  private async stopSidecars(graceMs: number): Promise<void> {
    for (const sidecar of [...this.sidecars].toReversed()) await sidecar.stop(graceMs);
  }
}
