/** Completion indexes of `Indexed` Jobs: where a Pod carries its own, and how many are written short. Pure. */
import type { Pod } from '../../apis/core/types.ts';

/** More indexes than a Job may have. */
const INDEXES_MAX = 1_000_000;
/** Label and annotation of a Pod. */
export const INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index';

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX_ANNOTATION];
  const index = Number(text);
  return text === undefined || !Number.isInteger(index) ? undefined : index;
}

/** The indexes that `0-2,5` names; nothing of what cannot be read. */
export function parseIndexes(text: string): ReadonlySet<number> {
  const indexes = new Set<number>();
  for (const part of text.split(',')) {
    const [first = NaN, last = first] = part.split('-').map(Number);
    for (let index = first; index <= last && indexes.size < INDEXES_MAX; index++)
      indexes.add(index);
  }
  return indexes;
}

/** `0-2,5` for 0, 1, 2 and 5. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length;) {
    const first = sorted[at] ?? 0;
    let length = 1;
    while (sorted[at + length] === first + length) length++;
    // Two neighbours are no range: `3,4`, as upstream writes them.
    parts.push(
      length === 1 ? `${first}` : `${first}${length === 2 ? ',' : '-'}${first + length - 1}`,
    );
    at += length;
  }
  return parts.join(',');
}
