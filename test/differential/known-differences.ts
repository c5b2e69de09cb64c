/**
 * Cases in which Knit's API server answers otherwise than the real one, each with the reason. A case
 * that starts to agree must leave the list: the tests fail until it does.
 */
export const knownDifferences: Readonly<Record<string, string>> = {};
