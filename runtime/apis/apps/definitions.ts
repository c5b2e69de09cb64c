/**
 * What an API server must know of apps/v1: one table, in which the kinds differ by defaults and by
 * the rules beyond those of every workload. Source: k8s.io/kubernetes pkg/apis/apps (defaults, rules).
 */
import { defaultTemplate } from '../core/pod-spec.ts';
import { ageColumn } from '../core/workload-columns.ts';
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
import type { KubeObject, ResourceKind } from '../meta/object.ts';
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from './types.ts';
import {
  daemonStrategyProblems,
  statefulStrategyProblems,
  type Strategy,
  validateDeployment,
} from './strategy-rules.ts';
import {
  controllerRevisionKind,
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
} from './types.ts';
import { validateWorkload, type Workload } from './workload-rules.ts';

const PROGRESS_DEADLINE_SECONDS_DEFAULT = 600;
const REVISION_HISTORY_DEFAULT = 10;
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';
const scale = { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' };

type WorkloadObject = KubeObject & Workload & { status?: unknown };

/** What tells one workload from another. */
interface WorkloadRow<T extends WorkloadObject> {
  readonly shortName: string;
  readonly isScaled: boolean;
  /** Written on the path of a scale-up, and made again after a crash. */
  readonly isBehind?: boolean;
  /** Counts that a status has from the start. */
  readonly status?: NonNullable<T['status']>;
  /** The spec's defaults beside those of its template. */
  readonly defaults: (spec: T['spec']) => Partial<T['spec']>;
  readonly validate?: (object: T, context: AdmissionContext) => readonly FieldError[];
  /** Changes to the object beside spec and status. */
  readonly finish?: (object: T, context: AdmissionContext) => T;
}

const workload = <T extends WorkloadObject>(
  kind: ResourceKind<T>,
  row: WorkloadRow<T>,
): KindDefinition => {
  const definition: KindDefinition<T> = {
    ...kind,
    singular: kind.kind.toLowerCase(),
    shortNames: [row.shortName],
    categories: ['all'],
    hasStatus: true,
    ...(row.isBehind ? { durability: 'behind' } : {}),
    ...(row.isScaled ? { scale } : {}),
    applyDefaults(object, context) {
      // An object without a spec comes back as it is, for validation to refuse.
      if (typeof object.spec !== 'object' || object.spec === null) return object;
      const { spec } = object;
      const made: T = {
        ...object,
        spec: { ...spec, ...row.defaults(spec), template: defaultTemplate(spec.template) },
        ...(row.status ? { status: { ...row.status, ...(object.status as object) } } : {}),
      };
      return row.finish?.(made, context) ?? made;
    },
    validate: (object, context) => [
      ...validateWorkload(object, context),
      ...(object.spec ? (row.validate?.(object, context) ?? []) : []),
    ],
  };
  return definition as unknown as KindDefinition;
};

export const appsDefinitions: readonly KindDefinition[] = [
  workload<Deployment>(deploymentKind, {
    shortName: 'deploy',
    isScaled: true,
    // Serving and the autoscaler restore it after a crash.
    isBehind: true,
    defaults: (spec) => ({
      replicas: spec.replicas ?? 1,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS_DEFAULT,
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
      strategy: defaultStrategy(spec.strategy),
    }),
    validate: validateDeployment,
  }),
  workload<ReplicaSet>(replicaSetKind, {
    shortName: 'rs',
    isScaled: true,
    // Made from its Deployment again.
    isBehind: true,
    status: { replicas: 0 },
    defaults: (spec) => ({ replicas: spec.replicas ?? 1 }),
  }),
  workload<StatefulSet>(statefulSetKind, {
    shortName: 'sts',
    isScaled: true,
    status: { replicas: 0, availableReplicas: 0 },
    defaults: (spec) => ({
      podManagementPolicy: spec.podManagementPolicy ?? 'OrderedReady',
      updateStrategy: defaultStatefulStrategy(spec.updateStrategy),
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: spec.persistentVolumeClaimRetentionPolicy?.whenDeleted ?? 'Retain',
        whenScaled: spec.persistentVolumeClaimRetentionPolicy?.whenScaled ?? 'Retain',
      },
      replicas: spec.replicas ?? 1,
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
      ...(Array.isArray(spec.volumeClaimTemplates)
        ? { volumeClaimTemplates: spec.volumeClaimTemplates.map(defaultClaim) }
        : {}),
    }),
    validate: validateStatefulSet,
  }),
  workload<DaemonSet>(daemonSetKind, {
    shortName: 'ds',
    isScaled: false,
    status: {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    },
    defaults: (spec) => ({
      updateStrategy: defaultDaemonStrategy(spec.updateStrategy),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
    }),
    validate: ({ spec }) => daemonStrategyProblems(spec.updateStrategy),
    finish: withTemplateGeneration,
  }),
  {
    ...controllerRevisionKind,
    singular: 'controllerrevision',
    hasStatus: false,
    hasGeneration: false,
    columns: [
      { name: 'Controller', type: 'string', jsonPath: '.metadata.ownerReferences[0].name' },
      { name: 'Revision', type: 'integer', jsonPath: '.revision' },
      ageColumn,
    ],
    validate: (object, { old }) => {
      const { revision, data } = object as ControllerRevision;
      return [
        ...(revision === undefined ? [required('revision')] : []),
        ...nonNegative('revision', revision),
        ...(old ? unchanged('data', data, (old as ControllerRevision).data) : []),
      ];
    },
  },
];

