/** Wires the CronJob plan to the API. A schedule that cannot be read is said in an Event, and waits for a change. */
import { type CronJob, cronJobKind, jobKind } from '../../apis/batch/types.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { planCronJob } from './cron-job-plan.ts';
import { parseCronSchedule, type Schedule } from './schedule.ts';

export function makeCronJobController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context;
  const cronJobs = informers.informer(cronJobKind);
  const jobs = informers.informer(jobKind);
  const recorder = new EventRecorder({ client, component: 'cronjob-controller', clock, logger });

  function scheduleOf(cronJob: CronJob): Schedule | undefined {
    const { schedule, timeZone } = cronJob.spec;
    try {
      return parseCronSchedule(schedule, timeZone);
    } catch (error) {
      recorder.record({
        object: cronJob,
        type: 'Warning',
        reason: 'UnparseableSchedule',
        message: `unparseable schedule: "${schedule}" : ${error instanceof Error ? error.message : String(error)}`,
      });
      return undefined;
    }
  }

  const controller = new Controller({
    name: 'cronjob',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const cronJob = cronJobs.get(namespace, name);
      if (!cronJob) return {};
      const schedule = scheduleOf(cronJob);
      const observed = { cronJob, jobs: jobs.list({ namespace }), schedule };
      return applyPlan(planCronJob(observed, clock.now()), { client, recorder });
    },
  });
  controller.watch(cronJobs);
  controller.watch(jobs, ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter((ref) => ref.controller === true && ref.kind === 'CronJob')
      .map((ref) => keyOf({ name: ref.name, namespace: metadata.namespace ?? '' })),
  );
  return controller;
}
