/** What an API server must know of apps/v1. Source: k8s.io/kubernetes pkg/apis/apps (defaults, rules). */
import { requireRestartPolicy, validatePodSpec } from '../core/pod-rules.ts';
import { defaultTemplate } from '../core/pod-spec.ts';
import type { PodTemplateSpec } from '../core/types.ts';
import { ageColumn, templateColumns } from '../core/workload-columns.ts';
import type { FieldError } from '../meta/field-error.ts';
import {
  forbidden,
  invalid,
  isSameValue,
  nonNegative,
  oneOf,
  required,
  unchanged,
} from '../meta/field-rule.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import {
  isEmptySelector,
  type LabelSelector,
  matchesSelector,
  validateSelector,
} from '../meta/label-selector.ts';
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from './types.ts';
import {
  controllerRevisionKind,
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
} from './types.ts';

const PROGRESS_DEADLINE_SECONDS_DEFAULT = 600;
const REVISION_HISTORY_DEFAULT = 10;
const scale = { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' };
const intOrPercent = /^[0-9]+%$/;

const deployment: KindDefinition<Deployment> = {
  ...deploymentKind,
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  hasStatus: true,
  // Written on the path of a scale-up; serving and the autoscaler restore it after a crash.
  durability: 'behind',
  scale,
  columns: [
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedReplicas' },
    { name: 'Available', type: 'integer', jsonPath: '.status.availableReplicas' },
    ageColumn,
    ...templateColumns('.spec.template'),
  ],
  applyDefaults: (object) =>
    withSpec(object, (spec) => ({
      ...spec,
      replicas: spec.replicas ?? 1,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS_DEFAULT,
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
      strategy: defaultStrategy(spec.strategy),
      template: defaultTemplate(spec.template),
    })),
  validate(object, context) {
    const { spec } = object;
    const errors = validateWorkload(object, context);
    if (!spec) return errors;
    const { type, rollingUpdate } = spec.strategy ?? {};
    errors.push(...oneOf('spec.strategy.type', type, ['Recreate', 'RollingUpdate']));
    if (type === 'Recreate' && rollingUpdate)
      errors.push(
        forbidden(
          'spec.strategy.rollingUpdate',
          "may not be specified when strategy `type` is 'Recreate'",
        ),
      );
    if (rollingUpdate)
      errors.push(...validateRollingUpdate(rollingUpdate, 'spec.strategy.rollingUpdate'));
    errors.push(
      ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...nonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds),
    );
    if ((spec.progressDeadlineSeconds ?? Infinity) <= (spec.minReadySeconds ?? 0))
      errors.push(
        invalid(
          'spec.progressDeadlineSeconds',
          spec.progressDeadlineSeconds,
          'must be greater than minReadySeconds',
        ),
      );
    return errors;
  },
};

const replicaSet: KindDefinition<ReplicaSet> = {
  ...replicaSetKind,
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  hasStatus: true,
  // On the path of a scale-up, and made from its Deployment again after a crash.
  durability: 'behind',
  scale,
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Current', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    ageColumn,
    ...templateColumns('.spec.template'),
  ],
  applyDefaults: (object) =>
    withStatus(
      withSpec(object, (spec) => ({
        ...spec,
        replicas: spec.replicas ?? 1,
        template: defaultTemplate(spec.template),
      })),
      { replicas: 0 },
    ),
  validate: validateWorkload,
};

