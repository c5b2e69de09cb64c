/** What a HorizontalPodAutoscaler may say. Pure. Source: k8s.io/kubernetes pkg/apis/autoscaling/validation (rules, words). */
import { containerResourceProblems } from '../core/resource-names.ts';
import { quantityOf } from '../core/resource-list.ts';
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, notSupported, required } from '../meta/field-rule.ts';
import { dnsLabelProblems, pathSegmentProblems } from '../meta/name-rules.ts';
import {
  metricParts,
  type HorizontalPodAutoscaler,
  type Metric,
  type MetricNumbers,
  type MetricPart,
  type MetricSource,
  type ScaleTargetRef,
  type ScalingRules,
} from './horizontal-types.ts';

const PERIOD_SECONDS_MAX = 1_800;
const STABILIZATION_SECONDS_MAX = 3_600;
const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const targetTypes = ['Utilization', 'Value', 'AverageValue'];

export function validateAutoscaler({ spec = {} }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef = {}, metrics = [], behavior } = spec;
  const atLeast = (bound: string): string => `must be greater than or equal to ${bound}`;
  return [
    ...(minReplicas < 1 ? [invalid('spec.minReplicas', minReplicas, atLeast('1'))] : []),
    ...(maxReplicas === 0 ? [required('spec.maxReplicas', 'must be set and greater than 0')] : []),
    ...(maxReplicas < 0 ? [invalid('spec.maxReplicas', maxReplicas, atLeast('1'))] : []),
    ...(maxReplicas < minReplicas
      ? [invalid('spec.maxReplicas', maxReplicas, atLeast('`minReplicas`'))]
      : []),
    ...referenceProblems(scaleTargetRef, 'spec.scaleTargetRef'),
    ...metrics.flatMap((metric, index) => metricProblems(metric, `spec.metrics[${index}]`)),
    ...(minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')
      ? [
          forbidden(
            'spec.metrics',
            'must specify at least one Object or External metric to support scaling to zero replicas',
          ),
        ]
      : []),
    ...rulesProblems(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...rulesProblems(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

function referenceProblems(ref: ScaleTargetRef, path: string): FieldError[] {
  const { kind = '', name = '', apiVersion = '' } = ref;
  const segment = (field: string, value: string): FieldError[] =>
    value === ''
      ? [required(`${path}.${field}`)]
      : pathSegmentProblems(value).map((problem) => invalid(`${path}.${field}`, value, problem));
  return [
    ...segment('kind', kind),
    ...segment('name', name),
    // Only core kinds have no group, and of those only one can be scaled.
    ...(!apiVersion.includes('/') && !(apiVersion === 'v1' && kind === 'ReplicationController')
      ? [invalid(`${path}.apiVersion`, apiVersion, 'apiVersion must specify API group')]
      : []),
  ];
}

function metricProblems(metric: Metric, path: string): FieldError[] {
  const { type = '' } = metric;
  if (!metricTypes.includes(type))
    return [
      ...(type === '' ? [required(`${path}.type`, 'must specify a metric source type')] : []),
      notSupported(`${path}.type`, type, metricTypes),
    ];
  const own = (type.charAt(0).toLowerCase() + type.slice(1)) as MetricPart;
  const present = metricParts.filter((part) => metric[part]);
  const [first] = present;
  return [
    ...(first ? sourceProblems(first, metric[first] ?? {}, `${path}.${first}`) : []),
    ...(metric[own]
      ? []
      : [required(`${path}.${own}`, 'must populate information for the given metric source')]),
    ...(present.length > 1
      ? present
          .filter((part) => part !== own)
          .map((part) => forbidden(`${path}.${part}`, 'must populate the given metric source only'))
      : []),
  ];
}

function sourceProblems(part: MetricPart, source: MetricSource, path: string): FieldError[] {
  const { target = {} } = source;
  const numbers = targetProblems(target, `${path}.target`);
  const hasAverage = target.averageValue !== undefined;
  const missing = (field: string, detail: string): FieldError[] => [
    required(`${path}.target.${field}`, detail),
  ];
  if (part === 'resource' || part === 'containerResource') {
    const hasShare = target.averageUtilization !== undefined;
    const detail = 'both a target raw value and a target utilization';
    return [
      ...(source.name ? [] : [required(`${path}.name`, 'must specify a resource name')]),
      ...(part === 'containerResource' ? containerProblems(source, path) : []),
      ...numbers,
      ...(!hasShare && !hasAverage
        ? missing(
            'averageUtilization',
            `must set either a target raw value or a target utilization`,
          )
        : []),
      ...(hasShare && hasAverage
        ? [forbidden(`${path}.target.averageValue`, `may not set ${detail}`)]
        : []),
    ];
  }
  const hasValue = target.value !== undefined;
  const base = [
    ...(part === 'object'
      ? referenceProblems(source.describedObject ?? {}, `${path}.describedObject`).filter(
          ({ paths }) => !paths[0]?.endsWith('.apiVersion'),
        )
      : []),
    ...identifierProblems(source, path),
    ...numbers,
  ];
  if (part === 'pods')
    return hasAverage
      ? base
      : [...base, ...missing('averageValue', 'must specify a positive target averageValue')];
  if (!hasValue && !hasAverage)
    base.push(
      ...missing(
        'averageValue',
        part === 'object'
          ? 'must set either a target value or averageValue'
          : 'must set either a target value for metric or a per-pod target',
      ),
    );
  if (part === 'external' && hasValue && hasAverage)
    base.push(
      forbidden(
        `${path}.target.value`,
        'may not set both a target value for metric and a per-pod target',
      ),
    );
  return base;
}

function containerProblems(
  { name = '', container = '' }: MetricSource,
  path: string,
): FieldError[] {
  return [
    ...(name === '' ? [] : containerResourceProblems(name, `${path}.name`)),
    ...(container === ''
      ? [required(`${path}.container`, 'must specify a container')]
      : dnsLabelProblems(container).map((problem) =>
          invalid(`${path}.container`, container, problem),
        )),
  ];
}

function identifierProblems({ metric = {} }: MetricSource, path: string): FieldError[] {
  const { name = '' } = metric;
  if (name === '') return [required(`${path}.metric.name`, 'must specify a metric name')];
  return pathSegmentProblems(name).map((problem) => invalid(`${path}.metric.name`, name, problem));
}

function targetProblems(target: MetricNumbers, path: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization } = target;
  const positive = (field: string, amount: string | undefined): FieldError[] =>
    amount !== undefined && quantityOf(amount).nanos <= 0n
      ? [invalid(`${path}.${field}`, amount, 'must be positive')]
      : [];
  return [
    ...(type === '' ? [required(`${path}.type`, 'must specify a metric target type')] : []),
    ...(targetTypes.includes(type)
      ? []
      : [invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue')]),
    ...positive('value', value),
    ...positive('averageValue', averageValue),
    ...(averageUtilization !== undefined && averageUtilization < 1
      ? [invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0')]
      : []),
  ];
}

function rulesProblems(rules: ScalingRules | undefined, path: string): FieldError[] {
  if (!rules) return [];
  const { stabilizationWindowSeconds: seconds = 0, selectPolicy, policies = [], tolerance } = rules;
  const where = `${path}.stabilizationWindowSeconds`;
  return [
    ...(seconds < 0 ? [invalid(where, seconds, 'must be greater than or equal to zero')] : []),
    ...(seconds > STABILIZATION_SECONDS_MAX
      ? [invalid(where, seconds, `must be less than or equal to ${STABILIZATION_SECONDS_MAX}`)]
      : []),
    ...(selectPolicy === undefined || ['Disabled', 'Max', 'Min'].includes(selectPolicy)
      ? []
      : [notSupported(`${path}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min'])]),
    ...(policies.length === 0
      ? [required(`${path}.policies`, 'must specify at least one Policy')]
      : []),
    ...policies.flatMap((policy, index) => policyProblems(policy, `${path}.policies[${index}]`)),
    ...(tolerance !== undefined && quantityOf(tolerance).nanos < 0n
      ? [invalid(`${path}.tolerance`, tolerance, 'must be greater than or equal to 0')]
      : []),
  ];
}

function policyProblems(
  { type = '', value = 0, periodSeconds = 0 }: NonNullable<ScalingRules['policies']>[number],
  path: string,
): FieldError[] {
  return [
    ...(type === 'Pods' || type === 'Percent'
      ? []
      : [notSupported(`${path}.type`, type, ['Percent', 'Pods'])]),
    ...(value <= 0 ? [invalid(`${path}.value`, value, 'must be greater than zero')] : []),
    ...(periodSeconds <= 0
      ? [invalid(`${path}.periodSeconds`, periodSeconds, 'must be greater than zero')]
      : []),
    ...(periodSeconds > PERIOD_SECONDS_MAX
      ? [
          invalid(
            `${path}.periodSeconds`,
            periodSeconds,
            `must be less than or equal to ${PERIOD_SECONDS_MAX}`,
          ),
        ]
      : []),
  ];
}
