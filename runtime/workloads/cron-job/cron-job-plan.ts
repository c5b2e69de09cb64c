/**
 * What a CronJob needs next: the Job of the latest time that is due, those it replaces, and the
 * history that is too long. Pure. Source: k8s.io/kubernetes pkg/controller/cronjob (behaviour, words).
 */
import { type CronJob, cronJobKind, type Job, jobKind } from '../../apis/batch/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { ownerRefOf } from '../make-pod.ts';
import { isoSeconds } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';
import type { Schedule } from './schedule.ts';

const SCHEDULED_ANNOTATION = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const MINUTE_MS = 60_000;

export interface ObservedCronJob {
  readonly cronJob: CronJob;
  /** All Jobs of the namespace. */
  readonly jobs: readonly Job[];
  /** Undefined when the schedule or its time zone cannot be read. */
  readonly schedule: Schedule | undefined;
}

export function planCronJob({ cronJob, jobs, schedule }: ObservedCronJob, nowMs: number): Plan {
  const { metadata, spec } = cronJob;
  if (metadata.deletionTimestamp) return emptyPlan;
  const own = jobs.filter((job) =>
    job.metadata.ownerReferences?.some((ref) => ref.controller && ref.uid === metadata.uid),
  );
  const active = own.filter((job) => endOf(job) === undefined && !job.metadata.deletionTimestamp);
  const actions: Action[] = trimHistory(cronJob, own);
  const before = cronJob.status ?? {};
  let { lastScheduleTime } = before;
  let running = active;
  const events: Plan['events'][number][] = [];

  const due = spec.suspend || !schedule ? undefined : latestDue(cronJob, schedule, nowMs);
  if (due !== undefined) {
    const job = makeJob(cronJob, due);
    const isKnown = jobs.some((other) => other.metadata.name === job.metadata.name);
    const isForbidden = spec.concurrencyPolicy === 'Forbid' && active.length > 0;
    if (isForbidden)
      events.push({
        object: cronJob,
        type: 'Normal',
        reason: 'JobAlreadyActive',
        message:
          'Not starting job because prior execution is running and concurrency policy is Forbid',
      });
    else if (!isKnown) {
      if (spec.concurrencyPolicy === 'Replace') {
        actions.push(...active.map(deleteJob));
        running = [];
      }
      actions.push({ type: 'create', kind: jobKind, object: job });
      events.push({
        object: cronJob,
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created job ${job.metadata.name}`,
      });
    }
    if (!isForbidden) lastScheduleTime = isoSeconds(due);
  }
  const successes = own.flatMap((job) => job.status?.completionTime ?? []).sort();
  actions.push(
    ...patchStatus(cronJobKind, cronJob, {
      active: running.map(({ metadata: { name, namespace, uid, resourceVersion } }) => ({
        apiVersion: 'batch/v1',
        kind: 'Job',
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      })),
      lastScheduleTime,
      lastSuccessfulTime:
        [before.lastSuccessfulTime ?? '', successes.at(-1) ?? ''].sort()[1] || undefined,
    }),
  );
  const nextMs = spec.suspend ? undefined : schedule?.nextMs(nowMs);
  return {
    actions,
    events,
    requeueAfterMs: nextMs === undefined ? undefined : Math.max(1, nextMs - nowMs),
  };
}

/** The latest time since the last Job that has come, and whose deadline for starting has not passed. */
function latestDue(cronJob: CronJob, schedule: Schedule, nowMs: number): number | undefined {
  const { lastScheduleTime } = cronJob.status ?? {};
  const { startingDeadlineSeconds } = cronJob.spec;
  const sinceMs = Date.parse(lastScheduleTime ?? cronJob.metadata.creationTimestamp ?? '') || nowMs;
  const oldestMs =
    startingDeadlineSeconds === undefined ? 0 : nowMs - startingDeadlineSeconds * 1000;
  const due = schedule.latestMs(nowMs);
  return due !== undefined && due > sinceMs && due >= oldestMs ? due : undefined;
}

function makeJob(cronJob: CronJob, dueMs: number): Job {
  const { name, namespace = '' } = cronJob.metadata;
  const { metadata, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      // One name per time: two who look at the same time make one Job.
      name: `${name}-${Math.floor(dueMs / MINUTE_MS)}`,
      namespace,
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata?.annotations, [SCHEDULED_ANNOTATION]: isoSeconds(dueMs) },
      ownerReferences: [ownerRefOf(cronJob, cronJobKind)],
    },
    spec,
  };
}

function endOf({ status }: Job): 'Complete' | 'Failed' | undefined {
  const end = status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
  return end?.type as 'Complete' | 'Failed' | undefined;
}

function trimHistory({ spec }: CronJob, own: readonly Job[]): Action[] {
  const surplus = (end: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    if (limit === undefined) return [];
    const ended = own
      .filter((job) => endOf(job) === end && !job.metadata.deletionTimestamp)
      .sort((a, b) => ((a.status?.startTime ?? '') < (b.status?.startTime ?? '') ? -1 : 1));
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [
    ...surplus('Complete', spec.successfulJobsHistoryLimit),
    ...surplus('Failed', spec.failedJobsHistoryLimit),
  ].map(deleteJob);
}

const deleteJob = ({ metadata }: Job): Action => ({
  type: 'delete',
  kind: jobKind,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid,
});
