/**
 * The part of Go's text/template that names need: fields of the data (`{{.Name}}`,
 * `{{.Labels.team}}`), `index`, string literals, comparisons and `if`/`else`. No loops, pipes,
 * variables or definitions: those are refused when the template is parsed. Pure.
 * Source: Go's text/template (behaviour), as knative.dev/networking pkg/config uses it.
 */
export type TemplateData = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/** @throws {SyntaxError} on a field that the data does not have. */
export type Template = (data: TemplateData) => string;

type Value = string | boolean | Readonly<Record<string, string>> | undefined;
type Expression = (data: TemplateData) => Value;
type Node = (data: TemplateData) => string;

/** Templates are one line of a ConfigMap; this bounds what parsing them costs. */
const LENGTH_MAX = 4_096;

/** @throws {SyntaxError} when the text is no template, or uses more than is described above. */
export function parseTemplate(text: string): Template {
  if (text.length > LENGTH_MAX)
    throw new SyntaxError(`template is longer than ${LENGTH_MAX} characters`);
  const tokens = tokenize(text);
  const { nodes, end } = parseNodes(tokens, 0, false);
  if (end < tokens.length) throw new SyntaxError(`unexpected {{${tokens[end]?.text ?? ''}}}`);
  return (data) => nodes.map((node) => node(data)).join('');
}

interface Token {
  readonly isAction: boolean;
  readonly text: string;
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let rest = text;
  for (;;) {
    const open = rest.indexOf('{{');
    if (open < 0) break;
    const close = rest.indexOf('}}', open);
    if (close < 0) throw new SyntaxError('unclosed action');
    let before = rest.slice(0, open);
    let action = rest.slice(open + 2, close);
    rest = rest.slice(close + 2);
    if (/^-\s/.test(action)) {
      before = before.trimEnd();
      action = action.slice(1);
    }
    if (/\s-$/.test(action)) {
      rest = rest.trimStart();
      action = action.slice(0, -1);
    }
    if (before !== '') tokens.push({ isAction: false, text: before });
    tokens.push({ isAction: true, text: action.trim() });
  }
  if (rest !== '') tokens.push({ isAction: false, text: rest });
  return tokens;
}

/** Parses up to the end, or inside an `if` up to its `else` or `end`, which it leaves. */
function parseNodes(
  tokens: readonly Token[],
  start: number,
  isInside: boolean,
): { readonly nodes: readonly Node[]; readonly end: number } {
  const nodes: Node[] = [];
  let at = start;
  while (at < tokens.length) {
    const token = tokens[at] as Token;
    if (!token.isAction) {
      nodes.push(() => token.text);
      at += 1;
    } else if (isInside && (token.text === 'end' || /^else\b/.test(token.text))) break;
    else if (/^if\s/.test(token.text)) {
      const parsed = parseIf(tokens, at, token.text.slice(2));
      nodes.push(parsed.node);
      at = parsed.end;
    } else {
      const expression = parseExpression(token.text);
      nodes.push((data) => printed(expression(data)));
      at += 1;
    }
  }
  return { nodes, end: at };
}

function parseIf(
  tokens: readonly Token[],
  start: number,
  condition: string,
): { readonly node: Node; readonly end: number } {
  const test = parseExpression(condition);
  const then = parseNodes(tokens, start + 1, true);
  const closing = tokens[then.end]?.text;
  let otherwise: readonly Node[] = [];
  let end = then.end;
  if (closing !== undefined && /^else\s+if\s/.test(closing)) {
    const nested = parseIf(tokens, end, closing.replace(/^else\s+if/, ''));
    otherwise = [nested.node];
    end = nested.end - 1;
  } else if (closing === 'else') {
    const parsed = parseNodes(tokens, end + 1, true);
    otherwise = parsed.nodes;
    end = parsed.end;
  }
  if (tokens[end]?.text !== 'end') throw new SyntaxError('unexpected EOF');
  return {
    node: (data) =>
      (isTrue(test(data)) ? then.nodes : otherwise).map((node) => node(data)).join(''),
    end: end + 1,
  };
}

