/** Kubernetes' batch/v1 kinds, with the fields that their controllers read and write. */
import type { PodTemplateSpec } from '../core/types.ts';
import type { LabelSelector } from '../meta/label-selector.ts';
import type { KubeObject, ObjectMeta, ResourceKind } from '../meta/object.ts';

export interface PodFailurePolicyRule {
  action: string;
  onExitCodes?: { containerName?: string; operator: string; values: number[] };
  onPodConditions?: { type: string; status?: string }[];
}

/** All of these indexes, or so many of them. */
export interface SuccessPolicyRule {
  succeededIndexes?: string;
  succeededCount?: number;
}

export interface JobSpec {
  parallelism?: number;
  completions?: number;
  activeDeadlineSeconds?: number;
  backoffLimit?: number;
  completionMode?: string;
  manualSelector?: boolean;
  selector?: LabelSelector;
  suspend?: boolean;
  podReplacementPolicy?: string;
  podFailurePolicy?: { rules: PodFailurePolicyRule[] };
  successPolicy?: { rules?: SuccessPolicyRule[] };
  /** For `Indexed` Jobs: failures of one index, and how many indexes may fail. */
  backoffLimitPerIndex?: number;
  maxFailedIndexes?: number;
  managedBy?: string;
  ttlSecondsAfterFinished?: number;
  template: PodTemplateSpec;
}

export interface JobCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastProbeTime?: string;
  lastTransitionTime?: string;
}

export interface Job extends KubeObject {
  spec: JobSpec;
  status?: {
    conditions?: JobCondition[];
    startTime?: string;
    completionTime?: string;
    active?: number;
    ready?: number;
    terminating?: number;
    succeeded?: number;
    failed?: number;
    completedIndexes?: string;
    failedIndexes?: string;
    uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
  };
}

export interface CronJob extends KubeObject {
  spec: {
    schedule: string;
    timeZone?: string;
    startingDeadlineSeconds?: number;
    concurrencyPolicy?: string;
    suspend?: boolean;
    successfulJobsHistoryLimit?: number;
    failedJobsHistoryLimit?: number;
    jobTemplate: {
      metadata?: Partial<Pick<ObjectMeta, 'labels' | 'annotations'>>;
      spec: JobSpec;
    };
  };
  status?: {
    active?: {
      apiVersion?: string;
      kind?: string;
      name?: string;
      namespace?: string;
      uid?: string;
      resourceVersion?: string;
    }[];
    lastScheduleTime?: string;
    lastSuccessfulTime?: string;
  };
}

const batch = <T extends KubeObject>(kind: string, plural: string): ResourceKind<T> => ({
  group: 'batch',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});

export const jobKind = batch<Job>('Job', 'jobs');
export const cronJobKind = batch<CronJob>('CronJob', 'cronjobs');
