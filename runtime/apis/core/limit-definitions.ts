/**
 * ResourceQuota and LimitRange: what an API server must know of them. They are enforced by admission
 * (runtime/apiserver/admission), and quotas are counted by runtime/workloads/quota.
 * Source: k8s.io/kubernetes pkg/apis/core (defaults, rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import { duplicate, forbidden, invalid, required } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { qualifiedNameProblems } from '../meta/name-rules.ts';
import { compareResources, quantityOf, type ResourceList } from './resource-list.ts';
import {
  amountProblems,
  containerResourceProblems,
  isQuotaName,
  quotaResourceProblems,
  resourceNameProblems,
} from './resource-names.ts';
import type { LimitRange, LimitRangeItem, ResourceQuota } from './types.ts';
import { limitRangeKind, resourceQuotaKind } from './types.ts';

const podScopes = ['Terminating', 'NotTerminating', 'NotBestEffort', 'PriorityClass'];
const scopes = new Set([
  ...podScopes,
  'BestEffort',
  'VolumeAttributesClass',
  'CrossNamespacePodAffinity',
]);
/** Scopes that a Pod is in or not: a selector can only say that it must be in. */
const plainScopes = new Set([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'CrossNamespacePodAffinity',
]);
const scopePairs = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
const podComputeNames = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

const resourceQuota: KindDefinition<ResourceQuota> = {
  ...resourceQuotaKind,
  singular: 'resourcequota',
  shortNames: ['quota'],
  hasStatus: true,
  hasGeneration: false,
  applyDefaults: (object) => (object.status ? object : { ...object, status: {} }),
  validate({ spec = {} }, context) {
    const old: ResourceQuota | undefined = context.old;
    const before = old?.spec;
    const [own, former] = [new Set(spec.scopes), new Set(before?.scopes)];
    const isMoved =
      before && (own.size !== former.size || [...own].some((scope) => !former.has(scope)));
    return [
      ...Object.entries(spec.hard ?? {}).flatMap(([name, amount]) => [
        ...quotaResourceProblems(name, `spec.hard[${name}]`),
        ...amountProblems(name, amount, `spec.hard[${name}]`),
      ]),
      ...scopeProblems(spec),
      ...selectorProblems(spec),
      ...(isMoved ? [invalid('spec.scopes', spec.scopes ?? null, 'field is immutable')] : []),
    ];
  },
};

type QuotaSpec = NonNullable<ResourceQuota['spec']>;

function scopeProblems(spec: QuotaSpec): FieldError[] {
  const own = spec.scopes ?? [];
  const problem = (detail: string): FieldError => invalid('spec.scopes', own, detail);
  return [
    ...own.flatMap((scope) => [
      ...(scopes.has(scope) ? [] : [problem('unsupported scope')]),
      ...misfits(spec, scope).map(() => problem('unsupported scope applied to resource')),
    ]),
    ...conflicts(own).map(() => problem('conflicting scopes')),
  ];
}

/** Resources of the quota that objects in this scope do not use. */
const misfits = ({ hard }: QuotaSpec, scope: string): string[] =>
  Object.keys(hard ?? {}).filter((name) => isQuotaName(name) && !fits(scope, name));

function fits(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass')
    return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return !scopes.has(scope) || name === 'pods' || podComputeNames.has(name);
}

const conflicts = (own: readonly string[]): unknown[] =>
  scopePairs.filter((pair) => pair.every((scope) => own.includes(scope)));

function selectorProblems(spec: QuotaSpec): FieldError[] {
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const path = 'spec.scopeSelector.matchExpressions';
  const errors = expressions.flatMap(({ scopeName, operator, values = [] }) => [
    ...(scopes.has(scopeName)
      ? []
      : [invalid(`${path}.scopeName`, scopeName, 'unsupported scope')]),
    ...misfits(spec, scopeName).map(() =>
      invalid(path, spec.scopeSelector, 'unsupported scope applied to resource'),
    ),
    ...(plainScopes.has(scopeName) && operator !== 'Exists'
      ? [
          invalid(
            `${path}.operator`,
            operator,
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
          ),
        ]
      : []),
    ...operatorProblems(path, operator, values),
  ]);
  const names = expressions.map(({ scopeName }) => scopeName);
  return [
    ...errors,
    ...conflicts(names).map(() => invalid(path, spec.scopes ?? null, 'conflicting scopes')),
  ];
}

