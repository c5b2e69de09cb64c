/** What an API server must know of batch/v1. Source: k8s.io/kubernetes pkg/apis/batch (defaults, rules). */
import { requireRestartPolicy, validatePodSpec } from '../core/pod-rules.ts';
import { defaultTemplate } from '../core/pod-spec.ts';
import { ageColumn, templateColumns } from '../core/workload-columns.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalid, nonNegative, oneOf, required, unchanged } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { CronJob, Job, JobSpec } from './types.ts';
import { cronJobKind, jobKind } from './types.ts';

const BACKOFF_LIMIT_DEFAULT = 6;
const SUCCESSFUL_HISTORY_DEFAULT = 3;
const FAILED_HISTORY_DEFAULT = 1;

const job: KindDefinition<Job> = {
  ...jobKind,
  singular: 'job',
  categories: ['all'],
  hasStatus: true,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[0].type' },
    { name: 'Completions', type: 'integer', jsonPath: '.status.succeeded' },
    { name: 'Duration', type: 'string', jsonPath: '.status.completionTime' },
    ageColumn,
    ...templateColumns('.spec.template'),
  ],
  applyDefaults(object, { operation }) {
    if (typeof object.spec !== 'object' || object.spec === null) return object;
    const spec = defaultJobSpec(object.spec);
    // Upstream's strategy writes selector and labels on create, from the uid that it has just given.
    return {
      ...object,
      spec: operation === 'CREATE' && !spec.manualSelector ? withIdentity(object, spec) : spec,
    };
  },
  validate(object, { old }) {
    if (typeof object.spec !== 'object' || object.spec === null)
      return [required('spec.template.spec.containers')];
    const errors = validateJobSpec(object.spec, 'spec');
    const before = (old as Job | undefined)?.spec;
    if (before) {
      errors.push(...unchanged('spec.selector', object.spec.selector, before.selector));
      errors.push(
        ...unchanged('spec.completionMode', object.spec.completionMode, before.completionMode),
      );
      if (object.spec.completionMode !== 'Indexed')
        errors.push(...unchanged('spec.completions', object.spec.completions, before.completions));
      // While suspended and never started, scheduling fields of the template may still change.
      if (!(before.suspend && !(old as Job).status?.startTime))
        errors.push(...unchanged('spec.template', object.spec.template, before.template));
    }
    return errors;
  },
};

const cronJob: KindDefinition<CronJob> = {
  ...cronJobKind,
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  hasStatus: true,
  columns: [
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
    { name: 'Timezone', type: 'string', jsonPath: '.spec.timeZone' },
    { name: 'Suspend', type: 'boolean', jsonPath: '.spec.suspend' },
    { name: 'Active', type: 'integer', jsonPath: '.status.active' },
    { name: 'Last Schedule', type: 'date', jsonPath: '.status.lastScheduleTime' },
    ageColumn,
    ...templateColumns('.spec.jobTemplate.spec.template'),
  ],
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
    const { spec } = object;
    if (typeof spec !== 'object' || spec === null)
      return [
        required('spec.schedule'),
        required('spec.jobTemplate.spec.template.spec.containers'),
      ];
    const errors: FieldError[] = [];
    if (!spec.schedule) errors.push(required('spec.schedule'));
    else if (!isSchedule(spec.schedule))
      errors.push(
        invalid(
          'spec.schedule',
          spec.schedule,
          'expected exactly 5 fields (minute, hour, day of month, month, day of week) or a descriptor such as @hourly',
        ),
      );
    if (spec.timeZone !== undefined && !isTimeZone(spec.timeZone))
      errors.push(invalid('spec.timeZone', spec.timeZone, `unknown time zone ${spec.timeZone}`));
    errors.push(
      ...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
      ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
      ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
      ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
    );
    if (spec.jobTemplate?.spec)
      errors.push(...validateJobSpec(spec.jobTemplate.spec, 'spec.jobTemplate.spec'));
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
    backoffLimit: spec.backoffLimit ?? BACKOFF_LIMIT_DEFAULT,
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
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  return {
    ...spec,
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
    template: {
      ...spec.template,
      metadata: {
        ...spec.template.metadata,
        labels: { ...spec.template.metadata?.labels, ...labels },
      },
    },
  };
}

function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const errors = [
    ...nonNegative(`${path}.parallelism`, spec.parallelism),
    ...nonNegative(`${path}.completions`, spec.completions),
    ...nonNegative(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds),
    ...nonNegative(`${path}.backoffLimit`, spec.backoffLimit),
    ...nonNegative(`${path}.ttlSecondsAfterFinished`, spec.ttlSecondsAfterFinished),
    ...oneOf(`${path}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed']),
    ...validatePodSpec(spec.template?.spec, `${path}.template.spec`),
  ];
  if (spec.completionMode === 'Indexed' && spec.completions === undefined)
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  const policy = spec.template?.spec?.restartPolicy;
  if (policy === undefined || policy === 'Always')
    errors.push(
      required(`${path}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'),
    );
  else
    errors.push(
      ...requireRestartPolicy(spec.template?.spec, `${path}.template.spec`, ['OnFailure', 'Never']),
    );
  return errors;
}

const descriptors = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)$/;
/** Numbers, names, `*`, `?`, ranges, steps and lists; whether it can fire is the controller's to find out. */
const cronField =
  /^(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(\/[0-9]+)?(,(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(\/[0-9]+)?)*$/;
const CRON_FIELDS = 5;

function isSchedule(schedule: string): boolean {
  if (descriptors.test(schedule)) return true;
  const fields = schedule.trim().split(/\s+/);
  return fields.length === CRON_FIELDS && fields.every((field) => cronField.test(field));
}

function isTimeZone(name: string): boolean {
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return known !== '' && name !== '' && name.toLowerCase() !== 'local';
  } catch {
    return false;
  }
}
