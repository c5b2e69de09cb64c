/**
 * What to do about a TaskRun, decided from the object, its Task and what this process is executing.
 * Pure: it says "start" or "stop" and the status to write; task-run-controller.ts does both.
 * Source: Tekton pkg/reconciler/taskrun (order of checks, reasons and messages).
 */
import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '../apis/meta/condition.ts';
import { getCondition } from '../apis/meta/condition.ts';
import type { StepState, TaskRun, TaskSpec } from '../apis/tekton/types.ts';
import type { PlannedEvent } from '../kube/event-recorder.ts';
import type { ExecutionView, Outcome } from './executor.ts';
import { resolveTaskRun, timeoutMsOf } from './resolve-task-run.ts';
import type { RunnableTask } from './resolve-task-run.ts';

export interface ObservedTaskRun {
  readonly taskRun: TaskRun;
  /** Inline or referenced; undefined when the referenced Task does not exist. */
  readonly taskSpec: TaskSpec | undefined;
  readonly execution: ExecutionView;
}

export interface TaskRunDecision {
  readonly command:
    | { readonly type: 'none' }
    | { readonly type: 'start'; readonly run: RunnableTask }
    | { readonly type: 'stop' };
  /** The status to write; undefined when it is as it should be. */
  readonly status: TaskRun['status'] | undefined;
  readonly events: readonly PlannedEvent[];
  readonly requeueAfterMs?: number;
}

type Status = NonNullable<TaskRun['status']>;

const succeeded = 'Succeeded';

/** Whether a TaskRun has ended, for better or worse. */
export const isDone = (taskRun: TaskRun): boolean => {
  const status = getCondition(taskRun.status?.conditions, succeeded)?.status;
  return status === 'True' || status === 'False';
};

export function planTaskRun(observed: ObservedTaskRun, nowMs: number): TaskRunDecision {
  const { taskRun, taskSpec, execution } = observed;
  const now = new Date(nowMs).toISOString();
  if (isDone(taskRun)) return { command: { type: 'stop' }, status: undefined, events: [] };
  if (taskRun.spec.status === 'TaskRunCancelled')
    return finish(observed, now, {
      reason: 'TaskRunCancelled',
      message:
        `TaskRun "${taskRun.metadata.name}" was cancelled. ${taskRun.spec.statusMessage ?? ''}`.trim(),
      stepReason: 'Cancelled',
    });
  if (taskRun.spec.status === 'TaskRunPending')
    return {
      command: { type: 'none' },
      ...write(taskRun, unknown(taskRun, now, 'TaskRunPending', 'TaskRun is pending')),
    };
  const remainingMs = remainingTime(taskRun, nowMs);
  if (remainingMs !== undefined && remainingMs <= 0)
    return retryOrFinish(observed, now, {
      reason: 'TaskRunTimeout',
      message: `TaskRun "${taskRun.metadata.name}" failed to finish within "${taskRun.spec.timeout ?? '1h0m0s'}"`,
      stepReason: 'TimeoutExceeded',
    });
  if (execution.phase === 'finished') return settle(observed, execution.outcome, now);
  const resolution = resolveTaskRun(taskRun, taskSpec);
  if ('refusal' in resolution) return finish(observed, now, resolution.refusal);
  const isStarting = execution.phase === 'none';
  const status: Status = {
    ...(execution.phase === 'running'
      ? unknown(taskRun, now, 'Running', 'Not all Steps in the Task have finished executing')
      : unknown(taskRun, now, 'Pending', 'waiting for a free build slot')),
    startTime: taskRun.status?.startTime ?? now,
    taskSpec: resolution.run.spec,
    ...(execution.phase === 'running' ? { steps: [...execution.steps] } : {}),
  };
  const started: PlannedEvent = {
    object: taskRun,
    type: 'Normal',
    reason: 'Started',
    message: `attempt ${resolution.run.attempt + 1}`,
  };
  return {
    command: isStarting ? { type: 'start', run: resolution.run } : { type: 'none' },
    ...write(taskRun, status, isStarting && !taskRun.status?.startTime ? [started] : []),
    ...(timeoutMsOf(taskRun) === 0 ? {} : { requeueAfterMs: remainingMs ?? timeoutMsOf(taskRun) }),
  };
}

/** Undefined before the start and without a limit. */
function remainingTime(taskRun: TaskRun, nowMs: number): number | undefined {
  const timeoutMs = timeoutMsOf(taskRun);
  const start = taskRun.status?.startTime;
  return timeoutMs === 0 || start === undefined ? undefined : Date.parse(start) + timeoutMs - nowMs;
}

