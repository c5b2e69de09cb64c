/** What a Job must say, alone and as a CronJob's template, and what an update may change of it. Pure. Source: k8s.io/kubernetes pkg/apis/batch/validation (rules, words). */
import { requireRestartPolicy, validatePodSpec } from '../core/pod-rules.ts';
import type { FieldError } from '../meta/field-error.ts';
import {
  duplicate,
  invalid,
  nonNegative,
  notSupported,
  oneOf,
  required,
  unchanged,
} from '../meta/field-rule.ts';
import { matchesSelector, validateSelector } from '../meta/label-selector.ts';
import type { Job, JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from './types.ts';

const PARALLELISM_OF_INDEXED_MAX = 100_000;
const FAILED_INDEXES_MAX = 100_000;
const failureActions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
export const CONTROLLER_UID_LABEL = 'batch.kubernetes.io/controller-uid';

export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const isIndexed = spec.completionMode === 'Indexed';
  return [
    ...nonNegative(`${path}.parallelism`, spec.parallelism),
    ...nonNegative(`${path}.completions`, spec.completions),
    ...nonNegative(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds),
    ...nonNegative(`${path}.backoffLimit`, spec.backoffLimit),
    ...nonNegative(`${path}.ttlSecondsAfterFinished`, spec.ttlSecondsAfterFinished),
    ...nonNegative(`${path}.backoffLimitPerIndex`, spec.backoffLimitPerIndex),
    ...nonNegative(`${path}.maxFailedIndexes`, spec.maxFailedIndexes),
    ...(spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...managerProblems(spec, path),
    ...oneOf(`${path}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed']),
    ...(isIndexed ? indexedProblems(spec, path) : unindexedProblems(spec, path)),
    ...failurePolicyProblems(spec, `${path}.podFailurePolicy.rules`),
    ...successPolicyProblems(spec, `${path}.successPolicy`),
    ...oneOf(
      `${path}.podReplacementPolicy`,
      spec.podReplacementPolicy,
      spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'],
    ),
    ...validatePodSpec(spec.template?.spec, `${path}.template.spec`),
    ...restartProblems(spec, `${path}.template.spec.restartPolicy`),
  ];
}

function managerProblems({ managedBy }: JobSpec, path: string): FieldError[] {
  return managedBy === undefined || /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/.+$/.test(managedBy)
    ? []
    : [
        invalid(
          `${path}.managedBy`,
          managedBy,
          'must be a domain-prefixed path (such as "acme.io/foo")',
        ),
      ];
}

function indexedProblems(spec: JobSpec, path: string): FieldError[] {
  const { completions, parallelism = 0, maxFailedIndexes = 0 } = spec;
  return [
    ...(completions === undefined
      ? [required(`${path}.completions`, 'when completion mode is Indexed')]
      : []),
    ...(parallelism > PARALLELISM_OF_INDEXED_MAX
      ? [
          invalid(
            `${path}.parallelism`,
            parallelism,
            `must be less than or equal to ${PARALLELISM_OF_INDEXED_MAX} when completion mode is Indexed`,
          ),
        ]
      : []),
    ...(completions !== undefined && maxFailedIndexes > completions
      ? [
          invalid(
            `${path}.maxFailedIndexes`,
            maxFailedIndexes,
            'must be less than or equal to completions',
          ),
        ]
      : []),
    ...(maxFailedIndexes > FAILED_INDEXES_MAX
      ? [
          invalid(
            `${path}.maxFailedIndexes`,
            maxFailedIndexes,
            `must be less than or equal to ${FAILED_INDEXES_MAX}`,
          ),
        ]
      : []),
  ];
}

const unindexedProblems = (spec: JobSpec, path: string): FieldError[] =>
  (['backoffLimitPerIndex', 'maxFailedIndexes'] as const).flatMap((field) =>
    spec[field] === undefined
      ? []
      : [invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode')],
  );

function restartProblems(spec: JobSpec, path: string): FieldError[] {
  const policy = spec.template?.spec?.restartPolicy;
  if (policy === undefined || policy === 'Always')
    return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy === 'OnFailure' && spec.podFailurePolicy)
    return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  return requireRestartPolicy(spec.template?.spec, path.slice(0, -'.restartPolicy'.length), [
    'OnFailure',
    'Never',
  ]);
}

function failurePolicyProblems(spec: JobSpec, path: string): FieldError[] {
  const pod = spec.template?.spec;
  const containers = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
  const names = new Set(containers.map(({ name }) => name));
  return (spec.podFailurePolicy?.rules ?? []).flatMap((rule, index) =>
    ruleProblems(spec, rule, { path: `${path}[${index}]`, names }),
  );
}

function ruleProblems(
  spec: JobSpec,
  { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  { path, names }: { readonly path: string; readonly names: ReadonlySet<string> },
): FieldError[] {
  const errors: FieldError[] = [];
  if (!action)
    errors.push(
      required(`${path}.action`, 'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'),
    );
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  else errors.push(...oneOf(`${path}.action`, action, failureActions));
  if (onExitCodes) errors.push(...exitCodeProblems(onExitCodes, `${path}.onExitCodes`, names));
  const both = Boolean(onExitCodes) && onPodConditions.length > 0;
  const neither = !onExitCodes && onPodConditions.length === 0;
  if (both)
    errors.push(bare(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (neither)
    errors.push(bare(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

/** Upstream leaves out the value where it is the whole rule. */
const bare = (path: string, detail: string): FieldError => ({
  message: `Invalid value: ${detail}`,
  paths: [path],
});

function exitCodeProblems(
  { operator, values: given, containerName }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  path: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const errors: FieldError[] = [];
  const values = given ?? [];
  if (!operator) errors.push(required(`${path}.operator`, 'valid values: ["In" "NotIn"]'));
  else errors.push(...oneOf(`${path}.operator`, operator, ['In', 'NotIn']));
  if (containerName !== undefined && !names.has(containerName))
    errors.push(
      invalid(
        `${path}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  if (values.length === 0)
    errors.push(invalid(`${path}.values`, values, 'at least one value is required'));
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0)
      errors.push(invalid(`${path}.values[${index}]`, value, 'must not be 0 for the In operator'));
    if (values.indexOf(value) < index) errors.push(duplicate(`${path}.values[${index}]`, value));
  }
  if (values.some((value, index) => value < (values[index - 1] ?? value)))
    errors.push(invalid(`${path}.values`, values, 'must be ordered'));
  return errors;
}

function successPolicyProblems(spec: JobSpec, path: string): FieldError[] {
  const { successPolicy, completions = 0 } = spec;
  if (!successPolicy) return [];
  const rules = successPolicy.rules ?? [];
  if (spec.completionMode !== 'Indexed') {
    const printed = rules.map(({ succeededIndexes = null, succeededCount = null }) => ({
      SucceededIndexes: succeededIndexes,
      SucceededCount: succeededCount,
    }));
    return [invalid(path, { Rules: printed }, 'requires indexed completion mode')];
  }
  if (rules.length === 0)
    return [
      required(
        `${path}.rules`,
        'at least one rules must be specified when the successPolicy is specified',
      ),
    ];
  return rules.flatMap((rule, index) =>
    successRuleProblems(rule, `${path}.rules[${index}]`, completions),
  );
}

function successRuleProblems(
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  path: string,
  completions: number,
): FieldError[] {
  if (succeededCount === undefined && succeededIndexes === undefined)
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')];
  const errors: FieldError[] = [];
  const total =
    succeededIndexes === undefined ? undefined : countIndexes(succeededIndexes, completions);
  if (typeof total === 'string')
    errors.push(
      invalid(
        `${path}.succeededIndexes`,
        succeededIndexes,
        `error parsing succeededIndexes: ${total}`,
      ),
    );
  if (succeededCount === undefined) return errors;
  const where = `${path}.succeededCount`;
  const most = (bound: number, what: string): FieldError[] =>
    succeededCount > bound
      ? [invalid(where, succeededCount, `must be less than or equal to ${bound} (${what})`)]
      : [];
  errors.push(
    ...nonNegative(where, succeededCount),
    ...most(completions, 'the number of specified completions'),
  );
  if (total !== undefined)
    errors.push(
      ...most(
        typeof total === 'number' ? total : 0,
        'the number of indexes in the specified succeededIndexes field',
      ),
    );
  return errors;
}

/** How many indexes `0-2,5` are, or what is wrong with the text. */
function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0;
  let total = 0;
  let last = -1;
  for (const interval of text.split(',')) {
    const ends = interval.split('-');
    const [first = '', second = first] = ends;
    if (ends.length > 2)
      return `the fragment ${JSON.stringify(interval)} violates the requirement that an index interval can have at most two parts separated by '-'`;
    for (const end of ends) {
      if (!/^\d+$/.test(end))
        return `cannot convert string to integer for index: ${JSON.stringify(end)}`;
      if (Number(end) >= completions) return `too large index: ${JSON.stringify(end)}`;
    }
    const [low, high] = [Number(first), Number(second)];
    if (high < low || (ends.length === 2 && high === low))
      return `non-increasing order, previous: ${low}, current: ${high}`;
    if (last >= low) return `non-increasing order, previous: ${last}, current: ${low}`;
    total += high - low + 1;
    last = high;
  }
  return total;
}

