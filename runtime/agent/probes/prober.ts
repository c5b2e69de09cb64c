/**
 * Runs the probes of one container's attempt: startup first, which holds back the other two, then
 * readiness and liveness. Tells its owner of verdicts, decides nothing about the container.
 */
import type { Probe } from '../../apis/core/types.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import { attemptProbe, type ProbeTarget } from './probe-attempt.ts';
import { advanceProbe, initialProbeState, probeDelayMs } from './probe-state.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProberOptions {
  readonly clock: Clock;
  readonly target: ProbeTarget;
  /** The startup probe has succeeded, or there is none. */
  readonly onStarted: () => void;
  readonly onReady: (isReady: boolean) => void;
  /** Startup or liveness failed for good: the container must end. */
  readonly onUnhealthy: (kind: ProbeKind, message: string) => void;
  /** A single failed attempt, for the event; not called while a container is coming up. */
  readonly onFailure: (kind: ProbeKind, message: string) => void;
}

export class Prober {
  private readonly options: ProberOptions;
  private readonly timers = new Map<ProbeKind, CancelTimer>();
  private isClosed = false;

  constructor(options: ProberOptions) {
    this.options = options;
  }

  start(): void {
    const { startupProbe } = this.options.target.container;
    if (startupProbe) this.run('startup', startupProbe);
    else this.begin();
  }

  close(): void {
    this.isClosed = true;
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
  }

  private begin(): void {
    const { readinessProbe, livenessProbe } = this.options.target.container;
    this.options.onStarted();
    if (readinessProbe) this.run('readiness', readinessProbe);
    else this.options.onReady(true);
    if (livenessProbe) this.run('liveness', livenessProbe);
  }

  private run(kind: ProbeKind, probe: Probe): void {
    let state = initialProbeState;
    let attempt = 0;
    const schedule = (): void => {
      // Eager liveness would only end a container that is still starting.
      const delayMs = probeDelayMs(probe, state, attempt, kind !== 'liveness');
      this.timers.set(
        kind,
        this.options.clock.after(delayMs, () => void once()),
      );
    };
    const once = async (): Promise<void> => {
      attempt++;
      const { isSuccess, message } = await attemptProbe(probe, this.options.target);
      if (this.isClosed) return;
      const before = state.verdict;
      const hadSuccess = before === 'success';
      state = advanceProbe(state, isSuccess, probe);
      if (!isSuccess && (hadSuccess || kind !== 'readiness')) this.options.onFailure(kind, message);
      if (state.verdict !== before || kind !== 'readiness')
        if (this.settle(kind, state.verdict, message)) return;
      schedule();
    };
    schedule();
  }

  /** Acts on a verdict; true when this probe has done its work. */
  private settle(kind: ProbeKind, verdict: string, message: string): boolean {
    if (verdict === 'unknown') return false;
    if (kind === 'readiness') {
      this.options.onReady(verdict === 'success');
      return false;
    }
    if (verdict === 'failure') {
      this.options.onUnhealthy(kind, message);
      return true;
    }
    if (kind === 'startup') this.begin();
    return kind === 'startup';
  }
}
