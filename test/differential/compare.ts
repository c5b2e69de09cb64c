/** What of two transcripts differs, in words. Pure. */
import type { Transcript, TranscriptEntry } from './run-case.ts';

/** One line per difference: where, what was expected, what came. Empty when the transcripts agree. */
export function compareTranscripts(expected: Transcript, actual: Transcript): string[] {
  const differences: string[] = [];
  if (expected.length !== actual.length)
    differences.push(`${expected.length} answers expected, ${actual.length} came`);
  for (const [index, entry] of expected.entries()) {
    const other = actual[index];
    if (!other) break;
    for (const line of differencesOf(entry, other)) differences.push(`${entry.request}: ${line}`);
  }
  return differences;
}

function differencesOf(expected: TranscriptEntry, actual: TranscriptEntry): string[] {
  const found: string[] = [];
  // Bodies of a success and of a refusal have nothing in common worth a line each.
  if (expected.status !== actual.status)
    return [
      `expected ${expected.status} ${messageOf(expected)}, got ${actual.status} ${messageOf(actual)}`,
    ];
  collect(expected, actual, '', found);
  return found;
}

function collect(expected: unknown, actual: unknown, path: string, found: string[]): void {
  if (isContainer(expected) && isContainer(actual) && isList(expected) === isList(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    for (const key of keys) collect(expected[key], actual[key], `${path}/${key}`, found);
    return;
  }
  if (Object.is(expected, actual)) return;
  found.push(`${path}: expected ${show(expected)}, got ${show(actual)}`);
}

const messageOf = ({ body }: TranscriptEntry): string =>
  show(isContainer(body) ? (body['message'] ?? body['kind']) : body);

const isContainer = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isList = (value: unknown): boolean => Array.isArray(value);

const SHOWN_LENGTH_MAX = 600;
const show = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value).slice(0, SHOWN_LENGTH_MAX);
