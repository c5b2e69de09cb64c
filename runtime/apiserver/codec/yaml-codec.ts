/** Bodies and answers in YAML: one document, JSON's values, keys that are strings. */
import { isMap, isScalar, LineCounter, parseDocument, stringify, visit, type Document } from 'yaml';
import { checkDepth } from '../json-value.ts';
import { StatusError } from '../status-error.ts';
import type { EncodedBody } from './body-codec.ts';

export const YAML_TYPE = 'application/yaml';
/** Against documents that are small to send and huge to expand. */
const ALIASES_MAX = 100;
const DUPLICATES_MAX = 100;

/**
 * @param problems duplicate keys are told here, in the words of Go's YAML parser.
 * @throws {StatusError} 400 for what is no YAML, or holds what JSON cannot.
 */
export function parseYaml(bytes: Buffer, problems: string[]): unknown {
  const lines = new LineCounter();
  const document = parseDocument(bytes.toString('utf8'), {
    schema: 'core',
    merge: true,
    uniqueKeys: false,
    stringKeys: false,
    lineCounter: lines,
  });
  const [error] = document.errors;
  if (error) throw StatusError.badRequest(`error converting YAML to JSON: yaml: ${error.message}`);
  noteDuplicates(document, lines, problems);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (problem) {
    throw StatusError.badRequest(
      `error converting YAML to JSON: yaml: ${(problem as Error).message}`,
    );
  }
  checkDepth(value);
  return value ?? undefined;
}

export const encodeYaml = (body: unknown): EncodedBody => ({
  // As upstream's writer: keys in order, lists not indented, and texts quoted that YAML 1.1 takes for
  // something else.
  bytes: Buffer.from(
    stringify(body, {
      version: '1.1',
      aliasDuplicateObjects: false,
      lineWidth: 0,
      sortMapEntries: true,
      indentSeq: false,
    }),
  ),
  contentType: YAML_TYPE,
});

function noteDuplicates(document: Document.Parsed, lines: LineCounter, problems: string[]): void {
  const found: string[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of isMap(map) ? map.items : []) {
        if (!isScalar(key)) continue;
        const { line } = lines.linePos(key.range?.[0] ?? 0);
        if (seen.has(key.value) && found.length < DUPLICATES_MAX)
          found.push(`  line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        seen.add(key.value);
      }
    },
  });
  if (found.length > 0) problems.push(`yaml: unmarshal errors:\n${found.join('\n')}`);
}