const WORD = /\s*(?:(\()|(\))|("(?:[^"\\]|\\.)*"|`[^`]*`)|(\.[\w.]*)|([A-Za-z]\w*))/y;

function parseExpression(text: string): Expression {
  WORD.lastIndex = 0;
  const words: string[] = [];
  while (WORD.lastIndex < text.trimEnd().length) {
    const before = WORD.lastIndex;
    const match = WORD.exec(text);
    if (!match)
      throw new SyntaxError(`unexpected ${JSON.stringify(text.slice(before))} in operand`);
    words.push(match[0].trim());
  }
  if (words.length === 0) throw new SyntaxError('missing value for command');
  const { expression, end } = parseCommand(words, 0);
  if (end < words.length)
    throw new SyntaxError(`unexpected ${JSON.stringify(words[end])} in command`);
  return expression;
}

function parseCommand(
  words: readonly string[],
  start: number,
): { readonly expression: Expression; readonly end: number } {
  const name = words[start] ?? '';
  if (!/^[A-Za-z]/.test(name)) {
    const operand = parseOperand(words, start);
    const next = words[operand.end];
    if (next !== undefined && next !== ')')
      throw new SyntaxError(`can't give argument to non-function ${name}`);
    return operand;
  }
  const call = functions[name];
  if (!call) throw new SyntaxError(`function ${JSON.stringify(name)} not defined`);
  const operands: Expression[] = [];
  let end = start + 1;
  while (end < words.length && words[end] !== ')') {
    const operand = parseOperand(words, end);
    operands.push(operand.expression);
    end = operand.end;
  }
  return { expression: (data) => call(operands.map((operand) => operand(data))), end };
}

function parseOperand(
  words: readonly string[],
  at: number,
): { readonly expression: Expression; readonly end: number } {
  const word = words[at] ?? '';
  if (word === '(') {
    const inner = parseCommand(words, at + 1);
    if (words[inner.end] !== ')') throw new SyntaxError('unclosed left paren');
    return { expression: inner.expression, end: inner.end + 1 };
  }
  if (word.startsWith('"')) {
    const literal = JSON.parse(word) as string;
    return { expression: () => literal, end: at + 1 };
  }
  if (word.startsWith('`')) return { expression: () => word.slice(1, -1), end: at + 1 };
  if (word.startsWith('.')) {
    const path = word.slice(1).split('.');
    return { expression: (data) => fieldOf(data, path), end: at + 1 };
  }
  throw new SyntaxError(`unexpected ${JSON.stringify(word)} in operand`);
}

function fieldOf(data: TemplateData, [field = '', key, ...more]: readonly string[]): Value {
  if (!Object.hasOwn(data, field)) throw new SyntaxError(`can't evaluate field ${field}`);
  const value = data[field];
  if (key === undefined) return value;
  if (typeof value !== 'object' || more.length > 0)
    throw new SyntaxError(`can't evaluate field ${key} in type string`);
  return value[key];
}

const functions: Readonly<Record<string, (values: readonly Value[]) => Value>> = {
  index: ([map, key]) => (typeof map === 'object' ? (map[String(key)] ?? '') : ''),
  eq: ([first, ...others]) => others.some((other) => (other ?? '') === (first ?? '')),
  ne: ([first, second]) => (first ?? '') !== (second ?? ''),
  not: ([value]) => !isTrue(value),
  and: (values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (values) => values.find(isTrue) ?? values.at(-1),
};

const isTrue = (value: Value): boolean =>
  typeof value === 'object'
    ? Object.keys(value).length > 0
    : value !== undefined && value !== '' && value !== false;

function printed(value: Value): string {
  if (typeof value !== 'object') return String(value ?? '<no value>');
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${item}`).join(' ')}]`;
}
