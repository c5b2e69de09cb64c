/** What a benchmark returns: one row per figure, its comparison measured in the same run. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  readonly comparison?: { readonly name: string; readonly value: number };
  /** value / comparison.value */
  readonly ratio?: number;
  readonly goal?: string;
  readonly met?: boolean;
  /** How many measurements stand behind the value. */
  readonly runs: number;
}

/** The value below which `share` (0-1) of the samples lie, by nearest rank. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[rank] ?? Number.NaN;
}
