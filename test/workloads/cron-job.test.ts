/** What a CronJob needs next, as a table of times and Jobs before and actions after. */
import assert from 'node:assert/strict';

import type { CronJob, Job } from '../../runtime/apis/batch/types.ts';
import { planCronJob } from '../../runtime/workloads/cron-job/cron-job-plan.ts';
import { parseCronSchedule } from '../../runtime/workloads/cron-job/schedule.ts';

const at = (time: string): number => Date.parse(`2030-01-01T${time}Z`);

const makeCronJob = (
  spec: Partial<CronJob['spec']> = {},
  status: CronJob['status'] = {},
): CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: {
    name: 'tidy',
    namespace: 'shop',
    uid: 'c1',
    creationTimestamp: '2030-01-01T00:00:30Z',
  },
  spec: {
    schedule: '*/5 * * * *',
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 1,
    jobTemplate: { spec: { template: { spec: { containers: [] } } } },
    ...spec,
  },
  status,
});

function makeJob(
  name: string,
  end?: 'Complete' | 'Failed',
  startTime = '2030-01-01T00:00:00Z',
): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name: 'tidy', uid: 'c1', controller: true },
      ],
    },
    spec: { template: { spec: { containers: [] } } },
    status: { startTime, ...(end ? { conditions: [{ type: end, status: 'True' }] } : {}) },
  };
}

function plan(cronJob: CronJob, nowMs: number, jobs: readonly Job[] = []) {
  const { schedule, timeZone } = cronJob.spec;
  const made = planCronJob(
    { cronJob, jobs, schedule: parseCronSchedule(schedule, timeZone) },
    nowMs,
  );
  const names = (type: 'create' | 'delete'): string[] =>
    made.actions.flatMap((action) =>
      action.type !== type
        ? []
        : [
            action.type === 'create'
              ? action.object.metadata.name
              : (action as { name: string }).name,
          ],
    );
  return { ...made, births: names('create'), deaths: names('delete') };
}

describe('the plan of a CronJob', () => {
  const minute = (time: string): number => at(time) / 60_000;

  it('waits for its first time', () => {
    const { births, requeueAfterMs } = plan(makeCronJob(), at('00:01:00'));
    assert.deepEqual([births, requeueAfterMs], [[], 4 * 60_000]);
  });

  it('makes one Job when its time has come, named after it', () => {
    const { births, requeueAfterMs } = plan(makeCronJob(), at('00:05:00'));
    assert.deepEqual(births, [`tidy-${minute('00:05:00')}`]);
    assert.equal(requeueAfterMs, 5 * 60_000);
  });

  it('makes no second one for the same time', () => {
    const done = makeCronJob({}, { lastScheduleTime: '2030-01-01T00:05:00Z' });
    assert.deepEqual(plan(done, at('00:05:02')).births, []);
  });

  it('of many missed times makes up for the latest only', () => {
    assert.deepEqual(plan(makeCronJob(), at('10:02:00')).births, [`tidy-${minute('10:00:00')}`]);
  });

  it('lets a time pass whose deadline for starting is over', () => {
    const cronJob = makeCronJob({ startingDeadlineSeconds: 60 });
    assert.deepEqual(plan(cronJob, at('00:07:00')).births, []);
    assert.equal(plan(cronJob, at('00:05:50')).births.length, 1);
  });

  it('reads its schedule in its time zone', () => {
    const cronJob = makeCronJob({ schedule: '0 9 * * *', timeZone: 'Asia/Tokyo' });
    assert.equal(plan(cronJob, at('00:01:00')).requeueAfterMs, (23 * 60 + 59) * 60_000);
  });

  it('makes none while suspended', () => {
    const { births, requeueAfterMs } = plan(makeCronJob({ suspend: true }), at('00:05:00'));
    assert.deepEqual([births, requeueAfterMs], [[], undefined]);
  });

  describe('when the Job before still runs', () => {
    const rows: [string, number, string[]][] = [
      ['Allow', 1, []],
      ['Forbid', 0, []],
      ['Replace', 1, ['before']],
    ];
    for (const [concurrencyPolicy, births, deaths] of rows)
      it(`makes ${births} and deletes ${deaths.length} with ${concurrencyPolicy}`, () => {
        const made = plan(makeCronJob({ concurrencyPolicy }), at('00:05:00'), [makeJob('before')]);
        assert.deepEqual([made.births.length, made.deaths], [births, deaths]);
      });
  });

  it('keeps the youngest of what has ended, as many as its limits say', () => {
    const jobs = [
      makeJob('old', 'Complete', '2030-01-01T00:00:01Z'),
      makeJob('new', 'Complete', '2030-01-01T00:00:02Z'),
      makeJob('failed', 'Failed'),
    ];
    assert.deepEqual(plan(makeCronJob(), at('00:01:00'), jobs).deaths, ['old']);
  });
});
