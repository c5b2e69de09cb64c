/** When a cron schedule fires next. The only file that knows croner; timers are the caller's. */
import { Cron } from 'croner';

/** Seconds are an optional leading field. */
export interface Schedule {
  /** Wall time in ms of the first tick after `nowMs`; undefined when there is none. */
  nextMs(nowMs: number): number | undefined;
}

/** @throws an Error that says what is wrong with the schedule or the time zone. */
export function parseSchedule(expression: string, timezone: string | undefined): Schedule {
  const text = expression.trim();
  if (text.startsWith('@every')) throw new Error(`schedule "${text}": @every is not supported`);
  const cron = new Cron(text, {
    mode: '5-or-6-parts',
    timezone: timezone || 'UTC',
    paused: true,
    legacyMode: true,
  });
  return { nextMs: (nowMs) => cron.nextRun(new Date(nowMs))?.getTime() };
}
