/**
 * What a Job needs next: Pods to create and delete, its conditions, its end. Pure. Pods are counted
 * while they exist: one that somebody deletes counts no longer, as before upstream tracked them by
 * finalizers. Source: k8s.io/kubernetes pkg/controller/job (behaviour, words).
 */
import { type Job, type JobCondition, jobKind } from '../../apis/batch/types.ts';
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import type { Container, Pod, PodTemplateSpec } from '../../apis/core/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';
import { claimPods } from '../claim-pods.ts';
import { createPod, deletePod, makePod, randomName } from '../make-pod.ts';
import { isoSeconds, isPodActive, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';
import { formatIndexes, INDEX_ANNOTATION, indexOf } from './completion-index.ts';
import { type FailureVerdict, judgeFailures } from './failure-policy.ts';
import { type Counted, deadlineInMs, findOutcome, type Outcome } from './job-outcome.ts';

/** How often the index of a Pod had failed before it. */
const FAILURE_COUNT_ANNOTATION = 'batch.kubernetes.io/job-index-failure-count';
const BACKOFF_MS = { initial: 10_000, max: 360_000 };

export interface JobPlanOptions {
  readonly nodeName: string | undefined;
  readonly nowMs: number;
  readonly random: Random;
}

/** @param candidates all Pods of the namespace */
export function planJob(job: Job, candidates: readonly Pod[], options: JobPlanOptions): Plan {
  if (job.metadata.deletionTimestamp) return emptyPlan;
  const end = job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  if (end) return planCleanUp(job, end, options.nowMs);
  const { pods, adoptions } = claimPods(job, jobKind, candidates);
  const verdict = judgeFailures(
    job,
    pods.filter(({ status }) => status?.phase === 'Failed'),
  );
  const active = pods.filter(isPodActive);
  const succeeded = pods.filter(({ status }) => status?.phase === 'Succeeded');
  const doneIndexes = new Set(succeeded.flatMap((pod) => indexOf(pod) ?? []));
  const counted: Counted = {
    active,
    succeeded,
    failed: verdict.counted,
    doneIndexes,
    failedIndexes: findFailedIndexes(job, verdict, doneIndexes),
  };
  const suspended = job.spec.suspend === true;
  const outcome = suspended ? undefined : findOutcome(job, counted, verdict.failure, options.nowMs);

  const step = outcome || suspended ? undefined : planActive(job, counted, options);
  const victims = outcome || suspended ? active : (step?.surplus ?? []);
  const actions: Action[] = [
    ...(step?.births ?? []),
    ...adoptions,
    ...victims.map(deletePod),
    ...writeStatus(job, {
      counted,
      outcome,
      suspended,
      gone: victims.length,
      born: step?.births.length ?? 0,
      terminating: pods.filter(isPodLeaving).length + victims.length,
      nowMs: options.nowMs,
    }),
  ];
  const waits = [step?.waitMs, deadlineInMs(job, options.nowMs)].filter(
    (waitMs): waitMs is number => waitMs !== undefined && waitMs > 0,
  );
  return {
    actions,
    events: newsOf(job, outcome, suspended),
    requeueAfterMs: outcome || waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** Indexes that have failed more often than they may, or once and for all; none without a limit for each. */
function findFailedIndexes(
  { spec }: Job,
  { counted, final }: FailureVerdict,
  done: ReadonlySet<number>,
): ReadonlySet<number> {
  const { backoffLimitPerIndex: limit } = spec;
  const failed = new Set<number>();
  if (limit === undefined || spec.completionMode !== 'Indexed') return failed;
  for (const [index, pods] of byIndex(counted))
    if (!done.has(index) && (pods.length > limit || pods.some((pod) => final.includes(pod))))
      failed.add(index);
  return failed;
}

function byIndex(pods: readonly Pod[]): ReadonlyMap<number, readonly Pod[]> {
  const found = new Map<number, Pod[]>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index !== undefined) found.set(index, [...(found.get(index) ?? []), pod]);
  }
  return found;
}

/** The Job's end, and its pauses, as people read them. */
function newsOf(job: Job, outcome: Outcome | undefined, suspended: boolean): PlannedEvent[] {
  const condition = job.status?.conditions?.find(({ type }) => type === 'Suspended');
  const wasSuspended = condition?.status === 'True';
  const say = (reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal') => ({
    object: job,
    type,
    reason,
    message,
  });
  const news: PlannedEvent[] = [];
  if (suspended && !wasSuspended) news.push(say('Suspended', 'Job suspended'));
  if (!suspended && wasSuspended) news.push(say('Resumed', 'Job resumed'));
  if (outcome?.type === 'Complete') news.push(say('Completed', 'Job completed'));
  if (outcome?.type === 'Failed') news.push(say(outcome.reason, outcome.message, 'Warning'));
  return news;
}

