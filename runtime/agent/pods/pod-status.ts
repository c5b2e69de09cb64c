/** A Pod's status from what is known of its containers: pure, and the only place that makes one. */
import type { ContainerState, ContainerStatus, Pod, PodCondition } from '../../apis/core/types.ts';

export interface ContainerProgress {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly containerID: string;
  readonly state: ContainerState;
  readonly lastState: ContainerState | undefined;
  readonly isStarted: boolean;
  readonly isReady: boolean;
  readonly restartCount: number;
  /** It has ended and its restart policy lets it be. */
  readonly isFinished: boolean;
}

export interface InitProgress extends ContainerProgress {
  readonly isSidecar: boolean;
}

type PodStatus = NonNullable<Pod['status']>;

export function makePodStatus(options: {
  readonly previous: Pod['status'];
  readonly containers: readonly ContainerProgress[];
  readonly inits: readonly InitProgress[];
  /** Nothing of the pod runs, and nothing will. */
  readonly isOver: boolean;
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: string;
  readonly isStopping: boolean;
  readonly now: string;
}): PodStatus {
  const { previous, containers, inits, podIP, now } = options;
  const phase = makePhase(options);
  const incomplete = inits.filter((one) => !hasPassed(one)).map(({ name }) => name);
  const unready = [...inits.filter(({ isSidecar }) => isSidecar), ...containers]
    .filter(({ isReady }) => !isReady)
    .map(({ name }) => name);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const ready: Omit<PodCondition, 'type'> =
    unready.length === 0
      ? { status: 'True' }
      : {
          status: 'False',
          reason: isOver
            ? phase === 'Succeeded'
              ? 'PodCompleted'
              : 'PodFailed'
            : 'ContainersNotReady',
          message: `containers with unready status: [${unready.join(' ')}]`,
        };
  const set = (condition: PodCondition): PodCondition => {
    const before = previous?.conditions?.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status && before.lastTransitionTime !== undefined;
    return { ...condition, lastTransitionTime: isSame ? (before.lastTransitionTime ?? now) : now };
  };
  return {
    phase,
    conditions: [
      set({ type: 'PodScheduled', status: 'True' }),
      set({ type: 'Initialized', ...makeInitialized(incomplete, phase) }),
      set({ type: 'ContainersReady', ...ready }),
      set({ type: 'Ready', ...ready }),
    ],
    hostIP: options.hostIP,
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: options.startTime,
    ...(inits.length === 0
      ? {}
      : { initContainerStatuses: inits.map((one) => makeInitStatus(one)) }),
    containerStatuses: containers.map((one) =>
      inits.length === 0 ? makeContainerStatus(one) : afterInits(makeContainerStatus(one)),
    ),
  };
}

function makeInitialized(
  incomplete: readonly string[],
  phase: PodStatus['phase'],
): Omit<PodCondition, 'type'> {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (incomplete.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

/** What comes after it may start. */
function hasPassed({
  isSidecar,
  isStarted,
  restartCount,
  state,
  isFinished,
}: InitProgress): boolean {
  if (isSidecar) return isStarted || restartCount > 0;
  return isFinished && state.terminated?.exitCode === 0;
}

function makeInitStatus(progress: InitProgress): ContainerStatus {
  const status = afterInits(makeContainerStatus(progress));
  if (progress.isSidecar) return status;
  return { ...status, ready: progress.state.terminated?.exitCode === 0 };
}

/** Where there are init containers, nothing else is waited for at first. */
function afterInits(status: ContainerStatus): ContainerStatus {
  if (status.state?.waiting?.reason !== 'ContainerCreating') return status;
  return { ...status, state: { waiting: { reason: 'PodInitializing' } } };
}

function makeContainerStatus(progress: ContainerProgress): ContainerStatus {
  const { name, image, imageID, containerID, state, lastState } = progress;
  return {
    name,
    image,
    imageID,
    ...(containerID === '' ? {} : { containerID }),
    ready: progress.isReady,
    started: progress.isStarted,
    restartCount: progress.restartCount,
    state,
    ...(lastState === undefined ? {} : { lastState }),
  };
}

function makePhase(options: {
  readonly containers: readonly ContainerProgress[];
  readonly inits: readonly InitProgress[];
  readonly isOver: boolean;
}): NonNullable<PodStatus['phase']> {
  const { containers, inits, isOver } = options;
  const hasFailed = ({ state }: ContainerProgress): boolean =>
    (state.terminated?.exitCode ?? 0) !== 0;
  if (isOver && containers.length > 0)
    return inits.some((one) => !one.isSidecar && hasFailed(one)) || containers.some(hasFailed)
      ? 'Failed'
      : 'Succeeded';
  // Pending until every container has run once, as kubelet has it.
  const hasRun = ({ state, restartCount, lastState }: ContainerProgress): boolean =>
    state.running !== undefined ||
    state.terminated !== undefined ||
    restartCount > 0 ||
    lastState !== undefined;
  return containers.every(hasRun) ? 'Running' : 'Pending';
}
