/** What an API server must know of apps/v1. Source: k8s.io/kubernetes pkg/apis/apps (defaults, rules). */
import { isSameStringMap } from '../core/string-map.ts';
import { defaultPodSpec, validatePodSpec } from '../core/pod-spec.ts';
import type { FieldError } from '../meta/field-error.ts';
import { missingField } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import type { Deployment } from './types.ts';
import { deploymentKind } from './types.ts';

const PROGRESS_DEADLINE_SECONDS_DEFAULT = 600;
const REVISION_HISTORY_DEFAULT = 10;

const deployment: KindDefinition<Deployment> = {
  ...deploymentKind,
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  hasStatus: true,
  // Written on the path of a scale-up; serving and the autoscaler restore it after a crash.
  durability: 'behind',
  scale: { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' },
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedReplicas' },
    { name: 'Available', type: 'integer', jsonPath: '.status.availableReplicas' },
  ],
  applyDefaults(object) {
    const { spec } = object;
    if (typeof spec !== 'object' || spec === null) return object;
    const { template } = spec;
    return {
      ...object,
      spec: {
        ...spec,
        replicas: spec.replicas ?? 1,
        progressDeadlineSeconds: spec.progressDeadlineSeconds ?? PROGRESS_DEADLINE_SECONDS_DEFAULT,
        revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISION_HISTORY_DEFAULT,
        strategy: spec.strategy ?? {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
        },
        ...(template?.spec === undefined
          ? {}
          : { template: { ...template, spec: defaultPodSpec(template.spec) } }),
      },
    };
  },
  validate: validateDeployment,
};

export const appsDefinitions: readonly KindDefinition[] = [deployment as unknown as KindDefinition];

function validateDeployment(object: Deployment, context: AdmissionContext): FieldError[] {
  const { spec } = object;
  if (typeof spec !== 'object' || spec === null) return [missingField('spec')];
  const errors = validatePodSpec(spec.template?.spec, 'spec.template.spec');
  const { replicas = 1, selector } = spec;
  if (!Number.isInteger(replicas) || replicas < 0)
    errors.push({ message: `invalid value: ${replicas}`, paths: ['spec.replicas'] });
  if (typeof selector !== 'object' || selector === null)
    return [...errors, missingField('spec.selector')];
  const labels = spec.template?.metadata?.labels ?? {};
  const unmatched = Object.entries(selector.matchLabels ?? {}).some(
    ([key, value]) => labels[key] !== value,
  );
  if (unmatched)
    errors.push({
      message: 'invalid value: `selector` does not match template `labels`',
      paths: ['spec.template.metadata.labels'],
    });
  const before = context.old as Deployment | undefined;
  if (before && !isSameStringMap(before.spec.selector.matchLabels, selector.matchLabels))
    errors.push({ message: 'field is immutable', paths: ['spec.selector'] });
  return errors;
}