/** A finished Job goes `ttlSecondsAfterFinished` after its end; without one it stays. */
function planCleanUp(job: Job, end: JobCondition, nowMs: number): Plan {
  const { ttlSecondsAfterFinished } = job.spec;
  if (ttlSecondsAfterFinished === undefined) return emptyPlan;
  const endedMs = Date.parse(end.lastTransitionTime ?? '') || nowMs;
  const leftMs = endedMs + ttlSecondsAfterFinished * 1000 - nowMs;
  if (leftMs > 0) return { ...emptyPlan, requeueAfterMs: leftMs };
  const { namespace = '', name, uid } = job.metadata;
  return { actions: [{ type: 'delete', kind: jobKind, namespace, name, uid }], events: [] };
}

/** Pods up to the parallelism, no more than are still needed; after a failure only when its wait is over. */
function planActive(
  job: Job,
  counted: Counted,
  options: JobPlanOptions,
): { births: readonly Action[]; surplus: readonly Pod[]; waitMs?: number } {
  const { active, succeeded, doneIndexes } = counted;
  const { completions, parallelism = 1, completionMode } = job.spec;
  const isIndexed = completionMode === 'Indexed';
  const done = isIndexed ? doneIndexes.size + counted.failedIndexes.size : succeeded.length;
  const wanted =
    completions === undefined
      ? // A work queue: once one Pod says that all is done, nobody new begins.
        succeeded.length > 0
        ? Math.min(active.length, parallelism)
        : parallelism
      : Math.min(parallelism, completions - done);
  if (active.length > wanted)
    return { births: [], surplus: [...active].sort(byReadiness).slice(0, active.length - wanted) };
  const missing = wanted - active.length;
  if (missing === 0) return { births: [], surplus: [] };
  if (isIndexed && job.spec.backoffLimitPerIndex !== undefined)
    return { ...planIndexes(job, counted, missing, options), surplus: [] };
  const waitMs = backoffLeftMs(counted, options.nowMs);
  if (waitMs > 0) return { births: [], surplus: [], waitMs };
  const indexes = isIndexed ? freeIndexes(completions ?? 0, counted, missing) : undefined;
  const births = Array.from({ length: indexes?.length ?? missing }, (_, i) =>
    createPod(makeJobPod(job, indexes?.[i], options)),
  );
  return { births, surplus: [] };
}

const byReadiness = (a: Pod, b: Pod): number => Number(isPodReady(a)) - Number(isPodReady(b));

/** 10 s after the first failure in a row, doubling to 6 min; a success in between ends the row. */
function backoffLeftMs(
  { failed, succeeded }: Pick<Counted, 'failed' | 'succeeded'>,
  nowMs: number,
): number {
  const endOf = ({ status, metadata }: Pod): number =>
    Math.max(
      Date.parse(metadata.creationTimestamp ?? '') || 0,
      ...(status?.containerStatuses ?? []).map(
        ({ state }) => Date.parse(state?.terminated?.finishedAt ?? '') || 0,
      ),
    );
  const lastSuccess = Math.max(0, ...succeeded.map(endOf));
  const row = failed.map(endOf).filter((endMs) => endMs > lastSuccess);
  if (row.length === 0) return 0;
  const delayMs = Math.min(BACKOFF_MS.max, BACKOFF_MS.initial * 2 ** Math.min(row.length - 1, 10));
  return Math.max(0, Math.max(...row) + delayMs - nowMs);
}

/** The first free indexes that may begin: there may be more of them than fit into memory. */
function freeIndexes(
  completions: number,
  counted: Counted,
  count: number,
  mayBegin: (index: number) => boolean = () => true,
): readonly number[] {
  const busy = new Set(counted.active.flatMap((pod) => indexOf(pod) ?? []));
  const { doneIndexes, failedIndexes } = counted;
  const free: number[] = [];
  for (let index = 0; index < completions && free.length < count; index++)
    if (!busy.has(index) && !doneIndexes.has(index) && !failedIndexes.has(index) && mayBegin(index))
      free.push(index);
  return free;
}

