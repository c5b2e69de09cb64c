/** Bodies and answers in YAML: one document, JSON's values, keys that are strings. */
import {
  Document,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Scalar,
  type Tags,
} from 'yaml';
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
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => !isForeign(tag)),
    merge: true,
    uniqueKeys: false,
    stringKeys: false,
    lineCounter: lines,
  });
  // As upstream, which reads the first document and leaves the rest.
  const error = document.errors.find(({ code }) => code !== 'MULTIPLE_DOCS');
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
  return value ?? null;
}

/** As upstream's writer: keys in order, lists not indented, its choice of quotes. */
export function encodeYaml(body: unknown): EncodedBody {
  const document = new Document(body, {
    version: '1.1',
    sortMapEntries: true,
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string') node.type = styleOf(node.value);
    },
  });
  const text = document.toString({ lineWidth: 0, indentSeq: false, singleQuote: true });
  return { bytes: Buffer.from(text), contentType: YAML_TYPE };
}

/** What YAML 1.1 takes for something else than a text, and texts that need escapes, in double quotes. */
function styleOf(text: string): Scalar.Type {
  if (/(?!\n)\p{Cc}| \n/u.test(text) || isOtherValue(text)) return 'QUOTE_DOUBLE';
  if (text.includes('\n')) return 'BLOCK_LITERAL';
  return /^---|^\.\.\./.test(text) ? 'QUOTE_SINGLE' : 'PLAIN';
}

const otherWords =
  /^(?:|~|null|Null|NULL|[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|<<)$/;
const numbers =
  /^[-+]?(?:0b[01_]+|0x[\da-fA-F_]+|0o?[0-7_]+|[\d_]+|(?:\d[\d_]*)?\.?[\d_]*(?:[eE][-+]?\d+)?|\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)$/;
const dates = /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?$/;

const isOtherValue = (text: string): boolean =>
  otherWords.test(text) || (/\d/.test(text) && numbers.test(text)) || dates.test(text);

/** Values of YAML 1.1 that JSON has not, and numbers to the base of 60, which upstream reads as texts. */
const isForeign = (tag: Tags[number]): boolean =>
  typeof tag === 'string'
    ? ['timestamp', 'binary', 'omap', 'pairs', 'set', 'intTime', 'floatTime'].includes(tag)
    : /:(?:timestamp|binary|omap|pairs|set)$/.test(tag.tag) || tag.format === 'TIME';

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
