/** The TaskRun reconciler's decisions: object and execution in, status and command out. */
import assert from 'node:assert/strict';
import type { TaskRun, TaskSpec } from '../../runtime/apis/tekton/types.ts';
import type { ExecutionView } from '../../runtime/build/executor.ts';
import { planTaskRun } from '../../runtime/build/plan-task-run.ts';

const nowMs = Date.parse('2026-01-01T00:10:00.000Z');
const now = new Date(nowMs).toISOString();
const taskSpec: TaskSpec = {
  params: [{ name: 'who', default: 'world' }, { name: 'must' }],
  workspaces: [{ name: 'source' }],
  steps: [{ name: 'one', image: 'knit.local/buildah', script: 'echo $(params.who)' }],
};
const makeTaskRun = (spec: Partial<TaskRun['spec']> = {}, status?: TaskRun['status']): TaskRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'TaskRun',
  metadata: { name: 'build', namespace: 'shop', uid: 'u1', generation: 1 },
  spec: {
    taskSpec,
    params: [{ name: 'must', value: 'x' }],
    workspaces: [{ name: 'source', emptyDir: {} }],
    ...spec,
  },
  ...(status ? { status } : {}),
});
const started = '2026-01-01T00:00:00.000Z';
const runningStep = { name: 'one', container: 'step-one', running: { startedAt: started } };
const doneStep = {
  name: 'one',
  container: 'step-one',
  terminated: { exitCode: 1, reason: 'Error' },
  terminationReason: 'Error',
};
const none: ExecutionView = { phase: 'none' };
const running: ExecutionView = { phase: 'running', steps: [runningStep] };
const failed: ExecutionView = {
  phase: 'finished',
  outcome: { steps: [doneStep], results: [], failure: { reason: 'Failed', message: 'it broke' } },
};
const finished: ExecutionView = {
  phase: 'finished',
  outcome: { steps: [], results: [{ name: 'r', type: 'string', value: 'v' }] },
};

interface Row {
  title: string;
  taskRun: TaskRun;
  spec?: TaskSpec | undefined;
  execution: ExecutionView;
  wantCommand: 'none' | 'start' | 'stop';
  /** status, reason and message of Succeeded; undefined = no status write. */
  wantCondition?: [string, string, RegExp];
  wantEvents?: string[];
}

const rows: Row[] = [
  {
    title: 'a new TaskRun is started and waits for a slot',
    taskRun: makeTaskRun(),
    execution: none,
    wantCommand: 'start',
    wantCondition: ['Unknown', 'Pending', /build slot/],
    wantEvents: ['Started'],
  },
  {
    title: 'a running one says so',
    taskRun: makeTaskRun({}, { startTime: started }),
    execution: running,
    wantCommand: 'none',
    wantCondition: ['Unknown', 'Running', /Not all Steps/],
  },
  {
    title: 'one whose process died starts over',
    taskRun: makeTaskRun({}, { startTime: '2026-01-01T00:09:00.000Z', steps: [runningStep] }),
    execution: none,
    wantCommand: 'start',
    wantCondition: ['Unknown', 'Pending', /build slot/],
  },
  {
    title: 'a finished one succeeds',
    taskRun: makeTaskRun({}, { startTime: started }),
    execution: finished,
    wantCommand: 'none',
    wantCondition: ['True', 'Succeeded', /All Steps have completed executing/],
    wantEvents: ['Succeeded'],
  },
  {
    title: 'a failed one fails with the reason',
    taskRun: makeTaskRun({}, { startTime: started }),
    execution: failed,
    wantCommand: 'stop',
    wantCondition: ['False', 'Failed', /^it broke$/],
    wantEvents: ['Failed'],
  },
  {
    title: 'a failed one with retries left is retried',
    taskRun: makeTaskRun({ retries: 1 }, { startTime: started }),
    execution: failed,
    wantCommand: 'stop',
    wantCondition: ['Unknown', 'ToBeRetried', /it broke/],
  },
  {
    title: 'a failed one without retries left fails',
    taskRun: makeTaskRun({ retries: 1 }, { startTime: started, retriesStatus: [{}] }),
    execution: failed,
    wantCommand: 'stop',
    wantCondition: ['False', 'Failed', /it broke/],
    wantEvents: ['Failed'],
  },
  {
    title: 'cancellation wins over everything',
    taskRun: makeTaskRun({ status: 'TaskRunCancelled', retries: 3 }, { startTime: started }),
    execution: running,
    wantCommand: 'stop',
    wantCondition: ['False', 'TaskRunCancelled', /was cancelled/],
    wantEvents: ['Failed'],
  },
  {
    title: 'a pending one waits',
    taskRun: makeTaskRun({ status: 'TaskRunPending' }),
    execution: none,
    wantCommand: 'none',
    wantCondition: ['Unknown', 'TaskRunPending', /pending/],
  },
  {
    title: 'time runs out after spec.timeout',
    taskRun: makeTaskRun({ timeout: '9m59s' }, { startTime: started }),
    execution: running,
    wantCommand: 'stop',
    wantCondition: ['False', 'TaskRunTimeout', /failed to finish within "9m59s"/],
    wantEvents: ['Failed'],
  },
  {
    title: 'timeout 0 is no limit',
    taskRun: makeTaskRun({ timeout: '0' }, { startTime: '2020-01-01T00:00:00.000Z' }),
    execution: running,
    wantCommand: 'none',
    wantCondition: ['Unknown', 'Running', /./],
  },
  {
    title: 'a Task that does not exist',
    taskRun: makeTaskRun({ taskRef: { name: 'nope' } }),
    spec: undefined,
    execution: none,
    wantCommand: 'stop',
    wantCondition: [
      'False',
      'TaskRunResolutionFailed',
      /the Task "nope" does not exist in namespace "shop"/,
    ],
    wantEvents: ['Failed'],
  },
  {
    title: 'a missing parameter',
    taskRun: makeTaskRun({ params: [] }),
    execution: none,
    wantCommand: 'stop',
    wantCondition: ['False', 'TaskRunValidationFailed', /no default values: \[must\]/],
    wantEvents: ['Failed'],
  },
  {
    title: 'a parameter of the wrong type',
    taskRun: makeTaskRun({ params: [{ name: 'must', value: ['x'] }] }),
    execution: none,
    wantCommand: 'stop',
    wantCondition: ['False', 'InvalidParamValue', /user-specified type: \[must\]/],
    wantEvents: ['Failed'],
  },
  {
    title: 'an unbound workspace',
    taskRun: makeTaskRun({ workspaces: [] }),
    execution: none,
    wantCommand: 'stop',
    wantCondition: ['False', 'TaskRunValidationFailed', /declared workspace "source" is required/],
    wantEvents: ['Failed'],
  },
  {
    title: 'a step with another image',
    taskRun: makeTaskRun(),
    spec: { steps: [{ name: 'x', image: 'alpine' }] },
    execution: none,
    wantCommand: 'stop',
    wantCondition: [
      'False',
      'TaskRunValidationFailed',
      /step "x" has the image "alpine": this home runs only/,
    ],
    wantEvents: ['Failed'],
  },
  {
    title: 'a variable that does not exist',
    taskRun: makeTaskRun(),
    spec: { steps: [{ image: 'knit.local/buildah', script: '$(params.nope)' }] },
    execution: none,
    wantCommand: 'stop',
    wantCondition: [
      'False',
      'TaskRunValidationFailed',
      /non-existent variable in "\$\(params.nope\)"/,
    ],
    wantEvents: ['Failed'],
  },
  {
    title: 'a timeout that is no duration',
    taskRun: makeTaskRun({ timeout: 'soon' }),
    execution: none,
    wantCommand: 'stop',
    wantCondition: ['False', 'TaskRunValidationFailed', /spec.timeout: soon/],
    wantEvents: ['Failed'],
  },
];

