/**
 * Runs the schedules: one timer for each PingSource that has a sink, and the sending with its
 * retries. A tick that falls into a time when this process did not run is not made up for.
 * Source: Knative Eventing 1.19 pkg/adapter/mtping (behaviour): jitter, retries, event.
 */
import { randomUUID } from 'node:crypto';
import type { PingSource } from '../../apis/sources/types.ts';
import { defaultSchedule } from '../../apis/sources/definitions.ts';
import type { EventSender } from '../../broker/event-sender.ts';
import { isRetryable } from '../../broker/delivery-policy.ts';
import { backoffMs } from '../../std/backoff.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import { sleep } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { Random } from '../../std/random.ts';
import { makePingEvent } from './ping-source.ts';
import type { Schedule } from './schedule.ts';
import { parseSchedule } from './schedule.ts';

/** Sources of the same minute do not all send in the same millisecond. */
const JITTER_MS_MAX = 500;
/** Five retries from 50 ms, doubling; then the tick is lost. */
const RETRY = { initialMs: 50, maxMs: 800 };
const RETRIES_MAX = 5;
const ATTEMPT_TIMEOUT_MS = 30_000;
/** Timers are set anew at least this often: a changed wall clock or a suspended machine shifts a tick by no more, and no delay outgrows setTimeout. */
const TIMER_MS_MAX = 60_000;

export interface PingAdapterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly sender: Pick<EventSender, 'send'>;
  /** @default random UUIDs */
  readonly makeId?: () => string;
}

interface Job {
  readonly source: PingSource;
  readonly schedule: Schedule;
  /** Wall time of the tick that is waited for. */
  nextMs: number | undefined;
  cancel: CancelTimer;
}

export class PingAdapter {
  private readonly options: PingAdapterOptions;
  private readonly jobs = new Map<string, Job>();
  private readonly stopping = new AbortController();
  private readonly sending = new Set<Promise<void>>();

  constructor(options: PingAdapterOptions) {
    this.options = options;
  }

  /** Follows the source's schedule from now on. Setting an unchanged source again loses no tick. */
  set(key: string, source: PingSource): void {
    const old = this.jobs.get(key);
    if (old && isSame(old.source, source)) return;
    this.remove(key);
    const { schedule = defaultSchedule, timezone } = source.spec;
    const job: Job = {
      source,
      schedule: parseSchedule(schedule, timezone),
      nextMs: undefined,
      cancel: () => undefined,
    };
    job.nextMs = job.schedule.nextMs(this.options.clock.now());
    this.jobs.set(key, job);
    this.arm(job);
  }

  remove(key: string): void {
    this.jobs.get(key)?.cancel();
    this.jobs.delete(key);
  }

  async close(): Promise<void> {
    for (const key of this.jobs.keys()) this.remove(key);
    this.stopping.abort(new Error('sources are stopping'));
    await Promise.all(this.sending);
  }

  private arm(job: Job): void {
    if (job.nextMs === undefined) return;
    const { clock } = this.options;
    const delayMs = Math.max(0, job.nextMs - clock.now());
    job.cancel = clock.after(Math.min(delayMs, TIMER_MS_MAX), () => {
      const nowMs = clock.now();
      if (job.nextMs !== undefined && nowMs >= job.nextMs) {
        this.fire(job);
        // Counted from the tick, not from now: a late timer must not swallow the following tick.
        const following = job.schedule.nextMs(job.nextMs);
        job.nextMs =
          following !== undefined && following < nowMs ? job.schedule.nextMs(nowMs) : following;
      }
      this.arm(job);
    });
  }

  private fire({ source }: Job): void {
    const sending = this.send(source)
      .catch((error: unknown) => {
        if (!this.stopping.signal.aborted)
          this.options.logger.error('ping failed unexpectedly', { error: String(error) });
      })
      .finally(() => this.sending.delete(sending));
    this.sending.add(sending);
  }

  private async send(source: PingSource): Promise<void> {
    const { clock, random, sender, logger, makeId = randomUUID } = this.options;
    const { signal } = this.stopping;
    const { namespace = '', name } = source.metadata;
    const event = makePingEvent(source, { id: makeId(), nowMs: clock.now() });
    await sleep(clock, Math.floor(random() * JITTER_MS_MAX), signal);
    const sinkUri = source.status?.sinkUri ?? '';
    for (let attempt = 1; ; attempt++) {
      const { status, body } = await sender.send(sinkUri, event, {
        timeoutMs: ATTEMPT_TIMEOUT_MS,
        headers: { 'kn-namespace': namespace },
        signal,
      });
      if (status !== undefined && status >= 200 && status < 300) return;
      signal.throwIfAborted();
      if (!isRetryable(status) || attempt > RETRIES_MAX) {
        logger.warn('ping lost: the sink did not take it', {
          pingSource: `${namespace}/${name}`,
          sinkUri,
          status,
          attempts: attempt,
          detail: body.toString('utf8', 0, 200),
        });
        return;
      }
      await sleep(clock, backoffMs(attempt, RETRY), signal);
    }
  }
}

/** Whether a write changed nothing that a tick depends on. */
function isSame(a: PingSource, b: PingSource): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    a.status?.sinkUri === b.status?.sinkUri &&
    JSON.stringify(a.spec) === JSON.stringify(b.spec)
  );
}
