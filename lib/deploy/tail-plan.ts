/**
 * Which logs `--tail` has to read when a pod changes, so that each attempt of a container is read once:
 * while it runs, or after its end where it was too short to be seen running. Pure bookkeeping.
 */
import type { Pod } from '../../runtime/apis/core/types.ts';

/** `follow`: while it runs. `previous`: the attempt before. `whole`: what is left of a pod that is gone. */
export type TailStep = 'follow' | 'previous' | 'whole';

/** Pods that are followed at once; each holds a connection. Others are read when they are gone. */
const FOLLOWED_MAX = 64;
/** Of pods that are gone nothing comes any more; the oldest are forgotten first. */
const REMEMBERED_MAX = 2_000;

export class TailPlan {
  /** By uid: the last attempt that was read or is being read. */
  private readonly attempts = new Map<string, number>();
  private followed = 0;

  /** What to read now. Call `end` for each step when its reading is over. */
  next(type: 'added' | 'updated' | 'deleted', pod: Pod): TailStep[] {
    const uid = pod.metadata.uid ?? pod.metadata.name;
    const status = pod.status?.containerStatuses?.[0];
    const known = this.attempts.get(uid) ?? -1;
    const current = status?.restartCount ?? 0;
    if (type === 'deleted') {
      if (known >= current) return [];
      this.remember(uid, current);
      return ['whole'];
    }
    if (!status) return [];
    const steps: TailStep[] = [];
    if (current > 0 && known < current - 1) {
      steps.push('previous');
      this.remember(uid, current - 1);
    }
    if (status.state?.running && known < current && this.followed < FOLLOWED_MAX) {
      steps.push('follow');
      this.followed++;
      this.remember(uid, current);
    }
    return steps;
  }

  end(step: TailStep): void {
    if (step === 'follow') this.followed--;
  }

  private remember(uid: string, attempt: number): void {
    this.attempts.set(uid, attempt);
    if (this.attempts.size <= REMEMBERED_MAX) return;
    const [oldest] = this.attempts.keys();
    if (oldest !== undefined) this.attempts.delete(oldest);
  }
}
