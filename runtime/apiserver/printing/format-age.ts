/** How long ago something was, as kubectl shows it. Pure. Source: k8s.io/apimachinery pkg/util/duration. */

/** `45s`, `3m10s`, `2h5m`, `3d4h`, `2y30d`: two units while the first is small. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 8 * 365 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

const pair = (a: number, aUnit: string, b: number, bUnit: string): string =>
  b === 0 ? `${a}${aUnit}` : `${a}${aUnit}${b}${bUnit}`;
