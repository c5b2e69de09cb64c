/** What the workloads of apps/v1 have in common: a selector, a template that it matches, and Pods that go on. Pure. Source: k8s.io/kubernetes pkg/apis/apps/validation (rules, words). */
import { requireRestartPolicy, validatePodSpec } from '../core/pod-rules.ts';
import type { PodTemplateSpec } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, nonNegative, required, unchanged } from '../meta/field-rule.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import {
  isEmptySelector,
  type LabelSelector,
  matchesSelector,
  validateSelector,
} from '../meta/label-selector.ts';

export interface Workload {
  readonly kind: string;
  readonly spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly selector: LabelSelector;
    readonly template: PodTemplateSpec;
  };
}

/** By upstream's word a ReplicaSet is a Deployment here, and so are its Pods a ReplicaSet's. */
const wordsOf: Readonly<Record<string, { readonly empty: string; readonly deadline: string }>> = {
  Deployment: { empty: 'deployment', deadline: 'ReplicaSet' },
  ReplicaSet: { empty: 'deployment', deadline: 'ReplicaSet' },
  StatefulSet: { empty: 'statefulset', deadline: 'StatefulSet' },
  DaemonSet: { empty: 'daemonset', deadline: 'DaemonSet' },
};

export function validateWorkload(object: Workload, context: AdmissionContext): FieldError[] {
  const { spec } = object;
  if (typeof spec !== 'object' || spec === null)
    return [required('spec.selector'), required('spec.template.spec.containers')];
  const { selector, template } = spec;
  const words = wordsOf[object.kind] ?? { empty: 'deployment', deadline: 'ReplicaSet' };
  const before = context.old as unknown as Workload | undefined;
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorProblems(selector, template, words.empty),
    ...validatePodSpec(template?.spec, 'spec.template.spec'),
    ...requireRestartPolicy(template?.spec, 'spec.template.spec', ['Always']),
    ...(template?.spec?.['activeDeadlineSeconds'] === undefined
      ? []
      : [
          forbidden(
            'spec.template.spec.activeDeadlineSeconds',
            `activeDeadlineSeconds in ${words.deadline} is not Supported`,
          ),
        ]),
    ...(before ? unchanged('spec.selector', selector, before.spec.selector) : []),
  ];
}

function selectorProblems(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  word: string,
): FieldError[] {
  const labels = template?.metadata?.labels;
  const mismatch = invalid(
    'spec.template.metadata.labels',
    labels ?? null,
    '`selector` does not match template `labels`',
  );
  if (typeof selector !== 'object' || selector === null)
    return [required('spec.selector'), ...(template ? [mismatch] : [])];
  const problems = validateSelector(selector, 'spec.selector');
  if (problems.length > 0)
    return [...problems, invalid('spec.selector', selector, 'invalid label selector')];
  if (isEmptySelector(selector))
    return [invalid('spec.selector', selector, `empty selector is invalid for ${word}`)];
  return matchesSelector(selector, labels) ? [] : [mismatch];
}
