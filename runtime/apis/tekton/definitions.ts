/**
 * What the API server needs to know of Tekton's kinds. Validation covers what would make a run
 * meaningless whoever executes it; what depends on the referenced Task is the build room's condition.
 */
import { disallowedField, invalidValue, missingField } from '../meta/field-error.ts';
import type { FieldError } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import { taskKind, taskRunKind } from './types.ts';
import type { Task, TaskRun, TaskSpec } from './types.ts';

/** Tekton's default; "0" means no limit. */
export const defaultTaskRunTimeout = '1h0m0s';
const managedByLabel = 'app.kubernetes.io/managed-by';

const taskDefinition: KindDefinition<Task> = {
  ...taskKind,
  singular: 'task',
  categories: ['tekton', 'tekton-pipelines'],
  hasStatus: false,
  durability: 'sync',
  columns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  validate: (task) => validateTaskSpec(task.spec, 'spec'),
};

const taskRunDefinition: KindDefinition<TaskRun> = {
  ...taskRunKind,
  singular: 'taskrun',
  shortNames: ['tr', 'trs'],
  categories: ['tekton', 'tekton-pipelines'],
  hasStatus: true,
  durability: 'sync',
  columns: [
    {
      name: 'Succeeded',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Succeeded")].status',
    },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Succeeded")].reason',
    },
    { name: 'StartTime', type: 'date', jsonPath: '.status.startTime' },
    { name: 'CompletionTime', type: 'date', jsonPath: '.status.completionTime' },
  ],
  applyDefaults: applyTaskRunDefaults,
  validate: validateTaskRun,
};

export const tektonDefinitions: readonly KindDefinition[] = [
  taskDefinition as unknown as KindDefinition,
  taskRunDefinition as unknown as KindDefinition,
];

function applyTaskRunDefaults(taskRun: TaskRun): TaskRun {
  const spec = taskRun.spec as TaskRun['spec'] | undefined;
  if (!spec) return taskRun;
  return {
    ...taskRun,
    metadata: {
      ...taskRun.metadata,
      labels: { [managedByLabel]: 'tekton-pipelines', ...taskRun.metadata.labels },
    },
    spec: {
      ...spec,
      serviceAccountName: spec.serviceAccountName ?? 'default',
      timeout: spec.timeout ?? defaultTaskRunTimeout,
      ...(spec.taskRef ? { taskRef: { kind: 'Task', ...spec.taskRef } } : {}),
    },
  };
}

function validateTaskRun(taskRun: TaskRun, context: AdmissionContext): FieldError[] {
  const spec = taskRun.spec as TaskRun['spec'] | undefined;
  if (!spec) return [missingField('spec')];
  const errors: FieldError[] = [];
  if (!spec.taskRef && !spec.taskSpec) errors.push(missingField('spec.taskRef', 'spec.taskSpec'));
  if (spec.taskRef && spec.taskSpec) errors.push(disallowedField('spec.taskRef', 'spec.taskSpec'));
  if (spec.taskRef && !spec.taskRef.name) errors.push(missingField('spec.taskRef.name'));
  if (spec.taskSpec) errors.push(...validateTaskSpec(spec.taskSpec, 'spec.taskSpec'));
  errors.push(...duplicates(spec.params, 'spec.params'));
  errors.push(...duplicates(spec.workspaces, 'spec.workspaces'));
  if (spec.status && spec.status !== 'TaskRunCancelled' && spec.status !== 'TaskRunPending')
    errors.push(
      invalidValue(spec.status, 'spec.status', 'must be TaskRunCancelled or TaskRunPending'),
    );
  if (spec.retries !== undefined && spec.retries < 0)
    errors.push(invalidValue(spec.retries, 'spec.retries'));
  if (context.old && frozen(context.old as TaskRun) !== frozen(taskRun))
    errors.push({
      message: 'invalid value: Once the TaskRun has started, only status updates are allowed',
      paths: ['spec'],
    });
  return errors;
}

/** The part of a spec that never changes after creation. */
function frozen(taskRun: TaskRun): string {
  const { status: _status, statusMessage: _message, ...rest } = taskRun.spec;
  return JSON.stringify(sorted(rest));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const record = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((key) => [key, sorted(record[key])]),
  );
}

function validateTaskSpec(spec: TaskSpec | undefined, path: string): FieldError[] {
  if (!spec?.steps || spec.steps.length === 0) return [missingField(`${path}.steps`)];
  const errors: FieldError[] = [];
  spec.steps.forEach((step, index) => {
    const at = `${path}.steps[${index}]`;
    if (!step.image) errors.push(missingField(`${at}.image`));
    if (step.script !== undefined && step.command && step.command.length > 0)
      errors.push(disallowedField(`${at}.command`, `${at}.script`));
    if (step.onError && step.onError !== 'continue' && step.onError !== 'stopAndFail')
      errors.push(invalidValue(step.onError, `${at}.onError`));
  });
  errors.push(...duplicates(spec.steps, `${path}.steps`));
  errors.push(...duplicates(spec.results, `${path}.results`));
  errors.push(...duplicates(spec.workspaces, `${path}.workspaces`));
  errors.push(...duplicates(spec.params, `${path}.params`));
  for (const [index, param] of (spec.params ?? []).entries()) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(param.name))
      errors.push(invalidValue(param.name, `${path}.params[${index}].name`));
    const found = param.default === undefined ? undefined : typeOfParam(param.default);
    if (found !== undefined && param.type !== undefined && param.type !== found)
      errors.push({
        message: `"${param.type}" type does not match default value's type: "${found}"`,
        paths: [`${path}.params.${param.name}.type`, `${path}.params.${param.name}.default.type`],
      });
  }
  return errors;
}

function duplicates(
  named: readonly { readonly name?: string }[] | undefined,
  path: string,
): FieldError[] {
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const { name } of named ?? []) {
    // Names are unique ignoring case, because they become environment variables and file names.
    const key = name?.toLowerCase();
    if (key === undefined) continue;
    if (seen.has(key))
      errors.push({ message: 'expected exactly one, got both', paths: [`${path}[${name}].name`] });
    seen.add(key);
  }
  return errors;
}

/** `string`, `array` or `object`, as Tekton infers a parameter's type from a value. */
export function typeOfParam(value: unknown): 'string' | 'array' | 'object' {
  return Array.isArray(value) ? 'array' : typeof value === 'object' ? 'object' : 'string';
}
