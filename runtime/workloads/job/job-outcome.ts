/**
 * Whether a Job has come to its end, and how it is said. Pure.
 * Source: k8s.io/kubernetes pkg/controller/job job_controller.go, success_policy.go (behaviour, words).
 */
import type { Job } from '../../apis/batch/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import { parseIndexes } from './completion-index.ts';

const BACKOFF_LIMIT_DEFAULT = 6;

export interface Outcome {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

export interface Counted {
  readonly active: readonly Pod[];
  readonly succeeded: readonly Pod[];
  /** Failures that count against the limit. */
  readonly failed: readonly Pod[];
  /** Indexes that have succeeded, and those that have failed for good; for `Indexed` only. */
  readonly doneIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
}

const failed = (reason: string, message: string): Outcome => ({ type: 'Failed', reason, message });

/** How long the Job may still be active; undefined when nobody has said. */
export function deadlineInMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || spec.suspend) return undefined;
  const startMs = Date.parse(status?.startTime ?? '') || nowMs;
  return startMs + spec.activeDeadlineSeconds * 1000 - nowMs;
}

/** @param failure why a rule of the failure policy ends the Job. */
export function findOutcome(
  job: Job,
  counted: Counted,
  failure: string | undefined,
  nowMs: number,
): Outcome | undefined {
  const { completions, backoffLimit = BACKOFF_LIMIT_DEFAULT, maxFailedIndexes } = job.spec;
  const { active, succeeded, doneIndexes, failedIndexes } = counted;
  if (failure !== undefined) return failed('PodFailurePolicy', failure);
  if (counted.failed.length > backoffLimit || hasTooManyRestarts(job, active, backoffLimit))
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes)
    return failed(
      'MaxFailedIndexesExceeded',
      'Job has exceeded the specified maximal number of failed indexes',
    );
  if ((deadlineInMs(job, nowMs) ?? 1) <= 0)
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  const rule = matchedSuccessRule(job, doneIndexes);
  if (rule !== undefined)
    return {
      type: 'Complete',
      reason: 'SuccessPolicy',
      message: `Matched rules at index ${rule}`,
    };
  const done = job.spec.completionMode === 'Indexed' ? doneIndexes.size : succeeded.length;
  if (failedIndexes.size > 0 && done + failedIndexes.size >= (completions ?? Infinity))
    return failed('FailedIndexes', 'Job has failed indexes');
  const isComplete =
    completions === undefined ? done > 0 && active.length === 0 : done >= completions;
  return isComplete
    ? {
        type: 'Complete',
        reason: 'CompletionsReached',
        message: 'Reached expected number of succeeded pods',
      }
    : undefined;
}

/** A container that restarts in place has failed too, though its Pod goes on. */
function hasTooManyRestarts({ spec }: Job, active: readonly Pod[], limit: number): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const restarts = active
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  return restarts > 0 && restarts >= limit;
}

/** The first rule whose indexes have succeeded, or enough of them. */
function matchedSuccessRule({ spec }: Job, done: ReadonlySet<number>): number | undefined {
  const found = (spec.successPolicy?.rules ?? []).findIndex(
    ({ succeededIndexes, succeededCount }) => {
      const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes);
      const met = wanted ? [...wanted].filter((index) => done.has(index)).length : done.size;
      return met >= (succeededCount ?? wanted?.size ?? Infinity);
    },
  );
  return found < 0 ? undefined : found;
}