function settle(observed: ObservedTaskRun, outcome: Outcome, now: string): TaskRunDecision {
  const { taskRun } = observed;
  if (outcome.failure) return retryOrFinish(observed, now, outcome.failure);
  const status: Status = {
    ...base(taskRun),
    conditions: setSucceeded(taskRun, now, {
      status: 'True',
      reason: 'Succeeded',
      message: 'All Steps have completed executing',
    }),
    completionTime: now,
    steps: [...outcome.steps],
    ...(outcome.results.length > 0 ? { results: [...outcome.results] } : {}),
  };
  const event: PlannedEvent = {
    object: taskRun,
    type: 'Normal',
    reason: 'Succeeded',
    message: 'All Steps have completed executing',
  };
  return { command: { type: 'none' }, ...write(taskRun, status, [event]) };
}

interface Failure {
  readonly reason: string;
  readonly message: string;
  /** terminationReason of steps that were still running. */
  readonly stepReason?: string;
}

/** Tekton retries every failure but cancellation, timeouts included. */
function retryOrFinish(observed: ObservedTaskRun, now: string, failure: Failure): TaskRunDecision {
  const { taskRun } = observed;
  const earlier = taskRun.status?.retriesStatus ?? [];
  if (earlier.length >= (taskRun.spec.retries ?? 0)) return finish(observed, now, failure);
  const failed = finish(observed, now, failure).status ?? {};
  const { retriesStatus: _earlier, ...archived } = failed;
  const status: Status = {
    observedGeneration: taskRun.metadata.generation ?? 1,
    conditions: setSucceeded(taskRun, now, {
      status: 'Unknown',
      reason: 'ToBeRetried',
      message: failure.message,
    }),
    retriesStatus: [...earlier, archived],
  };
  return { command: { type: 'stop' }, ...write(taskRun, status), requeueAfterMs: 0 };
}

function finish(observed: ObservedTaskRun, now: string, failure: Failure): TaskRunDecision {
  const { taskRun, execution } = observed;
  const steps =
    execution.phase === 'finished'
      ? execution.outcome.steps
      : execution.phase === 'running'
        ? execution.steps
        : (taskRun.status?.steps ?? []);
  const status: Status = {
    ...base(taskRun),
    conditions: setSucceeded(taskRun, now, {
      status: 'False',
      reason: failure.reason,
      message: failure.message,
    }),
    startTime: taskRun.status?.startTime ?? now,
    completionTime: now,
    ...(steps.length > 0
      ? { steps: steps.map((step) => terminate(step, now, failure.stepReason ?? 'Error')) }
      : {}),
  };
  const event: PlannedEvent = {
    object: taskRun,
    type: 'Warning',
    reason: 'Failed',
    message: failure.message,
  };
  return { command: { type: 'stop' }, ...write(taskRun, status, [event]) };
}

/** A step that was cut off ends with exit code 1 and the reason why. */
function terminate(step: StepState, now: string, reason: string): StepState {
  if (step.terminated) return step;
  const { running, waiting: _waiting, ...rest } = step;
  return {
    ...rest,
    terminated: {
      exitCode: 1,
      reason,
      ...(running ? { startedAt: running.startedAt } : {}),
      finishedAt: now,
    },
    terminationReason: reason,
  };
}

const base = (taskRun: TaskRun): Status => ({
  ...taskRun.status,
  observedGeneration: taskRun.metadata.generation ?? 1,
});

const unknown = (taskRun: TaskRun, now: string, reason: string, message: string): Status => ({
  ...base(taskRun),
  conditions: setSucceeded(taskRun, now, { status: 'Unknown', reason, message }),
});

/**
 * Tekton's set has one condition and no dependents. Its reason says more than its status (Pending
 * and Running are both Unknown), so it is set here whole; the time moves only with the content.
 */
function setSucceeded(
  taskRun: TaskRun,
  now: string,
  next: Pick<Condition, 'status' | 'reason' | 'message'>,
): Condition[] {
  const conditions = taskRun.status?.conditions ?? [];
  const old = getCondition(conditions, succeeded);
  const isSame =
    old?.status === next.status && old.reason === next.reason && old.message === next.message;
  const lastTransitionTime = isSame ? (old.lastTransitionTime ?? now) : now;
  return [
    ...conditions.filter(({ type }) => type !== succeeded),
    { type: succeeded, ...next, lastTransitionTime },
  ];
}

/** Leaves the status out when it already is what it should be; then there is nothing to tell either. */
function write(
  taskRun: TaskRun,
  status: Status,
  events: readonly PlannedEvent[] = [],
): Pick<TaskRunDecision, 'status' | 'events'> {
  const isSame = isDeepStrictEqual(taskRun.status ?? {}, JSON.parse(JSON.stringify(status)));
  return isSame ? { status: undefined, events: [] } : { status, events };
}