function defaultClaim(
  claim: NonNullable<StatefulSet['spec']['volumeClaimTemplates']>[number],
): typeof claim {
  return {
    ...claim,
    apiVersion: claim.apiVersion ?? 'v1',
    kind: claim.kind ?? 'PersistentVolumeClaim',
    spec: { ...claim.spec, volumeMode: claim.spec?.volumeMode ?? 'Filesystem' },
    status: { phase: 'Pending', ...claim.status },
  };
}

function defaultStatefulStrategy(strategy: Strategy<StatefulSet> = {}): Strategy<StatefulSet> {
  const { type = 'RollingUpdate', rollingUpdate } = strategy;
  if (type !== 'RollingUpdate') return { ...strategy, type };
  return {
    ...strategy,
    type,
    rollingUpdate: { ...rollingUpdate, partition: rollingUpdate?.partition ?? 0 },
  };
}

function defaultDaemonStrategy(strategy: Strategy<DaemonSet> = {}): Strategy<DaemonSet> {
  const { type = 'RollingUpdate', rollingUpdate } = strategy;
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const { maxUnavailable = 1, maxSurge = 0 } = rollingUpdate ?? {};
  return { type, rollingUpdate: { maxUnavailable, maxSurge } };
}

function defaultStrategy(
  strategy: Deployment['spec']['strategy'],
): NonNullable<Deployment['spec']['strategy']> {
  const type = strategy?.type ?? 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const { maxUnavailable = '25%', maxSurge = '25%' } = strategy?.rollingUpdate ?? {};
  return { type, rollingUpdate: { maxUnavailable, maxSurge } };
}

/** How often the template has changed: older clients read it where newer ones read revisions. */
function withTemplateGeneration(object: DaemonSet, { old }: AdmissionContext): DaemonSet {
  const before = old as DaemonSet | undefined;
  const last = Number(before?.metadata.annotations?.[GENERATION_ANNOTATION] ?? 0) || 0;
  const isChanged = !before || !isSameValue(before.spec.template, object.spec.template);
  const generation = String(isChanged ? last + 1 : Math.max(last, 1));
  const { annotations } = object.metadata;
  if (annotations?.[GENERATION_ANNOTATION] === generation) return object;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...annotations, [GENERATION_ANNOTATION]: generation },
    },
  };
}

/** What an update may change of a StatefulSet. */
const mutableFields = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const STATEFUL_UPDATE_RULE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function validateStatefulSet({ spec }: StatefulSet, { old }: AdmissionContext): FieldError[] {
  const { podManagementPolicy: policy, persistentVolumeClaimRetentionPolicy: retention } = spec;
  const before = (old as StatefulSet | undefined)?.spec;
  const isMoved = before && !isSameValue(frozenOf(spec), frozenOf(before));
  return [
    ...(policy === 'OrderedReady' || policy === 'Parallel'
      ? []
      : [invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")]),
    ...statefulStrategyProblems(spec.updateStrategy),
    ...oneOf('spec.persistentVolumeClaimRetentionPolicy.whenDeleted', retention?.whenDeleted, [
      'Retain',
      'Delete',
    ]),
    ...oneOf('spec.persistentVolumeClaimRetentionPolicy.whenScaled', retention?.whenScaled, [
      'Retain',
      'Delete',
    ]),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...(isMoved ? [forbidden('spec', STATEFUL_UPDATE_RULE)] : []),
  ];
}

function frozenOf(spec: StatefulSet['spec']): unknown {
  const rest: Partial<StatefulSet['spec']> = { ...spec };
  for (const field of mutableFields) delete rest[field];
  return rest;
}