function operatorProblems(path: string, operator: string, values: readonly string[]): FieldError[] {
  if (operator === 'In' || operator === 'NotIn')
    return values.length > 0
      ? []
      : [
          required(
            `${path}.values`,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        ];
  if (operator === 'Exists' || operator === 'DoesNotExist')
    return values.length === 0
      ? []
      : [
          invalid(
            `${path}.values`,
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        ];
  return [invalid(`${path}.operator`, operator, 'not a valid selector operator')];
}

const limitTypes = ['Pod', 'Container', 'PersistentVolumeClaim'];

const limitRange: KindDefinition<LimitRange> = {
  ...limitRangeKind,
  singular: 'limitrange',
  shortNames: ['limits'],
  hasStatus: false,
  hasGeneration: false,
  applyDefaults: (object) =>
    Array.isArray(object.spec?.limits)
      ? { ...object, spec: { ...object.spec, limits: object.spec.limits.map(defaultLimit) } }
      : object,
  validate: ({ spec }) => {
    const limits = spec?.limits ?? [];
    return limits.flatMap((limit, index) => [
      ...limitProblems(limit, `spec.limits[${index}]`, limits.slice(0, index)),
    ]);
  },
};

/** For containers: what is not said follows from the rest. */
function defaultLimit(limit: LimitRangeItem): LimitRangeItem {
  if (limit?.type !== 'Container') return limit;
  const limits = { ...limit.max, ...limit.default };
  const requests = { ...limit.min, ...limits, ...limit.defaultRequest };
  return {
    ...limit,
    ...(Object.keys(limits).length > 0 ? { default: limits } : {}),
    ...(Object.keys(requests).length > 0 ? { defaultRequest: requests } : {}),
  };
}

function typeProblems(
  type: string,
  path: string,
  earlier: readonly LimitRangeItem[],
): FieldError[] {
  const problems = qualifiedNameProblems(type).map((problem) => invalid(path, type, problem));
  if (problems.length === 0 && !type.includes('/') && !limitTypes.includes(type))
    problems.push(invalid(path, type, 'must be a standard limit type or fully qualified'));
  if (earlier.some((other) => other.type === type)) problems.push(duplicate(path, type));
  return problems;
}

const parts = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function limitProblems(
  limit: LimitRangeItem,
  path: string,
  earlier: readonly LimitRangeItem[],
): FieldError[] {
  const { type } = limit;
  const isPod = type === 'Pod';
  const nameProblems =
    isPod || type === 'Container' ? containerResourceProblems : resourceNameProblems;
  const namesOf = (part: (typeof parts)[number]): string[] => Object.keys(limit[part] ?? {});
  const errors = typeProblems(type, `${path}.type`, earlier);
  for (const part of parts) {
    const isDefault = part === 'default' || part === 'defaultRequest';
    if (part === 'maxLimitRequestRatio' && type === 'PersistentVolumeClaim')
      errors.push(...storageProblems(limit, path));
    if (isPod && isDefault && namesOf(part).length > 0)
      errors.push(forbidden(`${path}.${part}`, "may not be specified when `type` is 'Pod'"));
    else
      errors.push(
        ...namesOf(part).flatMap((name) => nameProblems(name, `${path}.${part}[${name}]`)),
      );
  }
  const counted = isPod ? { ...limit, default: {}, defaultRequest: {} } : limit;
  const names = new Set(parts.flatMap(namesOf));
  return [...errors, ...[...names].flatMap((name) => orderProblems(counted, name, path))];
}

const storageProblems = ({ min, max }: LimitRangeItem, path: string): FieldError[] =>
  min?.['storage'] === undefined && max?.['storage'] === undefined
    ? [
        required(
          `${path}.limits`,
          'either minimum or maximum storage value is required, but neither was provided',
        ),
      ]
    : [];

/** The numbers for one resource must be in order: least, requested, given, most. */
function orderProblems(limit: LimitRangeItem, name: string, path: string): FieldError[] {
  const of = (list: ResourceList | undefined): string | undefined => list?.[name];
  const [min, max, given] = [of(limit.min), of(limit.max), of(limit.default)];
  const [request, ratio] = [of(limit.defaultRequest), of(limit.maxLimitRequestRatio)];
  const isMore = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && compareResources(a, b) > 0;
  const rule = (part: string, value: string | undefined, detail: string): FieldError =>
    invalid(`${path}.${part}[${name}]`, value, detail);
  const errors: FieldError[] = [];
  if (isMore(min, max))
    errors.push(rule('min', min, `min value ${min} is greater than max value ${max}`));
  if (isMore(min, request))
    errors.push(
      rule(
        'defaultRequest',
        request,
        `min value ${min} is greater than default request value ${request}`,
      ),
    );
  if (isMore(request, max))
    errors.push(
      rule(
        'defaultRequest',
        request,
        `default request value ${request} is greater than max value ${max}`,
      ),
    );
  if (isMore(request, given))
    errors.push(
      rule(
        'defaultRequest',
        request,
        `default request value ${request} is greater than default limit value ${given}`,
      ),
    );
  if (isMore(min, given))
    errors.push(rule('default', min, `min value ${min} is greater than default value ${given}`));
  if (isMore(given, max))
    errors.push(rule('default', max, `default value ${given} is greater than max value ${max}`));
  if (isMore('1', ratio))
    errors.push(rule('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`));
  if (ratio !== undefined && min !== undefined && max !== undefined)
    errors.push(
      ...ratioProblems(rule, ratio, Number(quantityOf(max).nanos) / Number(quantityOf(min).nanos)),
    );
  return errors;
}

const RATIO_DIGITS = 6;

const ratioProblems = (
  rule: (part: string, value: string, detail: string) => FieldError,
  ratio: string,
  widest: number,
): FieldError[] =>
  Number(quantityOf(ratio).nanos) / Number(quantityOf('1').nanos) > widest
    ? [
        rule(
          'maxLimitRequestRatio',
          ratio,
          `ratio ${ratio} is greater than max/min = ${widest.toFixed(RATIO_DIGITS)}`,
        ),
      ]
    : [];

export const limitDefinitions: readonly KindDefinition[] = [resourceQuota, limitRange];
