/**
 * Checks a TaskRun against its Task and yields what to run: parameters with defaults, bound
 * workspaces, timeout. Pure; real paths come in later, when the steps are prepared.
 */
import { typeOfParam } from '../apis/tekton/definitions.ts';
import { buildahImage } from '../apis/knit.ts';
import type {
  ParamSpec,
  ParamValue,
  TaskRun,
  TaskSpec,
  WorkspaceBinding,
} from '../apis/tekton/types.ts';
import { parseGoDuration } from './go-duration.ts';
import { substitute, substituteList, UnknownVariable } from './substitution.ts';
import type { Variables } from './substitution.ts';

/** A TaskRun that can be executed. */
export interface RunnableTask {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Failed attempts so far. */
  readonly attempt: number;
  readonly spec: TaskSpec;
  readonly params: ReadonlyMap<string, ParamValue>;
  readonly workspaces: readonly WorkspaceBinding[];
}

export interface Refusal {
  readonly reason: 'TaskRunValidationFailed' | 'TaskRunResolutionFailed' | 'InvalidParamValue';
  readonly message: string;
}

export type Resolution = { readonly run: RunnableTask } | { readonly refusal: Refusal };

/** Tekton's default. */
const timeoutMsDefault = 3_600_000;

/** Time that one attempt may take; 0 means no limit. */
export const timeoutMsOf = (taskRun: TaskRun): number =>
  parseGoDuration(taskRun.spec.timeout ?? '') ?? timeoutMsDefault;

/** @param taskSpec the inline spec or the referenced Task's; undefined when that does not exist. */
export function resolveTaskRun(taskRun: TaskRun, taskSpec: TaskSpec | undefined): Resolution {
  const { namespace = '', name, uid = '' } = taskRun.metadata;
  if (!taskSpec)
    return refuse(
      'TaskRunResolutionFailed',
      `the Task "${taskRun.spec.taskRef?.name ?? ''}" does not exist in namespace "${namespace}"`,
    );
  if (taskRun.spec.timeout !== undefined && parseGoDuration(taskRun.spec.timeout) === undefined)
    return refuse(
      'TaskRunValidationFailed',
      `spec.timeout: ${taskRun.spec.timeout}, must be a duration such as 10m0s`,
    );
  const params = resolveParams(taskSpec.params ?? [], taskRun);
  if ('refusal' in params) return params;
  const unbound = (taskSpec.workspaces ?? []).filter(
    (declared) =>
      !declared.optional && !taskRun.spec.workspaces?.some(({ name: n }) => n === declared.name),
  );
  if (unbound.length > 0)
    return refuse(
      'TaskRunValidationFailed',
      `bind to workspaces: declared workspace "${unbound[0]?.name ?? ''}" is required but has not been bound`,
    );
  const foreign = taskSpec.steps.find(({ image }) => image !== buildahImage);
  if (foreign)
    return refuse(
      'TaskRunValidationFailed',
      `step "${foreign.name ?? ''}" has the image "${foreign.image}": this home runs only steps with the image ${buildahImage}`,
    );
  const run: RunnableTask = {
    namespace,
    name,
    uid,
    attempt: taskRun.status?.retriesStatus?.length ?? 0,
    spec: taskSpec,
    params: params.values,
    workspaces: taskRun.spec.workspaces ?? [],
  };
  const unknown = findUnknownVariable(run);
  return unknown === undefined ? { run } : refuse('TaskRunValidationFailed', unknown);
}

/** Where the things that variables name are on this machine. */
export interface RunPaths {
  readonly workspace: (name: string) => string;
  readonly result: (name: string) => string;
}

/** Every variable that steps may use. */
export function makeVariables(run: RunnableTask, paths: RunPaths): Variables {
  const variables = new Map<string, ParamValue>();
  for (const [name, value] of run.params) variables.set(`params.${name}`, value);
  for (const { name } of run.spec.workspaces ?? []) {
    const binding = run.workspaces.find((each) => each.name === name);
    variables.set(`workspaces.${name}.path`, binding ? paths.workspace(name) : '');
    variables.set(`workspaces.${name}.bound`, String(binding !== undefined));
    variables.set(`workspaces.${name}.claim`, binding?.persistentVolumeClaim?.claimName ?? '');
  }
  for (const { name } of run.spec.results ?? [])
    variables.set(`results.${name}.path`, paths.result(name));
  variables.set('context.taskRun.name', run.name);
  variables.set('context.taskRun.namespace', run.namespace);
  variables.set('context.taskRun.uid', run.uid);
  variables.set('context.task.retry-count', String(run.attempt));
  return variables;
}

/** A step with every variable replaced. */
export interface ResolvedStep {
  readonly name: string;
  readonly script: string | undefined;
  /** command and args; with a script only args. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
  readonly continuesOnError: boolean;
  /** 0 means no limit beyond the TaskRun's. */
  readonly timeoutMs: number;
}

/** @throws {UnknownVariable} */
export function resolveSteps(run: RunnableTask, variables: Variables): ResolvedStep[] {
  return run.spec.steps.map((step, index) => ({
    name: step.name ?? `unnamed-${index}`,
    script: step.script === undefined ? undefined : substitute(step.script, variables),
    words: [
      ...substituteList(step.command ?? [], variables),
      ...substituteList(step.args ?? [], variables),
    ],
    env: Object.fromEntries(
      (step.env ?? []).map(({ name, value }) => [name, substitute(value ?? '', variables)]),
    ),
    workingDir: step.workingDir === undefined ? undefined : substitute(step.workingDir, variables),
    continuesOnError: step.onError === 'continue',
    timeoutMs: parseGoDuration(step.timeout ?? '0') ?? 0,
  }));
}

function findUnknownVariable(run: RunnableTask): string | undefined {
  try {
    resolveSteps(run, makeVariables(run, { workspace: String, result: String }));
    return undefined;
  } catch (error) {
    if (error instanceof UnknownVariable) return error.message;
    throw error;
  }
}

function resolveParams(
  declared: readonly ParamSpec[],
  taskRun: TaskRun,
): { readonly values: ReadonlyMap<string, ParamValue> } | { readonly refusal: Refusal } {
  const given = new Map((taskRun.spec.params ?? []).map(({ name, value }) => [name, value]));
  const values = new Map<string, ParamValue>();
  const missing: string[] = [];
  const mistyped: string[] = [];
  for (const spec of declared) {
    const value = given.get(spec.name) ?? spec.default;
    const type = spec.type ?? (spec.default === undefined ? 'string' : typeOfParam(spec.default));
    if (value === undefined) missing.push(spec.name);
    else if (typeOfParam(value) !== type) mistyped.push(spec.name);
    else values.set(spec.name, value);
  }
  if (missing.length > 0)
    return refuse(
      'TaskRunValidationFailed',
      `invalid input params: missing values for these params which have no default values: [${missing.join(' ')}]`,
    );
  if (mistyped.length > 0)
    return refuse(
      'InvalidParamValue',
      `invalid input params: param types don't match the user-specified type: [${mistyped.join(' ')}]`,
    );
  return { values };
}

const refuse = (reason: Refusal['reason'], message: string): { refusal: Refusal } => ({
  refusal: { reason, message },
});
