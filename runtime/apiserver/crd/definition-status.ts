/**
 * What the server says of a definition: which of its names are free, and whether it is served. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/controller/{status,establish} (reasons and messages).
 */
import type {
  CustomResourceDefinition,
  DefinedNames,
  DefinitionCondition,
} from '../../apis/apiextensions/types.ts';

import { approvalOf } from './api-approval.ts';

type Status = NonNullable<CustomResourceDefinition['status']>;

/** @param others the definitions of the same group that came to their names before. */
export function decideStatus(
  crd: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): Status {
  const status = crd.status ?? {};
  const taken = claimedNames(others);
  const wanted = crd.spec.names;
  const had: Partial<DefinedNames> = status.acceptedNames ?? {};
  const accepted: Record<string, unknown> = { ...had };
  let conflict: { reason: string; message: string } | undefined;
  const claim = (key: 'plural' | 'singular' | 'kind' | 'listKind', among: ReadonlySet<string>) => {
    const name = wanted[key] ?? '';
    if (name === had[key] || !among.has(name)) accepted[key] = name;
    else conflict = inUse(`${key[0]?.toUpperCase()}${key.slice(1)}Conflict`, [name]);
  };
  claim('plural', taken.resources);
  claim('singular', taken.resources);
  const lost = (wanted.shortNames ?? []).filter(
    (name) => !(had.shortNames ?? []).includes(name) && taken.resources.has(name),
  );
  if (lost.length > 0) conflict = inUse('ShortNamesConflict', lost);
  else accepted['shortNames'] = wanted.shortNames;
  claim('kind', taken.kinds);
  claim('listKind', taken.kinds);
  accepted['categories'] = wanted.categories;

  const isEstablished = status.conditions?.some(
    ({ type, status: is }) => type === 'Established' && is === 'True',
  );
  let conditions = withCondition(
    status.conditions ?? [],
    conflict
      ? { type: 'NamesAccepted', status: 'False', ...conflict }
      : {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
        },
    now,
  );
  if (!isEstablished)
    conditions = withCondition(
      conditions,
      conflict
        ? {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          }
        : {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          },
      now,
    );
  const approval = decideApproval(crd);
  if (approval) conditions = withCondition(conditions, approval, now);
  const acceptedNames = Object.fromEntries(
    Object.entries(accepted).filter(([, value]) => value !== undefined),
  ) as Partial<DefinedNames>;
  return { ...status, conditions, acceptedNames };
}

/** Of Kubernetes' own groups: whether its API review has seen the kind. Undefined for other groups. */
function decideApproval(crd: CustomResourceDefinition): DefinitionCondition | undefined {
  const approval = approvalOf(crd);
  if (!approval) return undefined;
  const { state, text } = approval;
  return {
    type: 'KubernetesAPIApprovalPolicyConformant',
    status: state === 'Approved' ? 'True' : 'False',
    reason: `${state}Annotation`,
    message: text,
  };
}

export const isConditionTrue = (crd: CustomResourceDefinition, type: string): boolean =>
  crd.status?.conditions?.some((item) => item.type === type && item.status === 'True') ?? false;

/** Replaces the condition of this type, or adds it; the transition time moves with the status only. */
export function withCondition(
  conditions: readonly DefinitionCondition[],
  condition: DefinitionCondition,
  now: string,
): readonly DefinitionCondition[] {
  const index = conditions.findIndex(({ type }) => type === condition.type);
  const old = conditions[index];
  const lastTransitionTime =
    old?.status === condition.status ? (old.lastTransitionTime ?? now) : now;
  const { type, status, reason, message } = condition;
  const next: DefinitionCondition = {
    lastTransitionTime,
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    status,
    type,
  };
  return old ? conditions.with(index, next) : [...conditions, next];
}

function inUse(reason: string, names: readonly string[]): { reason: string; message: string } {
  const texts = names.map((name) => `${JSON.stringify(name)} is already in use`);
  return { reason, message: texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]` };
}

function claimedNames(others: readonly CustomResourceDefinition[]): {
  resources: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
} {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const { plural, singular, shortNames = [], kind, listKind } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}
