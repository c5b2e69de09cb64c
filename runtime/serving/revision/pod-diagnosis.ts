/**
 * Why a revision without an available pod has none, read off one of its pods.
 * Source: knative.dev/serving pkg/reconciler/revision/reconcile_resources.go.
 */
import type { Deployment } from '../../apis/apps/types.ts';
import type { Pod } from '../../apis/core/types.ts';
import { containerHealthy, resourcesAvailable } from '../../apis/serving/conditions.ts';

export interface Diagnosis {
  readonly condition: typeof containerHealthy | typeof resourcesAvailable;
  readonly reason: string;
  readonly message: string;
}

/**
 * Waiting for one of these will not end by itself, since nothing is pulled: they are reported at once,
 * where upstream waits for the Deployment's progress deadline.
 */
const missingImageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
]);

/** With `isAlwaysSchedulable`, a pod that finds no node is waited for. */
export function diagnosePods(
  deployment: Deployment,
  pods: readonly Pod[],
  isAlwaysSchedulable: boolean,
): readonly Diagnosis[] {
  const wanted = deployment.spec.replicas ?? 1;
  if (wanted === 0 || (deployment.status?.availableReplicas ?? 0) > 0) return [];
  const pod = pods.find((candidate) => !candidate.metadata.deletionTimestamp);
  if (!pod) return [];
  const found: Diagnosis[] = [];
  for (const { type, status, reason = '', message = '' } of pod.status?.conditions ?? [])
    if (type === 'PodScheduled' && status === 'False' && !isAlwaysSchedulable)
      found.push({ condition: resourcesAvailable, reason, message });
  for (const container of pod.status?.containerStatuses ?? []) {
    const ended = container.lastState?.terminated ?? container.state?.terminated;
    const waiting = container.state?.waiting;
    if (ended)
      found.push({
        condition: containerHealthy,
        reason: `ExitCode${ended.exitCode}`,
        message: `Container failed with: ${ended.message?.trim() || describeExit(ended.exitCode)}`,
      });
    else if (waiting && (missingImageReasons.has(waiting.reason) || hasTimedOut(deployment)))
      found.push({
        condition: resourcesAvailable,
        reason: waiting.reason,
        message: waiting.message ?? '',
      });
  }
  return found;
}

const describeExit = (exitCode: number): string =>
  exitCode === 0 ? 'container exited with no error' : `exit code ${exitCode}, no message`;

/** The Deployment's own verdict that it does not get on. */
function hasTimedOut(deployment: Deployment): boolean {
  return (deployment.status?.conditions ?? []).some(
    ({ type, status }) => type === 'Progressing' && status === 'False',
  );
}
