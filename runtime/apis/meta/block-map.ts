/**
 * The part of YAML that values of ConfigMaps use: maps of maps of strings, by indentation. No lists,
 * anchors, tags or multi-line scalars; those are refused. Pure, and without a YAML library, which a
 * process that only reads these would hold for ever.
 */
export interface BlockMap {
  readonly [key: string]: string | BlockMap;
}

interface Line {
  readonly indent: number;
  readonly key: string;
  readonly value: string;
}

const DEPTH_MAX = 8;

/** Nothing, `{}` and comments are an empty map. @throws {SyntaxError} on anything that is no such map. */
export function parseBlockMap(text: string): BlockMap {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trimEnd())
    .filter((line) => line.trim() !== '' && line.trim() !== '{}')
    .map(parseLine);
  const { map, end } = parseLevel(lines, 0, 0);
  if (end < lines.length) throw new SyntaxError(`yaml: "${lines[end]?.key}" is indented wrongly`);
  return map;
}

function parseLine(line: string): Line {
  const match = /^( *)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'[\]{}&*!|>%@`-][^:]*):(?:\s+(.*))?$/.exec(
    line,
  );
  if (!match)
    throw new SyntaxError(`yaml: cannot unmarshal ${JSON.stringify(line.trim())} into a map`);
  const [, indent = '', key = '', value = ''] = match;
  return { indent: indent.length, key: unquote(key), value };
}

function parseLevel(
  lines: readonly Line[],
  start: number,
  depth: number,
): { readonly map: BlockMap; readonly end: number } {
  if (depth > DEPTH_MAX) throw new SyntaxError('yaml: nested too deeply');
  const map: Record<string, string | BlockMap> = {};
  const indent = lines[start]?.indent ?? 0;
  let at = start;
  while (at < lines.length) {
    const { key, value, indent: own } = lines[at] as Line;
    if (own !== indent) break;
    at += 1;
    const next = lines[at];
    if (value === '' && next && next.indent > indent) {
      const nested = parseLevel(lines, at, depth + 1);
      map[key] = nested.map;
      at = nested.end;
    } else map[key] = value === '{}' ? {} : unquote(value);
  }
  return { map, end: at };
}

function unquote(text: string): string {
  if (/^".*"$/.test(text)) return JSON.parse(text) as string;
  return /^'.*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text;
}
