/** Which failures of a Job's Pods count, and whether one ends it at once. Pure. Source: k8s.io/kubernetes pkg/controller/job pod_failure_policy.go (behaviour, words). */
import type { Job, PodFailurePolicyRule } from '../../apis/batch/types.ts';
import type { Pod } from '../../apis/core/types.ts';

export interface FailureVerdict {
  /** Failures that count against the back-off limit. */
  readonly counted: readonly Pod[];
  /** Of those, the ones that end their index at once. */
  readonly final: readonly Pod[];
  /** Why the Job is to fail now. */
  readonly failure: string | undefined;
}

export function judgeFailures({ spec }: Job, failed: readonly Pod[]): FailureVerdict {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length === 0) return { counted: failed, final: [], failure: undefined };
  const counted: Pod[] = [];
  const final: Pod[] = [];
  let failure: string | undefined;
  for (const pod of failed) {
    const index = rules.findIndex((rule) => describeMatch(rule, pod) !== undefined);
    const rule = rules[index];
    if (rule?.action === 'Ignore') continue;
    counted.push(pod);
    if (rule?.action === 'FailIndex') final.push(pod);
    if (rule?.action === 'FailJob')
      failure ??= `${describeMatch(rule, pod)} matching FailJob rule at index ${index}`;
  }
  return { counted, final, failure };
}

/** What of the Pod the rule matches, in words; undefined when it does not. */
function describeMatch(rule: PodFailurePolicyRule, { metadata, status }: Pod): string | undefined {
  const pod = `pod ${metadata.namespace}/${metadata.name}`;
  const { onExitCodes, onPodConditions } = rule;
  if (onExitCodes)
    for (const { name, state } of [
      ...(status?.containerStatuses ?? []),
      ...(status?.initContainerStatuses ?? []),
    ]) {
      const exitCode = state?.terminated?.exitCode;
      if (exitCode === undefined || exitCode === 0) continue;
      if (onExitCodes.containerName && onExitCodes.containerName !== name) continue;
      const isListed = onExitCodes.values.includes(exitCode);
      if (isListed === (onExitCodes.operator === 'In'))
        return `Container ${name} for ${pod} failed with exit code ${exitCode}`;
    }
  for (const { type, status: wanted = 'True' } of onPodConditions ?? [])
    if (
      status?.conditions?.some(
        (condition) => condition.type === type && condition.status === wanted,
      )
    )
      return `Pod ${metadata.namespace}/${metadata.name} has condition ${type}`;
  return undefined;
}
