/** Runtimes of Lambda, past ones too, to one that is served here. Pure. Source: Lambda's list of runtimes. */
import type { Verdict } from './setting.ts';

const NODE_OLDEST = 20;
const NODE_NEWEST = 24;

/** @returns the runtime to write, the same where there is none. */
export function mapRuntime(asked: string): { readonly runtime: string; readonly verdict: Verdict } {
  const node = /^nodejs(\d+)?(?:\.x|\.\d+)?$/.exec(asked);
  if (node) {
    const major = Number(node[1] ?? 0);
    if (major >= NODE_OLDEST && major <= NODE_NEWEST && major % 2 === 0) return same(asked);
    const nearest = major < NODE_OLDEST ? NODE_OLDEST : NODE_NEWEST;
    return changed(asked, `nodejs${nearest}.x`);
  }
  if (/^python3(\.\d+)?$/.test(asked)) return same(asked, 'it runs on the Python 3 of the machine');
  if (asked.startsWith('python')) return changed(asked, 'python3.11');
  if (/^provided(\.al\d+)?$/.test(asked)) return same(asked);
  const language = /^[a-z]+/.exec(asked)?.[0] ?? asked;
  return {
    runtime: asked,
    verdict: {
      status: 'manual',
      reason: `there is no image for ${asked}`,
      todo:
        language === 'go'
          ? 'build an executable "bootstrap" for provided.al2023'
          : 'give its functions a Dockerfile: handler: path/to/Dockerfile',
    },
  };
}

const same = (runtime: string, reason = 'it means the same here') => ({
  runtime,
  verdict: { status: 'kept' as const, reason },
});

const changed = (asked: string, runtime: string) => ({
  runtime,
  verdict: {
    status: 'mapped' as const,
    reason: `${asked} is past its end; ${runtime} is the nearest that is served`,
  },
});
