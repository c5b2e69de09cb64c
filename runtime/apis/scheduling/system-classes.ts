/** The two PriorityClasses that every cluster has, and the rules that their names bring. Pure. Source: k8s.io/kubernetes pkg/apis/scheduling/v1/helpers.go. */
import type { PriorityClass } from './types.ts';

/** What users may give at the most: above are the system's. */
export const USER_PRIORITY_MAX = 1_000_000_000;
const SYSTEM_PRIORITY = 2 * USER_PRIORITY_MAX;

const systemClass = (name: string, value: number, description: string): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
  description,
});

export const systemPriorityClasses: readonly PriorityClass[] = [
  systemClass(
    'system-node-critical',
    SYSTEM_PRIORITY + 1_000,
    'Used for system critical pods that must not be moved from their current node.',
  ),
  systemClass(
    'system-cluster-critical',
    SYSTEM_PRIORITY,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
];

/** Why a class must not have its name; undefined when it may. */
export function reservedNameProblem(given: PriorityClass): string | undefined {
  const { name } = given.metadata;
  if (!name?.startsWith('system-')) return undefined;
  const known = systemPriorityClasses.find(({ metadata }) => metadata.name === name);
  const reason = !known
    ? `${name} is not a known system priority class`
    : known.value !== given.value
      ? `value of ${name} PriorityClass must be ${known.value}`
      : given.globalDefault === true
        ? `globalDefault of ${name} PriorityClass must be false`
        : undefined;
  return reason === undefined
    ? undefined
    : `priority class names with 'system-' prefix are reserved for system use only. error: ${reason}`;
}
