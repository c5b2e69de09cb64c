/**
 * The server's pages about itself: health with its checks, and metrics. Pure: what they tell is
 * read by functions. Source: k8s.io/apiserver pkg/server/healthz (texts that probes and people read).
 */
export interface HealthCheck {
  readonly name: string;
  /** @returns why it fails; undefined while all is well. */
  readonly check: () => string | undefined;
}

export interface ServerPage {
  readonly code: number;
  readonly contentType: string;
  readonly text: string;
}

export interface ServerPagesOptions {
  readonly live: readonly HealthCheck[];
  /** Beside the live ones. */
  readonly ready: readonly HealthCheck[];
  readonly printMetrics: () => string;
}

const plain = 'text/plain; charset=utf-8';

export class ServerPages {
  private readonly options: ServerPagesOptions;

  constructor(options: ServerPagesOptions) {
    this.options = options;
  }

  /** @returns undefined for a path that is none of these pages. */
  find(path: string, query: Readonly<Record<string, string>>): ServerPage | undefined {
    const { live, ready, printMetrics } = this.options;
    if (path === '/metrics')
      return { code: 200, contentType: 'text/plain; version=0.0.4', text: printMetrics() };
    const [, root = '', name, ...rest] = path.split('/');
    if (rest.length > 0) return undefined;
    switch (root) {
      case 'livez':
      case 'healthz':
        return makeHealthPage(root, live, name, query);
      case 'readyz':
        return makeHealthPage(root, [...live, ...ready], name, query);
      default:
        return undefined;
    }
  }
}

function makeHealthPage(
  root: string,
  checks: readonly HealthCheck[],
  name: string | undefined,
  query: Readonly<Record<string, string>>,
): ServerPage {
  if (name !== undefined && name !== '') {
    const one = checks.find((check) => check.name === name);
    if (!one) return { code: 404, contentType: plain, text: '404 page not found\n' };
    const problem = one.check();
    return problem === undefined
      ? { code: 200, contentType: plain, text: 'ok' }
      : { code: 500, contentType: plain, text: `internal server error: ${problem}\n` };
  }
  const excluded = query['exclude'];
  const lines: string[] = [];
  let failures = 0;
  for (const check of checks) {
    const isExcluded = check.name === excluded;
    const problem = isExcluded ? undefined : check.check();
    if (problem !== undefined) failures++;
    if (isExcluded) lines.push(`[+]${check.name} excluded: ok`);
    // As upstream: why is in the server's log and behind the check's own path.
    else lines.push(problem === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed`);
  }
  if (failures > 0) {
    const text = `${lines.join('\n')}\n${root} check failed\n`;
    return { code: 500, contentType: plain, text };
  }
  if (!('verbose' in query)) return { code: 200, contentType: plain, text: 'ok' };
  return { code: 200, contentType: plain, text: `${lines.join('\n')}\n${root} check passed\n` };
}
