/**
 * What a Pod's spec must say, alone and as a template, and what an update may change of it. Structure
 * (types, unknown fields) is judged from the generated schema, not here. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core/validation (rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import {
  duplicate,
  forbidden,
  invalid,
  isSameValue,
  notSupported,
  oneOf,
  required,
} from '../meta/field-rule.ts';
import {
  labelKeyProblems,
  labelValueProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '../meta/name-rules.ts';
import { idProblems, isLabel, labelRule, validateContainer } from './container-rules.ts';
import { amountProblems, containerResourceProblems } from './resource-names.ts';
import type { Container, PodSpec } from './types.ts';
import { validateVolumes } from './volume-rules.ts';

const DEADLINE_MAX = 2_147_483_647;
const WEIGHT_MAX = 100;
const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const ADDRESS_RULE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const addressPattern =
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/;

export function validatePodSpec(spec: PodSpec | undefined, path: string): FieldError[] {
  if (typeof spec !== 'object' || spec === null) return [required(`${path}.containers`)];
  const { containers, initContainers = [], restartPolicy } = spec;
  const hasContainers = Array.isArray(containers) && containers.length > 0;
  const errors = [
    ...validateVolumes(spec, path),
    ...(hasContainers
      ? containers.flatMap((item, i) => validateContainer(item, `${path}.containers[${i}]`, spec))
      : [required(`${path}.containers`)]),
    ...initContainers.flatMap((item, i) =>
      validateContainer(item, `${path}.initContainers[${i}]`, spec, true),
    ),
    ...repeatedNames(spec, path),
    ...oneOf(`${path}.restartPolicy`, restartPolicy, restartPolicies),
    ...validateDns(spec, path),
  ];
  const deadline = spec['activeDeadlineSeconds'];
  if (
    deadline !== undefined &&
    !(typeof deadline === 'number' && deadline >= 1 && deadline <= DEADLINE_MAX)
  )
    errors.push(
      invalid(
        `${path}.activeDeadlineSeconds`,
        deadline,
        `must be between 1 and ${DEADLINE_MAX}, inclusive`,
      ),
    );
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (typeof value === 'string' && value !== '' && !isLabel(value))
      errors.push(invalid(`${path}.${field}`, value, labelRule));
  }
  if (spec.securityContext)
    errors.push(
      ...idProblems(spec.securityContext, `${path}.securityContext`, [
        'runAsUser',
        'runAsGroup',
        'fsGroup',
      ]),
    );
  errors.push(...validatePlacement(spec, path));
  return errors;
}

function repeatedNames({ containers, initContainers }: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return (
    [
      ['containers', containers],
      ['initContainers', initContainers],
    ] as const
  ).flatMap(([field, list]) =>
    (Array.isArray(list) ? (list as readonly Container[]) : []).flatMap((container, index) => {
      const name = container?.name;
      const isRepeated = Boolean(name) && seen.has(name);
      seen.add(name);
      return isRepeated ? [duplicate(`${path}.${field}[${index}].name`, name)] : [];
    }),
  );
}

function validateDns(spec: PodSpec, path: string): FieldError[] {
  const policy = spec['dnsPolicy'];
  const config = spec['dnsConfig'] as { nameservers?: readonly string[] } | undefined;
  const errors = oneOf(`${path}.dnsPolicy`, policy, dnsPolicies);
  if (policy !== 'None') return errors;
  if (!config)
    errors.push(required(`${path}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None'));
  else if (!config.nameservers?.length)
    errors.push(
      required(
        `${path}.dnsConfig.nameservers`,
        'must provide at least one DNS nameserver when `dnsPolicy` is None',
      ),
    );
  return errors;
}

/** Where it may run, and what it is called there. */
function validatePlacement(spec: PodSpec, path: string): FieldError[] {
  const selector = (spec['nodeSelector'] ?? {}) as Readonly<Record<string, string>>;
  const gates = (spec['readinessGates'] ?? []) as readonly { conditionType?: string }[];
  const overhead = (spec['overhead'] ?? {}) as Readonly<Record<string, string>>;
  return [
    ...Object.entries(selector).flatMap(([key, value]) => [
      ...labelKeyProblems(key).map((problem) => invalid(`${path}.nodeSelector`, key, problem)),
      ...labelValueProblems(value).map((problem) =>
        invalid(`${path}.nodeSelector`, value, problem),
      ),
    ]),
    ...list(spec, 'hostAliases').flatMap((alias, i) =>
      aliasProblems(alias, `${path}.hostAliases[${i}]`),
    ),
    ...weightProblems(spec['affinity'], `${path}.affinity`),
    ...gates.flatMap(({ conditionType = '' }, i) =>
      qualifiedNameProblems(conditionType).map((problem) =>
        invalid(`${path}.readinessGates[${i}].conditionType`, conditionType, problem),
      ),
    ),
    ...list(spec, 'tolerations').flatMap((one, i) =>
      tolerationProblems(one, `${path}.tolerations[${i}]`),
    ),
    ...list(spec, 'topologySpreadConstraints').flatMap((one, i) =>
      spreadProblems(one, `${path}.topologySpreadConstraints[${i}]`),
    ),
    ...Object.entries(overhead).flatMap(([name, amount]) => [
      ...containerResourceProblems(name, `${path}.overhead.limits[${name}]`),
      ...amountProblems(name, amount, `${path}.overhead.limits[${name}]`),
    ]),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function list(spec: PodSpec, field: string): readonly Fields[] {
  const value = spec[field];
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

function aliasProblems({ ip, hostnames }: Fields, path: string): FieldError[] {
  return [
    ...(typeof ip === 'string' && addressPattern.test(ip)
      ? []
      : [invalid(`${path}.ip`, ip ?? '', ADDRESS_RULE)]),
    ...(Array.isArray(hostnames) ? (hostnames as string[]) : []).flatMap((name, index) =>
      subdomainProblems(name).map((problem) =>
        invalid(`${path}.hostnames[${index}]`, name, problem),
      ),
    ),
  ];
}

/** A preference weighs between 1 and 100. */
function weightProblems(affinity: unknown, path: string): FieldError[] {
  const field = 'preferredDuringSchedulingIgnoredDuringExecution';
  return Object.entries((affinity ?? {}) as Readonly<Record<string, Fields | undefined>>).flatMap(
    ([part, terms]) => {
      const preferred = terms?.[field];
      return (Array.isArray(preferred) ? (preferred as Fields[]) : []).flatMap(
        ({ weight = 0 }, i) =>
          typeof weight === 'number' && weight >= 1 && weight <= WEIGHT_MAX
            ? []
            : [
                invalid(
                  `${path}.${part}.${field}[${i}].weight`,
                  weight,
                  'must be in the range 1-100',
                ),
              ],
      );
    },
  );
}

function tolerationProblems(toleration: Fields, path: string): FieldError[] {
  const {
    key = '',
    operator = '',
    value = '',
    effect = '',
    tolerationSeconds,
  } = toleration as {
    readonly [field: string]: string | undefined;
  };
  const errors: FieldError[] = [];
  if (key !== '')
    errors.push(...labelKeyProblems(key).map((problem) => invalid(`${path}.key`, key, problem)));
  if (key === '' && operator !== 'Exists')
    errors.push(
      invalid(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(
      invalid(
        `${path}.effect`,
        effect,
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      ),
    );
  if (operator === 'Equal' || operator === '')
    errors.push(
      ...labelValueProblems(value).map((problem) => invalid(`${path}.operator`, value, problem)),
    );
  else if (operator === 'Exists') {
    if (value !== '')
      errors.push(
        invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"),
      );
  } else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !effects.includes(effect))
    errors.push(notSupported(`${path}.effect`, effect, effects));
  return errors;
}

function spreadProblems(
  { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '' }: Fields,
  path: string,
): FieldError[] {
  const modes = ['DoNotSchedule', 'ScheduleAnyway'];
  return [
    ...(typeof maxSkew === 'number' && maxSkew > 0
      ? []
      : [invalid(`${path}.maxSkew`, maxSkew, 'must be greater than zero')]),
    ...(topologyKey === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
    ...oneOf(`${path}.whenUnsatisfiable`, whenUnsatisfiable, modes),
  ];
}

/** Templates of workloads that keep pods alive allow one restart policy only. */
export function requireRestartPolicy(
  spec: PodSpec | undefined,
  path: string,
  allowed: readonly string[],
): FieldError[] {
  const policy = spec?.restartPolicy;
  return policy === undefined || allowed.includes(policy)
    ? []
    : [notSupported(`${path}.restartPolicy`, policy, allowed)];
}

const PODS_UPDATE_RULE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A running pod stays what it is, but for images, a sooner deadline and more tolerations. */
export function validatePodUpdate(spec: PodSpec, before: PodSpec): FieldError[] {
  if (spec === before) return [];
  for (const field of ['containers', 'initContainers'] as const) {
    const [now, then] = [spec[field] ?? [], before[field] ?? []];
    if (now.length !== then.length)
      return [forbidden(`spec.${field}`, 'pod updates may not add or remove containers')];
  }
  const [deadline, earlier] = [spec['activeDeadlineSeconds'], before['activeDeadlineSeconds']];
  const path = 'spec.activeDeadlineSeconds';
  if (typeof deadline === 'number' && typeof earlier === 'number' && deadline > earlier)
    return [invalid(path, deadline, 'must be less than or equal to previous value')];
  const errors =
    deadline === undefined && earlier !== undefined
      ? [invalid(path, null, 'must not update from a positive integer to nil value')]
      : [];
  const tolerations = list(spec, 'tolerations');
  const isReduced = list(before, 'tolerations').some(
    (old) => !tolerations.some((one) => isSameToleration(one, old)),
  );
  if (isReduced)
    errors.push(
      forbidden(
        'spec.tolerations',
        'existing toleration can not be modified except its tolerationSeconds',
      ),
    );
  return isSameValue(frozen(spec, before), frozen(before, before))
    ? errors
    : [...errors, forbidden('spec', PODS_UPDATE_RULE)];
}

/** How long it is tolerated may change. */
function isSameToleration(a: Fields, b: Fields): boolean {
  const { tolerationSeconds: _a, ...one } = a;
  const { tolerationSeconds: _b, ...other } = b;
  return isSameValue(one, other);
}

/** What of a spec must stay: without what may change, and placed where it may still be placed. */
function frozen(spec: PodSpec, before: PodSpec): unknown {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    ephemeralContainers: _ephemeral,
    nodeName: _node,
    ...rest
  } = spec;
  const blank = (containers: readonly Container[] | undefined): unknown =>
    containers?.map(({ image: _image, ...container }) => container);
  return JSON.parse(
    JSON.stringify({
      ...rest,
      // Without a scheduler that binds, the node takes a Pod that has no node yet by naming itself.
      nodeName: before.nodeName ? spec.nodeName : undefined,
      containers: blank(spec.containers),
      initContainers: blank(spec.initContainers),
    }),
  );
}
