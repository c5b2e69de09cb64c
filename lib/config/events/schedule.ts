/**
 * `schedule` as AWS has it, and `ping` as Knative has it: schema and parsing to the cron lines that
 * a PingSource takes. Whether a cron line is valid in detail is the API's business.
 */
import { anyOf, anything, flag, listOf, shape, text, type JsonSchema } from '../json-schema.ts';
import type { ScheduleEvent } from '../service-model.ts';
import { EventProblem } from './event-problem.ts';

export const scheduleSchema: JsonSchema = anyOf(
  text,
  shape(
    {
      rate: anyOf(text, listOf(text)),
      enabled: flag,
      name: text,
      description: text,
      input: anything,
      inputPath: text,
      inputTransformer: anything,
      method: text,
      timezone: text,
      roleArn: anything,
      groupName: anything,
    },
    ['rate'],
  ),
);

export const pingSchema: JsonSchema = anyOf(
  text,
  shape({ schedule: text, timezone: text, data: anything, name: text }, ['schedule']),
);

/** The old plugin's `cron`: a five-field line and a data string. */
export const cronSchema: JsonSchema = shape({ schedule: text, data: anything }, ['schedule']);

interface RawSchedule {
  rate: string | string[];
  enabled?: boolean;
  name?: string;
  input?: unknown;
  inputPath?: string;
  inputTransformer?: unknown;
  timezone?: string;
}

/** One event per rate; none when it is disabled. @throws {EventProblem} */
export function parseSchedule(raw: unknown): readonly ScheduleEvent[] {
  const settings: RawSchedule = typeof raw === 'string' ? { rate: raw } : (raw as RawSchedule);
  if (settings.enabled === false) return [];
  const rewrite = settings.inputPath ?? settings.inputTransformer;
  if (rewrite !== undefined)
    throw new EventProblem('undeployed', 'inputPath and inputTransformer are not built');
  return [settings.rate].flat().map((rate) => ({
    type: 'schedule',
    cron: toCron(rate),
    ...(settings.timezone === undefined ? {} : { timezone: settings.timezone }),
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(settings.input === undefined ? {} : { input: inputText(settings.input) }),
  }));
}

/** `ping` and `cron`. @throws {EventProblem} */
export function parsePing(raw: unknown): ScheduleEvent {
  const settings = (typeof raw === 'string' ? { schedule: raw } : raw) as {
    schedule: string;
    timezone?: string;
    data?: unknown;
    name?: string;
  };
  return {
    type: 'schedule',
    cron: toCron(settings.schedule),
    ...(settings.timezone === undefined ? {} : { timezone: settings.timezone }),
    ...(settings.name === undefined ? {} : { name: settings.name }),
    ...(settings.data === undefined ? {} : { input: inputText(settings.data) }),
  };
}

/** A string that holds JSON is that JSON, any other string a JSON string; the rest is serialized. */
function inputText(input: unknown): string {
  if (typeof input !== 'string') return JSON.stringify(input);
  try {
    JSON.parse(input);
    return input;
  } catch {
    return JSON.stringify(input);
  }
}

/**
 * `rate(5 minutes)`, `cron(0 12 ? * MON-FRI *)`, a plain cron line of five or six fields, or `@hourly`
 * and its like.
 * @throws {EventProblem} when it is none of them.
 */
export function toCron(expression: string): string {
  const trimmed = expression.trim();
  const call = /^(rate|cron|at)\((.*)\)$/.exec(trimmed);
  if (call?.[1] === 'rate') return rateToCron(call[2] ?? '', trimmed);
  if (call?.[1] === 'cron') return awsCronToCron(call[2] ?? '', trimmed);
  if (call?.[1] === 'at')
    throw new EventProblem('undeployed', 'one-time schedules, at(...), are not built');
  const fields = trimmed.split(/\s+/).length;
  if (/^@[a-z]+$/.test(trimmed) || fields === 5 || fields === 6) return trimmed;
  throw new EventProblem(
    'invalid',
    `schedule "${expression}" is not rate(N minutes), cron(...), a cron line or @hourly, @daily, ...`,
  );
}

const MINUTES_PER = { minute: 1, hour: 60, day: 1440 } as const;

function rateToCron(inside: string, expression: string): string {
  const parts = /^(\d+)\s+(minute|hour|day)s?$/.exec(inside.trim());
  const count = Number(parts?.[1]);
  const unit = parts?.[2] as keyof typeof MINUTES_PER | undefined;
  if (!unit || count < 1)
    throw new EventProblem(
      'invalid',
      `schedule "${expression}": a rate is rate(N minutes|hours|days) with N of at least 1`,
    );
  const minutes = count * MINUTES_PER[unit];
  if (minutes === 1) return '* * * * *';
  if (minutes < 60 && 60 % minutes === 0) return `*/${minutes} * * * *`;
  if (minutes === 60) return '0 * * * *';
  if (minutes < 1440 && minutes % 60 === 0 && 24 % (minutes / 60) === 0)
    return `0 */${minutes / 60} * * *`;
  if (minutes === 1440) return '0 0 * * *';
  if (minutes === 7 * 1440) return '0 0 * * 0';
  // Cron fields restart each hour, day and month, so that no cron line runs every 7 minutes.
  throw new EventProblem(
    'invalid',
    `schedule "${expression}": only rates that divide an hour or a day evenly, a day and a week can ` +
      'be kept; use cron(...) for the times that you need',
  );
}

/** AWS has six fields: minutes hours day-of-month month day-of-week(1-7 = SUN-SAT) year, and `?`. */
function awsCronToCron(inside: string, expression: string): string {
  const [minute, hour, day, month, weekday, year, ...rest] = inside.trim().split(/\s+/);
  if (weekday === undefined || rest.length > 0)
    throw new EventProblem('invalid', `schedule "${expression}": AWS cron has six fields`);
  if (year !== undefined && year !== '*')
    throw new EventProblem('undeployed', `schedule "${expression}": the year field is not built`);
  const anyDay = day === '?' ? '*' : day;
  const anyWeekday = weekday === '?' ? '*' : shiftWeekdays(weekday);
  return [minute, hour, anyDay, month, anyWeekday].join(' ');
}

/** Numbers of weekdays from AWS's 1-7 to cron's 0-6; steps and `#n` stay. */
const shiftWeekdays = (field: string): string =>
  field.replace(/(^|[,-])(\d)/g, (_, before: string, day: string) => `${before}${Number(day) - 1}`);
