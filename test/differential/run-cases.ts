/** Plays many cases at once against one API server; each has a namespace of its own. */
import type { Case } from './case.ts';
import { runCase, type ApiUnderTest, type Transcript } from './run-case.ts';

/** Most cases wait for the server, not for the machine: this many keep two cores busy. */
const PARALLEL = 6;

/** @returns transcripts by the name of their case, in the order of the cases. */
export async function runCases(
  api: ApiUnderTest,
  cases: readonly Case[],
): Promise<ReadonlyMap<string, Transcript>> {
  const transcripts = new Map<string, Transcript>();
  const queue = [...cases];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      transcripts.set(next.name, await runCase(api, next));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return new Map(cases.map(({ name }) => [name, transcripts.get(name) ?? []]));
}
