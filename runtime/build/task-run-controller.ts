/** Wires the TaskRun reconciler: informers in, decisions of plan-task-run.ts out. */
import { keyOf, splitKey } from '../apis/meta/object.ts';
import { taskKind, taskRunKind } from '../apis/tekton/types.ts';
import type { TaskRun } from '../apis/tekton/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { applyPlan } from '../kube/plan.ts';
import { Executor } from './executor.ts';
import type { Execute } from './executor.ts';
import { planTaskRun } from './plan-task-run.ts';

/** Builds are bound by disk and by one core each; more at once only make each of them slower. */
const buildsAtOnce = 2;

export interface TaskRunController {
  run(signal: AbortSignal): Promise<void>;
  /** Ends every attempt; resolves when none of their processes is left. */
  close(): Promise<void>;
}

export function makeTaskRunController(
  context: ControllerContext,
  options: { readonly execute: Execute },
): TaskRunController {
  const { client, informers, clock, logger } = context;
  const taskRuns = informers.informer(taskRunKind);
  const tasks = informers.informer(taskKind);
  const recorder = new EventRecorder({ client, component: 'taskrun-controller', clock, logger });
  const executor = new Executor({
    execute: options.execute,
    concurrency: buildsAtOnce,
    onChange: (key) => controller.enqueue(key),
  });
  const controller = new Controller({ name: 'taskrun', clock, logger, reconcile });

  async function reconcile(key: string): Promise<{ requeueAfterMs?: number | undefined }> {
    const { namespace, name } = splitKey(key);
    const taskRun = taskRuns.get(namespace, name);
    executor.stop(key, taskRun?.metadata.uid);
    if (!taskRun || taskRun.metadata.deletionTimestamp) {
      executor.stop(key);
      return {};
    }
    const { taskRef, taskSpec } = taskRun.spec;
    const decision = planTaskRun(
      {
        taskRun,
        taskSpec: taskSpec ?? tasks.get(namespace, taskRef?.name ?? '')?.spec,
        execution: executor.view(
          taskRun.metadata.uid ?? '',
          taskRun.status?.retriesStatus?.length ?? 0,
        ),
      },
      clock.now(),
    );
    // Stopping comes after the write: a write that conflicts is planned again from the same outcome.
    if (decision.command.type === 'start') executor.start(decision.command.run);
    const updated: TaskRun = {
      ...taskRun,
      ...(decision.status ? { status: decision.status } : {}),
    };
    const result = await applyPlan(
      {
        actions: decision.status
          ? [{ type: 'updateStatus', kind: taskRunKind, object: updated }]
          : [],
        events: decision.events,
        requeueAfterMs: decision.requeueAfterMs,
      },
      { client, recorder },
    );
    if (decision.command.type === 'stop') executor.stop(key);
    return result;
  }

  controller.watch(taskRuns);
  controller.watch(tasks, (task) =>
    taskRuns
      .list({ namespace: task.metadata.namespace ?? '' })
      .filter(({ spec }) => spec.taskRef?.name === task.metadata.name)
      .map(({ metadata }) => keyOf(metadata)),
  );
  return {
    run: (signal) => controller.run(signal),
    close: () => executor.close(),
  };
}
