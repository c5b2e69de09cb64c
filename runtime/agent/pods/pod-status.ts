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

type PodStatus = NonNullable<Pod['status']>;

export function makePodStatus(options: {
  readonly previous: Pod['status'];
  readonly containers: readonly ContainerProgress[];
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: string;
  readonly isStopping: boolean;
  readonly now: string;
}): PodStatus {
  const { previous, containers, podIP, now } = options;
  const phase = makePhase(containers);
  const unready = containers.filter(({ isReady }) => !isReady).map(({ name }) => name);
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
      set({ type: 'Initialized', status: 'True' }),
      set({ type: 'ContainersReady', ...ready }),
      set({ type: 'Ready', ...ready }),
    ],
    hostIP: options.hostIP,
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: options.startTime,
    containerStatuses: containers.map(makeContainerStatus),
  };
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

function makePhase(containers: readonly ContainerProgress[]): NonNullable<PodStatus['phase']> {
  if (containers.length > 0 && containers.every(({ isFinished }) => isFinished))
    return containers.some(({ state }) => (state.terminated?.exitCode ?? 0) !== 0)
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
