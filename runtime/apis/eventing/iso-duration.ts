/** ISO 8601 durations, as DeliverySpec writes them. Years and months are refused: their length is not fixed. */

const DURATION =
  /^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const UNITS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000];

/** Milliseconds, rounded; undefined when the text is no such duration. `PT0.2S` is 200. */
export function parseIsoDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match || text === 'P' || text.endsWith('T')) return undefined;
  let totalMs = 0;
  for (const [index, unitMs] of UNITS_MS.entries())
    totalMs += Number(match[index + 1] ?? 0) * unitMs;
  return Math.round(totalMs);
}