/** The selector is the server's to make, unless the Job says that it brings its own. */
export function validateJobSelector({ spec, metadata }: Job, isNew: boolean): FieldError[] {
  const { selector, template, manualSelector } = spec;
  const errors = selector
    ? validateSelector(selector, 'spec.selector')
    : [required('spec.selector')];
  const labels = template?.metadata?.labels;
  if (
    errors.every(({ message }) => message.startsWith('Required')) &&
    !matchesSelector(selector, labels)
  )
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        labels ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  if (!isNew || manualSelector === true || !selector) return errors;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const isGenerated =
    matchExpressions.length === 0 &&
    Object.keys(matchLabels).length === 1 &&
    matchLabels[CONTROLLER_UID_LABEL] === metadata.uid;
  return isGenerated
    ? errors
    : [invalid('spec.selector', selector, '`selector` not auto-generated'), ...errors];
}

export function validateJobUpdate(spec: JobSpec, old: Job): FieldError[] {
  const before = old.spec;
  const frozen = (field: keyof JobSpec): FieldError[] =>
    unchanged(`spec.${field}`, spec[field] ?? null, before[field] ?? null);
  // An indexed Job may grow and shrink with its parallelism.
  const isElastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  // While suspended and never started, scheduling fields of the template may still change.
  const isHeld = before.suspend === true && !old.status?.startTime;
  return [
    ...(isElastic ? [] : frozen('completions')),
    ...frozen('selector'),
    ...(isHeld ? [] : frozen('template')),
    ...frozen('completionMode'),
    ...frozen('podFailurePolicy'),
    ...frozen('backoffLimitPerIndex'),
    ...frozen('managedBy'),
    ...frozen('successPolicy'),
  ];
}

/** In a CronJob's template the selector cannot be by hand: each Job would have the same. */
export const validateJobTemplate = (spec: JobSpec, path: string): FieldError[] => [
  ...validateJobSpec(spec, path),
  ...(spec.manualSelector === true
    ? [notSupported(`${path}.manualSelector`, true, ['nil', 'false'])]
    : []),
];
