/**
 * Tests of Knative's own programs that fail against Knit today, each with its cause. An entry that
 * passes is reported as an error, so that the list only shrinks.
 */
export const knownFailures: Readonly<Record<string, string>> = {};
