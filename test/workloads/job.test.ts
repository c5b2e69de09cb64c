/** What a Job needs next, as tables of Pods before and actions after. */
import assert from 'node:assert/strict';

import type { Job, JobSpec } from '../../runtime/apis/batch/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import { seededRandom } from '../../runtime/std/random.ts';
import { formatIndexes, INDEX_ANNOTATION } from '../../runtime/workloads/job/completion-index.ts';
import { planJob } from '../../runtime/workloads/job/job-plan.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');
const AGO = '2029-12-31T00:00:00Z';

const makeJob = (spec: Partial<JobSpec> = {}, status?: Job['status']): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'sum', namespace: 'shop', uid: 'j1' },
  spec: {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'j1' } },
    template: {
      spec: { restartPolicy: 'Never', containers: [{ name: 'user', image: 'a' }] },
    },
    ...spec,
  },
  ...(status ? { status } : {}),
});

let count = 0;
function makePod(
  phase: 'Running' | 'Succeeded' | 'Failed',
  options: { index?: number; exitCode?: number; endedAt?: string; restarts?: number } = {},
): Pod {
  const { index, exitCode = phase === 'Failed' ? 1 : 0, endedAt = AGO, restarts = 0 } = options;
  const terminated = { exitCode, finishedAt: endedAt };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `sum-${count++}`,
      namespace: 'shop',
      uid: `p${count}`,
      creationTimestamp: AGO,
      ...(index === undefined ? {} : { annotations: { [INDEX_ANNOTATION]: String(index) } }),
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'Job', name: 'sum', uid: 'j1', controller: true },
      ],
    },
    spec: { containers: [] },
    status: {
      phase,
      containerStatuses: [
        {
          name: 'user',
          image: 'a',
          imageID: '',
          ready: false,
          restartCount: restarts,
          ...(phase === 'Running' ? {} : { state: { terminated } }),
        },
      ],
    },
  };
}

function plan(job: Job, pods: readonly Pod[] = [], nowMs = NOW_MS) {
  const made = planJob(job, pods, { nodeName: 'n', nowMs, random: seededRandom(1) });
  const status = made.actions.find(
    (action) => action.type === 'patch' && action.subresource === 'status',
  ) as { body: { status: NonNullable<Job['status']> } } | undefined;
  return {
    ...made,
    births: made.actions.flatMap((action) =>
      action.type === 'create' ? [action.object as Pod] : [],
    ),
    deaths: made.actions.flatMap((action) => (action.type === 'delete' ? [action.name] : [])),
    status: status?.body.status,
    conditions: (status?.body.status.conditions ?? []).map(
      ({ type, status: is, reason }) => `${type}=${is} ${reason}`,
    ),
  };
}

