/** How workloads may replace their Pods. Pure. Source: k8s.io/kubernetes pkg/apis/apps/validation (rules, words). */
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, nonNegative, notSupported, required } from '../meta/field-rule.ts';
import type { DaemonSet, Deployment, IntOrPercent, StatefulSet } from './types.ts';

const PERCENT_MAX = 100;
const PERCENT_RULE =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const percentPattern = /^[0-9]+%$/;

/** Of a StatefulSet or a DaemonSet. */
export type Strategy<T extends { spec: { updateStrategy?: unknown } }> = NonNullable<
  T['spec']['updateStrategy']
>;

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const { type = '', rollingUpdate } = spec.strategy ?? {};
  const path = 'spec.strategy';
  const types = ['Recreate', 'RollingUpdate'];
  const errors: FieldError[] = types.includes(type)
    ? []
    : [
        notSupported(
          path,
          { Type: type, RollingUpdate: rollingUpdate ? printed(rollingUpdate) : null },
          types,
        ),
      ];
  if (type === 'Recreate' && rollingUpdate)
    errors.push(
      forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"),
    );
  if (rollingUpdate) errors.push(...rollingProblems(rollingUpdate, `${path}.rollingUpdate`));
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
}

/** Go's own form of the structure, as upstream prints it. */
const printed = ({ maxUnavailable, maxSurge }: Rolling): unknown => ({
  MaxUnavailable: maxUnavailable ?? 0,
  MaxSurge: maxSurge ?? 0,
});

interface Rolling {
  readonly maxUnavailable?: IntOrPercent;
  readonly maxSurge?: IntOrPercent;
}

const isZero = (value: unknown): boolean => value === undefined || value === 0 || value === '0%';

function rollingProblems({ maxUnavailable, maxSurge }: Rolling, path: string): FieldError[] {
  return [
    ...amountProblems(maxUnavailable, `${path}.maxUnavailable`),
    ...amountProblems(maxSurge, `${path}.maxSurge`),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
      : []),
    ...hundredProblems(maxUnavailable, `${path}.maxUnavailable`),
  ];
}

function amountProblems(value: IntOrPercent | undefined, path: string): FieldError[] {
  if (typeof value === 'string')
    return percentPattern.test(value) ? [] : [invalid(path, value, PERCENT_RULE)];
  return nonNegative(path, value);
}

const hundredProblems = (value: IntOrPercent | undefined, path: string): FieldError[] =>
  typeof value === 'string' && Number.parseInt(value, 10) > PERCENT_MAX
    ? [invalid(path, value, 'must not be greater than 100%')]
    : [];

export function statefulStrategyProblems({
  type = '',
  rollingUpdate,
}: Strategy<StatefulSet> = {}): FieldError[] {
  const path = 'spec.updateStrategy';
  const printedUpdate = rollingUpdate
    ? {
        Partition: rollingUpdate.partition ?? null,
        MaxUnavailable: rollingUpdate.maxUnavailable ?? null,
      }
    : null;
  if (type === 'RollingUpdate')
    return nonNegative(`${path}.rollingUpdate.partition`, rollingUpdate?.partition);
  if (type === 'OnDelete')
    return rollingUpdate
      ? [
          invalid(
            `${path}.rollingUpdate`,
            printedUpdate,
            "only allowed for updateStrategy 'RollingUpdate'",
          ),
        ]
      : [];
  return [
    invalid(
      path,
      { Type: type, RollingUpdate: printedUpdate },
      "must be 'RollingUpdate' or 'OnDelete'",
    ),
  ];
}

export function daemonStrategyProblems({
  type = '',
  rollingUpdate,
}: Strategy<DaemonSet> = {}): FieldError[] {
  const path = 'spec.updateStrategy';
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate')
    return [
      notSupported(
        path,
        { Type: type, RollingUpdate: rollingUpdate ? printed(rollingUpdate) : null },
        ['RollingUpdate', 'OnDelete'],
      ),
    ];
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  const where = `${path}.rollingUpdate`;
  return [
    ...amountProblems(maxUnavailable, `${where}.maxUnavailable`),
    ...amountProblems(maxSurge, `${where}.maxSurge`),
    ...(!isZero(maxUnavailable) && !isZero(maxSurge)
      ? [invalid(`${where}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')]
      : []),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [required(`${where}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')]
      : []),
    ...hundredProblems(maxUnavailable, `${where}.maxUnavailable`),
    ...hundredProblems(maxSurge, `${where}.maxSurge`),
  ];
}
