/** Completion indexes of `Indexed` Jobs: where a Pod carries its own, and how many are written short. Pure. */
import type { Pod } from '../../apis/core/types.ts';

/** Label and annotation of a Pod. */
export const INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index';

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX_ANNOTATION];
  const index = Number(text);
  return text === undefined || !Number.isInteger(index) ? undefined : index;
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
