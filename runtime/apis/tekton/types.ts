/** tekton.dev/v1 TaskRun and Task, as far as the build runner executes them today. */
import type { EnvVar, ResourceRequirements } from '../core/types.ts';
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export type ParamValue = string | string[] | Record<string, string>;

export interface Param {
  name: string;
  value: ParamValue;
}

export interface ParamSpec {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
  default?: ParamValue;
}

export interface Step {
  name?: string;
  image: string;
  command?: string[];
  args?: string[];
  script?: string;
  workingDir?: string;
  env?: EnvVar[];
  onError?: 'stopAndFail' | 'continue';
  timeout?: string;
  computeResources?: ResourceRequirements;
}

export interface TaskResult {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
}

export interface TaskSpec {
  params?: ParamSpec[];
  description?: string;
  steps: Step[];
  results?: TaskResult[];
  workspaces?: { name: string; description?: string; optional?: boolean; mountPath?: string }[];
}

export interface WorkspaceBinding {
  name: string;
  subPath?: string;
  emptyDir?: Record<string, unknown>;
  persistentVolumeClaim?: { claimName: string };
  configMap?: { name: string };
  secret?: { secretName: string };
}

export interface Task extends KubeObject {
  spec: TaskSpec;
}

export interface StepState {
  name: string;
  container: string;
  imageID?: string;
  running?: { startedAt: string };
  waiting?: { reason: string };
  terminated?: {
    exitCode: number;
    reason: string;
    message?: string;
    startedAt?: string;
    finishedAt?: string;
  };
  terminationReason?: string;
}

export interface TaskRun extends KubeObject {
  spec: {
    taskRef?: { name: string; kind?: string };
    taskSpec?: TaskSpec;
    params?: Param[];
    serviceAccountName?: string;
    /** Go duration per attempt; "0" = none. @default 60m */
    timeout?: string;
    retries?: number;
    workspaces?: WorkspaceBinding[];
    status?: 'TaskRunCancelled' | 'TaskRunPending';
    statusMessage?: string;
  };
  status?: {
    observedGeneration?: number;
    conditions?: Condition[];
    podName?: string;
    startTime?: string;
    completionTime?: string;
    steps?: StepState[];
    results?: { name: string; type: string; value: ParamValue }[];
    taskSpec?: TaskSpec;
    /** The status of each attempt that failed and was retried, oldest first. */
    retriesStatus?: NonNullable<TaskRun['status']>[];
  };
}

const tekton = <T extends KubeObject>(kind: string, plural: string): ResourceKind<T> => ({
  group: 'tekton.dev',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});

export const taskKind = tekton<Task>('Task', 'tasks');
export const taskRunKind = tekton<TaskRun>('TaskRun', 'taskruns');