/** With a limit for each index, each waits for its own failures alone. */
function planIndexes(
  job: Job,
  counted: Counted,
  missing: number,
  options: JobPlanOptions,
): { births: readonly Action[]; waitMs?: number } {
  const failures = byIndex(counted.failed);
  const waits = new Map(
    [...failures].map(([index, failed]) => [
      index,
      backoffLeftMs({ failed, succeeded: [] }, options.nowMs),
    ]),
  );
  const due = freeIndexes(
    job.spec.completions ?? 0,
    counted,
    missing,
    (index) => (waits.get(index) ?? 0) === 0,
  );
  const later = [...waits.values()].filter((waitMs) => waitMs > 0);
  return {
    births: due.map((index) =>
      createPod(
        makeJobPod(job, index, options, {
          [FAILURE_COUNT_ANNOTATION]: String(failures.get(index)?.length ?? 0),
        }),
      ),
    ),
    ...(later.length > 0 ? { waitMs: Math.min(...later) } : {}),
  };
}

function makeJobPod(
  job: Job,
  index: number | undefined,
  options: JobPlanOptions,
  notes: Readonly<Record<string, string>> = {},
): Pod {
  const { name } = job.metadata;
  const identity = { owner: job, ownerKind: jobKind, nodeName: options.nodeName };
  if (index === undefined)
    return makePod({
      ...identity,
      template: job.spec.template,
      name: randomName(name, options.random),
    });
  const annotations = { [INDEX_ANNOTATION]: String(index) };
  return makePod({
    ...identity,
    template: withIndex(job.spec.template, `${name}-${index}`),
    name: randomName(`${name}-${index}`, options.random),
    labels: annotations,
    annotations: { ...annotations, ...notes },
  });
}

/** Programs read their index from the environment, and find each other by host name. */
function withIndex(template: PodTemplateSpec, hostname: string): PodTemplateSpec {
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: {
      fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX_ANNOTATION}']` },
    },
  };
  const extend = (container: Container): Container => ({
    ...container,
    env: [...(container.env ?? []), variable],
  });
  const { spec } = template;
  return {
    ...template,
    spec: {
      ...spec,
      hostname: spec['hostname'] ?? hostname,
      containers: spec.containers.map(extend),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(extend) } : {}),
    },
  };
}

function writeStatus(
  job: Job,
  step: {
    readonly counted: Counted;
    readonly outcome: Outcome | undefined;
    readonly suspended: boolean;
    readonly gone: number;
    readonly born: number;
    readonly terminating: number;
    readonly nowMs: number;
  },
): readonly Action[] {
  const { counted, outcome, suspended, nowMs } = step;
  const now = isoSeconds(nowMs);
  const before = job.status;
  const isEnd = outcome !== undefined;
  const active = isEnd || suspended ? 0 : counted.active.length + step.born - step.gone;
  const isIndexed = job.spec.completionMode === 'Indexed';
  return patchStatus(
    jobKind,
    job,
    {
      conditions: makeConditions(before?.conditions ?? [], { outcome, suspended, now }),
      startTime: suspended ? undefined : (before?.startTime ?? now),
      completionTime: outcome?.type === 'Complete' ? now : undefined,
      active,
      ready: isEnd ? 0 : counted.active.filter(isPodReady).length,
      terminating: step.terminating,
      succeeded: isIndexed ? counted.doneIndexes.size : counted.succeeded.length,
      failed: counted.failed.length + (outcome?.type === 'Failed' ? counted.active.length : 0),
      completedIndexes: isIndexed ? formatIndexes(counted.doneIndexes) || undefined : undefined,
      failedIndexes:
        job.spec.backoffLimitPerIndex === undefined
          ? undefined
          : formatIndexes(counted.failedIndexes) || undefined,
      uncountedTerminatedPods: {},
    },
    ['ready', 'terminating'],
  );
}

function makeConditions(
  before: readonly JobCondition[],
  { outcome, suspended, now }: { outcome: Outcome | undefined; suspended: boolean; now: string },
): JobCondition[] {
  const conditions = [...before];
  const set = (type: string, status: string, reason: string, message: string): void => {
    const index = conditions.findIndex((condition) => condition.type === type);
    if (conditions[index]?.status === status) return;
    const condition = {
      type,
      status,
      lastProbeTime: now,
      lastTransitionTime: now,
      reason,
      message,
    };
    if (index < 0) conditions.push(condition);
    else conditions[index] = condition;
  };
  if (suspended) set('Suspended', 'True', 'JobSuspended', 'Job suspended');
  else if (conditions.some(({ type }) => type === 'Suspended'))
    set('Suspended', 'False', 'JobResumed', 'Job resumed');
  if (outcome) {
    const { type, reason, message } = outcome;
    set(type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget', 'True', reason, message);
    set(type, 'True', reason, message);
  }
  return conditions;
}