describe('TaskRun reconciler', () => {
  for (const row of rows)
    it(row.title, () => {
      const spec = 'spec' in row ? row.spec : taskSpec;
      const decision = planTaskRun(
        { taskRun: row.taskRun, taskSpec: spec, execution: row.execution },
        nowMs,
      );
      assert.equal(decision.command.type, row.wantCommand);
      const [condition] = decision.status?.conditions ?? [];
      assert.deepEqual(
        [condition?.status, condition?.reason],
        row.wantCondition?.slice(0, 2) ?? [undefined, undefined],
      );
      if (row.wantCondition) assert.match(condition?.message ?? '', row.wantCondition[2]);
      assert.deepEqual(
        decision.events.map(({ reason }) => reason),
        row.wantEvents ?? [],
      );
    });

  it('writes nothing and only forgets the execution once a TaskRun has ended', () => {
    const first = planTaskRun(
      { taskRun: makeTaskRun({}, { startTime: started }), taskSpec, execution: finished },
      nowMs,
    );
    const again = planTaskRun(
      { taskRun: makeTaskRun({}, first.status), taskSpec, execution: finished },
      nowMs + 1,
    );
    assert.deepEqual(again, { command: { type: 'stop' }, status: undefined, events: [] });
  });

  it('changes nothing when run on its own result', () => {
    for (const row of rows) {
      const spec = 'spec' in row ? row.spec : taskSpec;
      const first = planTaskRun(
        { taskRun: row.taskRun, taskSpec: spec, execution: row.execution },
        nowMs,
      );
      if (first.status?.conditions?.[0]?.reason === 'ToBeRetried') continue; // Goes on to the next attempt.
      const taskRun = { ...row.taskRun, ...(first.status ? { status: first.status } : {}) };
      const execution =
        first.command.type === 'start' ? ({ phase: 'queued' } as const) : row.execution;
      const again = planTaskRun({ taskRun, taskSpec: spec, execution }, nowMs);
      assert.equal(again.status, undefined, row.title);
      assert.deepEqual(again.events, [], row.title);
    }
  });

  it('ends steps that were cut off with the reason', () => {
    const { status } = planTaskRun(
      {
        taskRun: makeTaskRun({ timeout: '1s' }, { startTime: started }),
        taskSpec,
        execution: running,
      },
      nowMs,
    );
    assert.deepEqual(status?.steps?.[0], {
      name: 'one',
      container: 'step-one',
      terminated: { exitCode: 1, reason: 'TimeoutExceeded', startedAt: started, finishedAt: now },
      terminationReason: 'TimeoutExceeded',
    });
  });

  it('archives a failed attempt and clears its times', () => {
    const { status } = planTaskRun(
      { taskRun: makeTaskRun({ retries: 2 }, { startTime: started }), taskSpec, execution: failed },
      nowMs,
    );
    assert.equal(status?.startTime, undefined);
    assert.equal(status?.retriesStatus?.length, 1);
    assert.equal(status?.retriesStatus?.[0]?.conditions?.[0]?.reason, 'Failed');
  });

  it('looks again when the time is over', () => {
    const { requeueAfterMs } = planTaskRun(
      {
        taskRun: makeTaskRun({ timeout: '11m' }, { startTime: started }),
        taskSpec,
        execution: running,
      },
      nowMs,
    );
    assert.equal(requeueAfterMs, 60_000);
  });
});
