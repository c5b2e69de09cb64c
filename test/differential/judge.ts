/**
 * Which cases agree, and which of the lists of differences are out of date. Pure. A difference is
 * listed either for good, with its reason, or as not done yet; a listed case that agrees must leave
 * its list, so that the number of agreeing cases only rises.
 */
import type { Case } from './case.ts';
import { compareTranscripts } from './compare.ts';
import type { Transcript } from './run-case.ts';

export interface Verdict {
  readonly name: string;
  /** Empty when the case agrees. */
  readonly differences: readonly string[];
  readonly isListed: boolean;
}

/** @param listed the names of cases that are known to differ. */
export const judgeCases = (
  cases: readonly Case[],
  expected: ReadonlyMap<string, Transcript>,
  actual: ReadonlyMap<string, Transcript>,
  listed: ReadonlySet<string>,
): Verdict[] =>
  cases.map(({ name }) => {
    const recorded = expected.get(name);
    return {
      name,
      differences: recorded
        ? compareTranscripts(recorded, actual.get(name) ?? [])
        : ['the real server was never asked: record the case'],
      isListed: listed.has(name),
    };
  });

export const agrees = ({ differences }: Verdict): boolean => differences.length === 0;

/** What makes a run fail, one line each. */
export const complaintsAbout = (verdicts: readonly Verdict[]): string[] =>
  verdicts.flatMap((verdict) => {
    if (agrees(verdict) && verdict.isListed)
      return [`agrees now, take it off the list of differences: ${verdict.name}`];
    if (!agrees(verdict) && !verdict.isListed)
      return [`differs: ${verdict.name}\n    ${verdict.differences.join('\n    ')}`];
    return [];
  });
