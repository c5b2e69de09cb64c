/** Host names and paths of requests, brought to one form before anything is looked up. Pure. */

/** Lower case, without port and without trailing dot; brackets of IPv6 stay. */
export function normalizeHost(authority: string): string {
  let host = authority;
  const colon = host.lastIndexOf(':');
  if (colon >= 0 && colon > host.lastIndexOf(']')) host = host.slice(0, colon);
  if (host.endsWith('.')) host = host.slice(0, -1);
  return host.toLowerCase();
}

/** Names that only exist inside: `*.svc` and `*.svc.cluster.local`. */
export const isClusterLocalHost = (host: string): boolean =>
  host.endsWith('.svc') || host.endsWith('.svc.cluster.local');

/** Path part of an origin-form target. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}

/** Query part without the question mark; '' when there is none. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
}

/**
 * Whether a server could read this path as one under `/_knit/`. Servers decode, merge slashes,
 * resolve dots and turn backslashes in different orders, so all of it is undone here before comparing.
 */
export function isInternalPath(path: string): boolean {
  // Almost every path: nothing that could be disguised.
  if (path.charCodeAt(1) !== 0x5f && !/[%\\;]|\/[./]/.test(path)) return false;
  let plain = path;
  // Twice, for servers behind a decoder of their own; a third layer is nobody's habit.
  for (let round = 0; round < 2; round++)
    plain = plain.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  const segments: string[] = [];
  for (const raw of plain.replaceAll('\\', '/').split('/')) {
    const segment = raw.replace(/;.*$/, '').trim();
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return segments[0]?.toLowerCase() === '_knit';
}