describe('the plan of a Job', () => {
  it('starts its pods and says since when', () => {
    const { births, status } = plan(makeJob());
    assert.match(births[0]?.metadata.name ?? '', /^sum-[a-z0-9]{5}$/);
    assert.deepEqual([births.length, status?.active], [1, 1]);
    assert.equal(status?.startTime, '2030-01-01T00:00:00Z');
  });

  const numbers: [string, Partial<JobSpec>, Pod[], number, number][] = [
    ['no more than the parallelism', { parallelism: 2, completions: 5 }, [], 2, 0],
    [
      'no more than are still needed',
      { parallelism: 3, completions: 4 },
      [makePod('Succeeded'), makePod('Succeeded'), makePod('Succeeded')],
      1,
      0,
    ],
    [
      'fewer when the parallelism falls',
      { parallelism: 1, completions: 5 },
      [makePod('Running'), makePod('Running')],
      0,
      1,
    ],
    [
      'nobody new once a pod of a work queue says that all is done',
      { parallelism: 2, completions: undefined as never },
      [makePod('Succeeded'), makePod('Running')],
      0,
      0,
    ],
    ['nobody while suspended', { suspend: true }, [makePod('Running')], 0, 1],
  ];
  for (const [title, spec, pods, births, deaths] of numbers)
    it(`runs ${title}`, () => {
      const job = makeJob(spec);
      if (spec.completions === undefined && 'completions' in spec) delete job.spec.completions;
      const made = plan(job, pods);
      assert.deepEqual([made.births.length, made.deaths.length], [births, deaths]);
    });

  const ends: [string, Partial<JobSpec>, Pod[], string[]][] = [
    [
      'completes with as many successes as were wanted',
      {},
      [makePod('Succeeded')],
      ['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached'],
    ],
    [
      'fails past the back-off limit',
      { backoffLimit: 1 },
      [makePod('Failed'), makePod('Failed')],
      ['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded'],
    ],
    [
      'counts restarts in place',
      { backoffLimit: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [] } } },
      [makePod('Running', { restarts: 2 })],
      ['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded'],
    ],
    [
      'fails at once by a rule of its failure policy',
      {
        podFailurePolicy: {
          rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }],
        },
      },
      [makePod('Failed', { exitCode: 42 })],
      ['FailureTarget=True PodFailurePolicy', 'Failed=True PodFailurePolicy'],
    ],
  ];
  for (const [title, spec, pods, conditions] of ends)
    it(title, () => {
      const made = plan(makeJob(spec), pods);
      assert.deepEqual(made.conditions, conditions);
      assert.equal(made.births.length, 0);
    });

  it('does not count failures that its policy ignores', () => {
    const rules = [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [7] } }];
    const job = makeJob({ backoffLimit: 0, podFailurePolicy: { rules } });
    assert.equal(plan(job, [makePod('Failed', { exitCode: 7 })]).births.length, 1);
  });

  it('waits 10 s after a failure, 20 s after the next', () => {
    const endedAt = '2030-01-01T00:00:00Z';
    const one = plan(makeJob(), [makePod('Failed', { endedAt })], NOW_MS + 1_000);
    assert.deepEqual([one.births.length, one.requeueAfterMs], [0, 9_000]);
    const two = [makePod('Failed'), makePod('Failed', { endedAt })];
    assert.equal(plan(makeJob(), two, NOW_MS + 1_000).requeueAfterMs, 19_000);
    assert.equal(plan(makeJob(), two, NOW_MS + 21_000).births.length, 1);
  });

  it('ends at its deadline, with the pods that still run', () => {
    const job = makeJob({ activeDeadlineSeconds: 60 }, { startTime: '2030-01-01T00:00:00Z' });
    const pods = [makePod('Running')];
    assert.equal(plan(job, pods, NOW_MS + 10_000).requeueAfterMs, 50_000);
    const late = plan(job, pods, NOW_MS + 60_000);
    assert.deepEqual(late.conditions, [
      'FailureTarget=True DeadlineExceeded',
      'Failed=True DeadlineExceeded',
    ]);
    assert.equal(late.deaths.length, 1);
  });

  it('goes when its time to live after the end is over', () => {
    const { status } = plan(makeJob(), [makePod('Succeeded')]);
    const job = makeJob({ ttlSecondsAfterFinished: 30 }, status);
    assert.equal(plan(job, [], NOW_MS + 10_000).requeueAfterMs, 20_000);
    assert.deepEqual(plan(job, [], NOW_MS + 30_000).deaths, ['sum']);
  });

  it('has nothing to do once its end is written', () => {
    const { status } = plan(makeJob(), [makePod('Succeeded')]);
    assert.deepEqual(plan(makeJob({}, status), [makePod('Succeeded')]).actions, []);
  });

  describe('when it is indexed', () => {
    const indexed = { completionMode: 'Indexed', completions: 4, parallelism: 2 };

    it('runs the lowest free indexes, each in name, label, host name and environment', () => {
      const pods = [makePod('Succeeded', { index: 0 }), makePod('Running', { index: 1 })];
      const { births, status } = plan(makeJob(indexed), pods);
      assert.equal(births.length, 1);
      const [pod] = births;
      assert.match(pod?.metadata.name ?? '', /^sum-2-[a-z0-9]{5}$/);
      assert.equal(pod?.metadata.labels?.[INDEX_ANNOTATION], '2');
      assert.equal(pod?.spec['hostname'], 'sum-2');
      assert.equal(pod?.spec.containers[0]?.env?.[0]?.name, 'JOB_COMPLETION_INDEX');
      assert.equal(status?.completedIndexes, '0');
    });

    it('completes with every index once, however often one succeeded', () => {
      const twice = [0, 1, 2, 2].map((index) => makePod('Succeeded', { index }));
      assert.deepEqual(plan(makeJob(indexed), twice).conditions, []);
      const all = [0, 1, 2, 3].map((index) => makePod('Succeeded', { index }));
      assert.equal(plan(makeJob(indexed), all).status?.completedIndexes, '0-3');
    });

    it('writes indexes short: 0-2,5,7,8', () => {
      assert.equal(formatIndexes(new Set([8, 0, 1, 2, 5, 7])), '0-2,5,7,8');
    });
  });

  describe('with a limit for each index', () => {
    const indexed = (more: Partial<JobSpec> = {}): Job =>
      makeJob({
        completionMode: 'Indexed',
        completions: 3,
        parallelism: 3,
        backoffLimit: 2_147_483_647,
        backoffLimitPerIndex: 1,
        ...more,
      });
    const indexes = (pods: readonly Pod[]): (string | undefined)[] =>
      pods.map(({ metadata }) => metadata.annotations?.[INDEX_ANNOTATION]);

    it('tries an index again, and says how often it failed before', () => {
      const { births } = plan(indexed(), [makePod('Failed', { index: 1 })]);
      assert.deepEqual(indexes(births), ['0', '1', '2']);
      assert.deepEqual(
        births.map(
          ({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'],
        ),
        ['0', '1', '0'],
      );
    });

    it('lets an index wait for its own failure alone', () => {
      const endedAt = '2029-12-31T23:59:58Z';
      const made = plan(indexed(), [makePod('Failed', { index: 1, endedAt })]);
      assert.deepEqual(indexes(made.births), ['0', '2']);
      assert.equal(made.requeueAfterMs, 8_000);
    });

    it('gives up an index that failed too often, and goes on with the others', () => {
      const failures = [makePod('Failed', { index: 1 }), makePod('Failed', { index: 1 })];
      const made = plan(indexed(), failures);
      assert.deepEqual(indexes(made.births), ['0', '2']);
      assert.equal(made.status?.failedIndexes, '1');
      assert.deepEqual(made.conditions, []);
    });

    it('fails when all indexes have ended and one of them has failed', () => {
      const ended = [
        makePod('Failed', { index: 1 }),
        makePod('Failed', { index: 1 }),
        makePod('Succeeded', { index: 0 }),
        makePod('Succeeded', { index: 2 }),
      ];
      const made = plan(indexed(), ended);
      assert.deepEqual(
        made.events.map(({ reason, message }) => [reason, message]),
        [['FailedIndexes', 'Job has failed indexes']],
      );
      assert.equal(made.status?.completedIndexes, '0,2');
    });

    it('fails at once when more indexes have failed than may', () => {
      const twice = (index: number): Pod[] => [
        makePod('Failed', { index }),
        makePod('Failed', { index }),
      ];
      const made = plan(indexed({ maxFailedIndexes: 1 }), [...twice(0), ...twice(2)]);
      assert.equal(made.events[0]?.reason, 'MaxFailedIndexesExceeded');
      assert.deepEqual(made.births, []);
    });

    it('fails an index at once by a rule of the failure policy', () => {
      const job = indexed({
        podFailurePolicy: {
          rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [42] } }],
        },
      });
      const made = plan(job, [makePod('Failed', { index: 0, exitCode: 42 })]);
      assert.equal(made.status?.failedIndexes, '0');
      assert.deepEqual(indexes(made.births), ['1', '2']);
    });

    it('makes no list of indexes that nobody asked for', () => {
      const made = plan(indexed({ completions: 2_000_000_000, parallelism: 2 }));
      assert.deepEqual(indexes(made.births), ['0', '1']);
    });
  });

  describe('with a success policy', () => {
    const job = (rules: NonNullable<JobSpec['successPolicy']>['rules'] = []): Job =>
      makeJob({
        completionMode: 'Indexed',
        completions: 4,
        parallelism: 4,
        successPolicy: { rules },
      });
    const done = (...list: number[]): Pod[] => list.map((index) => makePod('Succeeded', { index }));
    const reasonOf = (pods: readonly Pod[], given: Job): string | undefined =>
      plan(given, pods).status?.conditions?.find(({ type }) => type === 'Complete')?.message;

    it('completes with the indexes that matter, and stops the others', () => {
      const running = makePod('Running', { index: 3 });
      const made = plan(job([{ succeededIndexes: '0-1' }]), [...done(0, 1), running]);
      assert.deepEqual(made.deaths, [running.metadata.name]);
      assert.equal(
        made.status?.conditions?.find(({ type }) => type === 'Complete')?.reason,
        'SuccessPolicy',
      );
    });

    it('completes with enough of them, by the first rule that matches', () => {
      const given = job([
        { succeededIndexes: '0' },
        { succeededIndexes: '1-3', succeededCount: 2 },
      ]);
      assert.equal(reasonOf(done(1), given), undefined);
      assert.equal(reasonOf(done(1, 3), given), 'Matched rules at index 1');
    });

    it('completes with a number of any', () => {
      assert.equal(reasonOf(done(2), job([{ succeededCount: 1 }])), 'Matched rules at index 0');
    });
  });
});
