/**
 * What a container's spec asks to be done after its start and before its end. Judged like a probe that is
 * tried once; how long it may take is its owner's to say. Source: k8s.io/kubernetes
 * pkg/kubelet/lifecycle/handlers.go (behaviour).
 */
import type { LifecycleHandler } from '../../apis/core/types.ts';
import { type Clock, sleep } from '../../std/clock.ts';
import { attemptProbe, type ProbeOutcome, type ProbeTarget } from './probe-attempt.ts';

/** Upstream has no limit for postStart; a hook that never answers would hold its container for ever. */
export const HOOK_MS_MAX = 600_000;

/** Never rejects. @param timeoutMs then it counts as failed */
export async function runLifecycleHook(
  handler: LifecycleHandler,
  target: ProbeTarget,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<ProbeOutcome> {
  if (handler.sleep) {
    await sleep(clock, Math.min(timeoutMs, handler.sleep.seconds * 1000));
    return { isSuccess: true, message: '' };
  }
  return attemptProbe({ ...handler, timeoutSeconds: timeoutMs / 1000 }, target);
}
