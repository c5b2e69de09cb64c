/** What an API server must know of batch/v1. Source: k8s.io/kubernetes pkg/apis/batch (defaults, rules). */
import { defaultTemplate } from '../core/pod-spec.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalid, nonNegative, oneOf, required } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { scheduleProblem } from './cron-format.ts';
import {
  CONTROLLER_UID_LABEL,
  validateJobSelector,
  validateJobSpec,
  validateJobTemplate,
  validateJobUpdate,
} from './job-rules.ts';
import type { CronJob, Job, JobSpec } from './types.ts';
import { cronJobKind, jobKind } from './types.ts';

const BACKOFF_LIMIT_DEFAULT = 6;
const BACKOFF_LIMIT_NONE = 2_147_483_647;
const SUCCESSFUL_HISTORY_DEFAULT = 3;
const FAILED_HISTORY_DEFAULT = 1;
/** Its Jobs' names are eleven characters longer, and must fit a label. */
const CRON_JOB_NAME_MAX = 52;

const job: KindDefinition<Job> = {
  ...jobKind,
  singular: 'job',
  categories: ['all'],
  hasStatus: true,
  applyDefaults(object, { operation }) {
    if (typeof object.spec !== 'object' || object.spec === null) return object;
    const defaulted = defaultJobSpec(object.spec);
    // Upstream's strategy writes selector and labels on create, from the uid that it has just given.
    const spec =
      operation === 'CREATE' && !defaulted.manualSelector
        ? withIdentity(object, defaulted)
        : defaulted;
    const labels = spec.template?.metadata?.labels;
    const isNamed = Object.keys(object.metadata.labels ?? {}).length > 0;
    return isNamed || !labels
      ? { ...object, spec }
      : { ...object, metadata: { ...object.metadata, labels: { ...labels } }, spec };
  },
  validate(object, { old }) {
    if (typeof object.spec !== 'object' || object.spec === null)
      return [required('spec.template.spec.containers')];
    return [
      ...validateJobSpec(object.spec, 'spec'),
      ...validateJobSelector(object, !old),
      ...(old ? validateJobUpdate(object.spec, old as Job) : []),
    ];
  },
};

const cronJob: KindDefinition<CronJob> = {
  ...cronJobKind,
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  hasStatus: true,
  applyDefaults(object) {
    const { spec } = object;
    if (typeof spec !== 'object' || spec === null) return object;
    const { jobTemplate } = spec;
    const template = jobTemplate?.spec?.template;
    return {
      ...object,
      spec: {
        ...spec,
        concurrencyPolicy: spec.concurrencyPolicy ?? 'Allow',
        suspend: spec.suspend ?? false,
        successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? SUCCESSFUL_HISTORY_DEFAULT,
        failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? FAILED_HISTORY_DEFAULT,
        ...(template
          ? {
              jobTemplate: {
                ...jobTemplate,
                spec: { ...jobTemplate.spec, template: defaultTemplate(template) },
              },
            }
          : {}),
      },
    };
  },
  validate(object) {
    const { spec, metadata } = object;
    if (typeof spec !== 'object' || spec === null)
      return [
        required('spec.schedule'),
        required('spec.jobTemplate.spec.template.spec.containers'),
      ];
    const errors: FieldError[] =
      metadata.name?.length > CRON_JOB_NAME_MAX
        ? [
            invalid(
              'metadata.name',
              metadata.name,
              `must be no more than ${CRON_JOB_NAME_MAX} characters`,
            ),
          ]
        : [];
    if (!spec.schedule) errors.push(required('spec.schedule'));
    else errors.push(...scheduleProblems(spec.schedule));
    if (spec.timeZone === '')
      errors.push(invalid('spec.timeZone', '', 'timeZone must be nil or non-empty string'));
    else if (spec.timeZone !== undefined && !isTimeZone(spec.timeZone))
      errors.push(invalid('spec.timeZone', spec.timeZone, `unknown time zone ${spec.timeZone}`));
    errors.push(
      ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
      ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
      ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
      ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
    );
    if (spec.jobTemplate?.spec)
      errors.push(...validateJobTemplate(spec.jobTemplate.spec, 'spec.jobTemplate.spec'));
    else errors.push(required('spec.jobTemplate.spec.template.spec.containers'));
    return errors;
  },
};

export const batchDefinitions: readonly KindDefinition[] = [
  job as unknown as KindDefinition,
  cronJob as unknown as KindDefinition,
];

function defaultJobSpec(spec: JobSpec): JobSpec {
  const isSingle = spec.completions === undefined && spec.parallelism === undefined;
  return {
    ...spec,
    ...(isSingle ? { completions: 1 } : {}),
    parallelism: spec.parallelism ?? 1,
    // With a limit for each index, the Job itself has none.
    backoffLimit:
      spec.backoffLimit ??
      (spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT_DEFAULT : BACKOFF_LIMIT_NONE),
    completionMode: spec.completionMode ?? 'NonIndexed',
    suspend: spec.suspend ?? false,
    manualSelector: spec.manualSelector ?? false,
    podReplacementPolicy:
      spec.podReplacementPolicy ?? (spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'),
    template: defaultTemplate(spec.template),
  };
}

function withIdentity({ metadata }: Job, spec: JobSpec): JobSpec {
  if (typeof spec.template !== 'object' || spec.template === null) return spec;
  const { uid = '', name } = metadata;
  const labels = {
    [CONTROLLER_UID_LABEL]: uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  return {
    ...spec,
    selector: {
      ...spec.selector,
      matchLabels: { ...spec.selector?.matchLabels, [CONTROLLER_UID_LABEL]: uid },
    },
    template: {
      ...spec.template,
      metadata: {
        ...spec.template.metadata,
        labels: { ...spec.template.metadata?.labels, ...labels },
      },
    },
  };
}

function scheduleProblems(schedule: string): FieldError[] {
  const problem = scheduleProblem(schedule);
  return [
    ...(problem === undefined ? [] : [invalid('spec.schedule', schedule, problem)]),
    ...(schedule.includes('TZ')
      ? [
          invalid(
            'spec.schedule',
            schedule,
            'cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
          ),
        ]
      : []),
  ];
}

function isTimeZone(name: string): boolean {
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return known !== '' && name !== '' && name.toLowerCase() !== 'local';
  } catch {
    return false;
  }
}