const statefulSet: KindDefinition<StatefulSet> = {
  ...statefulSetKind,
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  hasStatus: true,
  scale,
  columns: [
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    ageColumn,
    ...templateColumns('.spec.template'),
  ],
  applyDefaults: (object) =>
    withStatus(
      withSpec(object, (spec) => ({
        ...spec,
        podManagementPolicy: spec.podManagementPolicy ?? 'OrderedReady',
        updateStrategy:
          spec.updateStrategy?.type === 'OnDelete'
            ? spec.updateStrategy
            : {
                ...spec.updateStrategy,
                type: spec.updateStrategy?.type ?? 'RollingUpdate',
                rollingUpdate: {
                  ...spec.updateStrategy?.rollingUpdate,
                  partition: spec.updateStrategy?.rollingUpdate?.partition ?? 0,
                },
              },
        persistentVolumeClaimRetentionPolicy: {
          whenDeleted: spec.persistentVolumeClaimRetentionPolicy?.whenDeleted ?? 'Retain',
          whenScaled: spec.persistentVolumeClaimRetentionPolicy?.whenScaled ?? 'Retain',
        },
        replicas: spec.replicas ?? 1,
        revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
        template: defaultTemplate(spec.template),
        ...(Array.isArray(spec.volumeClaimTemplates)
          ? { volumeClaimTemplates: spec.volumeClaimTemplates.map(defaultClaim) }
          : {}),
      })),
      { replicas: 0, availableReplicas: 0 },
    ),
  validate(object, context) {
    const errors = validateWorkload(object, context);
    if (!object.spec) return errors;
    const { spec } = object;
    errors.push(
      ...oneOf('spec.podManagementPolicy', spec.podManagementPolicy, ['OrderedReady', 'Parallel']),
      ...oneOf('spec.updateStrategy.type', spec.updateStrategy?.type, [
        'RollingUpdate',
        'OnDelete',
      ]),
      ...nonNegative(
        'spec.updateStrategy.rollingUpdate.partition',
        spec.updateStrategy?.rollingUpdate?.partition,
      ),
      ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    );
    const before = (context.old as StatefulSet | undefined)?.spec;
    const frozen = ({ ...rest }: StatefulSet['spec']): unknown => {
      for (const key of [
        'replicas',
        'ordinals',
        'template',
        'updateStrategy',
        'revisionHistoryLimit',
        'persistentVolumeClaimRetentionPolicy',
        'minReadySeconds',
      ] as const)
        delete (rest as Partial<StatefulSet['spec']>)[key];
      return rest;
    };
    if (before && !isSameValue(frozen(spec), frozen(before)))
      errors.push(
        forbidden(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      );
    return errors;
  },
};

const daemonSet: KindDefinition<DaemonSet> = {
  ...daemonSetKind,
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredNumberScheduled' },
    { name: 'Current', type: 'integer', jsonPath: '.status.currentNumberScheduled' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.numberReady' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedNumberScheduled' },
    { name: 'Available', type: 'integer', jsonPath: '.status.numberAvailable' },
    ageColumn,
    ...templateColumns('.spec.template'),
  ],
  applyDefaults: (object) =>
    withStatus(
      withSpec(object, (spec) => ({
        ...spec,
        updateStrategy:
          spec.updateStrategy?.type === 'OnDelete'
            ? spec.updateStrategy
            : {
                type: spec.updateStrategy?.type ?? 'RollingUpdate',
                rollingUpdate: {
                  maxUnavailable: spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
                  maxSurge: spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0,
                },
              },
        revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
        template: defaultTemplate(spec.template),
      })),
      {
        currentNumberScheduled: 0,
        numberMisscheduled: 0,
        desiredNumberScheduled: 0,
        numberReady: 0,
      },
    ),
  validate(object, context) {
    const errors = validateWorkload(object, context);
    const strategy = object.spec?.updateStrategy;
    errors.push(
      ...oneOf('spec.updateStrategy.type', strategy?.type, ['RollingUpdate', 'OnDelete']),
    );
    return errors;
  },
};

const controllerRevision: KindDefinition<ControllerRevision> = {
  ...controllerRevisionKind,
  singular: 'controllerrevision',
  hasStatus: false,
  hasGeneration: false,
  columns: [
    { name: 'Controller', type: 'string', jsonPath: '.metadata.ownerReferences[0].name' },
    { name: 'Revision', type: 'integer', jsonPath: '.revision' },
    ageColumn,
  ],
  validate: (object, { old }) => [
    ...(object.revision === undefined ? [required('revision')] : []),
    ...nonNegative('revision', object.revision),
    ...(old ? unchanged('data', object.data, (old as ControllerRevision).data) : []),
  ],
};

