/**
 * Whether a schedule can be read, and in which words it is refused when not; when it fires is the
 * controller's to find out. Pure. Source: github.com/robfig/cron/v3 parser.go (grammar, words).
 */
interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const weekdays = 'sun mon tue wed thu fri sat'.split(' ');
const fields: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: weekdays },
];
const descriptors = new Set([
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@daily',
  '@midnight',
  '@hourly',
]);
const EVERY = '@every ';
const duration =
  /^[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/;

/** What is wrong with the schedule; undefined when nothing is. */
export function scheduleProblem(text: string): string | undefined {
  const schedule = text.replace(/^(TZ|CRON_TZ)=\S+\s*/, '');
  if (schedule.startsWith('@')) {
    if (descriptors.has(schedule)) return undefined;
    if (!schedule.startsWith(EVERY)) return `unrecognized descriptor: ${schedule}`;
    const given = schedule.slice(EVERY.length);
    return duration.test(given)
      ? undefined
      : `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(given)}`;
  }
  const parts = schedule.trim().split(/\s+/).filter(Boolean);
  if (parts.length !== fields.length)
    return `expected exactly ${fields.length} fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [index, bounds] of fields.entries())
    for (const range of (parts[index] ?? '').split(',')) {
      const problem = rangeProblem(range, bounds);
      if (problem !== undefined) return problem;
    }
  return undefined;
}

function rangeProblem(text: string, bounds: Bounds): string | undefined {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreEnds] = range.split('-');
  let [start, end] = [bounds.min, bounds.max];
  if (low !== '*' && low !== '?') {
    const first = readNumber(low, bounds);
    if (typeof first === 'string') return first;
    if (moreEnds.length > 0) return `too many hyphens: ${text}`;
    const last = high === undefined ? first : readNumber(high, bounds);
    if (typeof last === 'string') return last;
    [start, end] = [first, last];
  }
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  let step = 1;
  if (stepText !== undefined) {
    const given = readNumber(stepText, { min: 0, max: 0 });
    if (typeof given === 'string') return given;
    step = given;
    if (high === undefined) end = bounds.max;
  }
  if (start < bounds.min)
    return `beginning of range (${start}) below minimum (${bounds.min}): ${text}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return step === 0 ? `step of range should be a positive number: ${text}` : undefined;
}

/** @returns the number, or what is wrong with it. */
function readNumber(text: string, { names, min }: Bounds): number | string {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  if (/^[+-]?\d+$/.test(text)) {
    const number = Number(text);
    return number < 0 ? `negative number (${number}) not allowed: ${text}` : number;
  }
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}
