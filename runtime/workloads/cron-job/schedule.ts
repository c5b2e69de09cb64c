/** When a CronJob fires, and when it last should have. The only file of the room that knows croner. */
import { Cron } from 'croner';

export interface Schedule {
  /** Wall time in ms of the first time after `nowMs`; undefined when there is none. */
  nextMs(nowMs: number): number | undefined;
  /** The last time at or before `nowMs`; undefined when there is none. */
  latestMs(nowMs: number): number | undefined;
}

/** @throws an Error that says what is wrong with the schedule or the time zone. */
export function parseCronSchedule(expression: string, timeZone: string | undefined): Schedule {
  const cron = new Cron(expression.trim(), {
    mode: '5-part',
    timezone: timeZone ?? 'UTC',
    paused: true,
    legacyMode: true,
  });
  return {
    nextMs: (nowMs) => cron.nextRun(new Date(nowMs))?.getTime(),
    // A time that is now is the latest already.
    latestMs: (nowMs) => cron.previousRuns(1, new Date(nowMs + 1_000))[0]?.getTime(),
  };
}