export const appsDefinitions: readonly KindDefinition[] = [
  deployment as unknown as KindDefinition,
  replicaSet as unknown as KindDefinition,
  statefulSet as unknown as KindDefinition,
  daemonSet as unknown as KindDefinition,
  controllerRevision as unknown as KindDefinition,
];

/** An object without a spec comes back as it is, for validation to refuse. */
function withSpec<T extends { spec: object }>(
  object: T,
  change: (spec: T['spec']) => T['spec'],
): T {
  if (typeof object.spec !== 'object' || object.spec === null) return object;
  return { ...object, spec: change(object.spec) };
}

const withStatus = <T extends { status?: unknown }>(
  object: T,
  status: NonNullable<T['status']>,
): T => (object.status === undefined ? { ...object, status } : object);

function defaultClaim(
  claim: NonNullable<StatefulSet['spec']['volumeClaimTemplates']>[number],
): typeof claim {
  return {
    ...claim,
    apiVersion: claim.apiVersion ?? 'v1',
    kind: claim.kind ?? 'PersistentVolumeClaim',
    spec: { ...claim.spec, volumeMode: claim.spec?.volumeMode ?? 'Filesystem' },
    status: claim.status ?? { phase: 'Pending' },
  };
}

function defaultStrategy(
  strategy: Deployment['spec']['strategy'],
): NonNullable<Deployment['spec']['strategy']> {
  const type = strategy?.type ?? 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const { maxUnavailable = '25%', maxSurge = '25%' } = strategy?.rollingUpdate ?? {};
  return { type, rollingUpdate: { maxUnavailable, maxSurge } };
}

function validateRollingUpdate(
  update: { maxUnavailable?: number | string; maxSurge?: number | string },
  path: string,
): FieldError[] {
  const { maxUnavailable, maxSurge } = update;
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries({ maxUnavailable, maxSurge }))
    if (typeof value === 'string' && !intOrPercent.test(value))
      errors.push(
        invalid(
          `${path}.${key}`,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      );
    else if (typeof value === 'number') errors.push(...nonNegative(`${path}.${key}`, value));
  const isZero = (value: unknown): boolean => value === 0 || value === '0%';
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(
      invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
    );
  return errors;
}

/** What Deployment, ReplicaSet, StatefulSet and DaemonSet have in common. */
function validateWorkload(
  object: {
    readonly spec: {
      readonly replicas?: number;
      readonly minReadySeconds?: number;
      readonly selector: LabelSelector;
      readonly template: PodTemplateSpec;
    };
  },
  context: AdmissionContext,
): FieldError[] {
  const { spec } = object;
  if (typeof spec !== 'object' || spec === null)
    return [required('spec.selector'), required('spec.template.spec.containers')];
  const { selector, template } = spec;
  const errors: FieldError[] = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
  ];
  if (typeof selector !== 'object' || selector === null) errors.push(required('spec.selector'));
  else {
    errors.push(...validateSelector(selector, 'spec.selector'));
    const labels = template?.metadata?.labels;
    if (isEmptySelector(selector))
      errors.push(invalid('spec.selector', selector, 'empty selector is invalid for deployment'));
    else if (!matchesSelector(selector, labels))
      errors.push(
        invalid(
          'spec.template.metadata.labels',
          labels ?? null,
          '`selector` does not match template `labels`',
        ),
      );
  }
  errors.push(...validatePodSpec(template?.spec, 'spec.template.spec'));
  errors.push(...requireRestartPolicy(template?.spec, 'spec.template.spec', ['Always']));
  const before = context.old as unknown as typeof object | undefined;
  if (before) errors.push(...unchanged('spec.selector', selector, before.spec.selector));
  return errors;
}
