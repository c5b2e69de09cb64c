/**
 * What is wrong with an expression, in the words that people know from Kubernetes: the library that
 * evaluates them has its own. Pure. Source: github.com/google/cel-go (formats of messages).
 */
interface LibraryError {
  readonly code?: string;
  readonly summary?: string;
  readonly message?: string;
  readonly range?: { readonly start: number; readonly end: number };
}

const operatorNames: Readonly<Record<string, string>> = {
  '==': '_==_',
  '!=': '_!=_',
  '<': '_<_',
  '<=': '_<=_',
  '>': '_>_',
  '>=': '_>=_',
  '+': '_+_',
  '-': '_-_',
  '*': '_*_',
  '/': '_/_',
  '%': '_%_',
  in: '@in',
  '&&': '_&&_',
  '||': '_||_',
};

/** `compilation failed: ERROR: ...` with the place in the expression. */
export function explainCompileError(expression: string, error: unknown): string {
  const { text, offset } = describe(expression, error as LibraryError);
  const before = expression.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - (before.lastIndexOf('\n') + 1);
  const shown = expression.split('\n')[line - 1] ?? '';
  return `compilation failed: ERROR: <input>:${line}:${column + 1}: ${text}\n | ${shown}\n | ${'.'.repeat(column)}^`;
}

function describe(expression: string, error: LibraryError): { text: string; offset: number } {
  const summary = summaryOf(error);
  const { code, range } = error;
  const start = range?.start ?? 0;
  if (code === 'no_such_key') {
    const field = summary.replace(/^No such key: /, '');
    return { text: `undefined field '${field}'`, offset: Math.max(0, start - 1) };
  }
  if (code === 'unknown_variable') {
    const name = summary.replace(/^Unknown variable: /, '');
    return { text: `undeclared reference to '${name}' (in container '')`, offset: start };
  }
  const overload = /^no such overload: (\S+) (\S+) (\S+)$/.exec(summary);
  if (overload) {
    const [, left = '', operator = '', right = ''] = overload;
    const at = expression.indexOf(operator, start + 1);
    return {
      text: `found no matching overload for '${operatorNames[operator] ?? operator}' applied to '(${left}, ${right})'`,
      offset: at < 0 ? start : at,
    };
  }
  const call = /^found no matching overload for '(?:([^'(]*)\.)?(\w+)\((.*)\)'$/.exec(summary);
  if (call) {
    const [, receiver, name = '', args = ''] = call;
    const at = expression.indexOf(`${name}(`, start);
    const offset = at < 0 ? start : at + name.length;
    const applied = receiver === undefined ? `(${args})` : `${receiver}.(${args})`;
    return { text: `found no matching overload for '${name}' applied to '${applied}'`, offset };
  }
  if (code === 'unexpected_token' || code === undefined)
    return { text: `Syntax error: ${summary.replace('EOF', "'<EOF>'")}`, offset: start };
  return { text: summary, offset: start };
}

/** What an evaluation failed with. */
export function explainRuntimeError(error: unknown): string {
  const summary = summaryOf(error);
  const bounds = /index out of bounds, index (-?\d+)/.exec(summary);
  if (bounds) return `index out of bounds: ${bounds[1]}`;
  return summary.replace(/^No such key: /, 'no such key: ');
}

function summaryOf(error: unknown): string {
  const { summary, message } = error as LibraryError;
  return summary ?? message?.split('\n')[0] ?? String(error);
}
