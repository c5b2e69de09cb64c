/**
 * Patterns of schemas and of CEL. Theirs is RE2's syntax and ours is JavaScript's, which agree in
 * what schemas use. RE2 takes linear time whatever the pattern and the text; V8 does once it is told
 * to, for patterns without the things that RE2 has not either: those are refused.
 */
import { setFlagsFromString } from 'node:v8';

// A search that goes back too often starts over in V8's linear engine. Without this, one object whose
// text was made for the purpose would stop the server: whoever may write it could.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

const PATTERNS_MAX = 1_000;
const PATTERN_LENGTH_MAX = 4_096;

const compiled = new Map<string, RegExp | undefined>();

/** @returns undefined when the pattern is not valid, or not safe to run. */
export function compilePattern(pattern: string): RegExp | undefined {
  if (compiled.has(pattern)) return compiled.get(pattern);
  if (compiled.size >= PATTERNS_MAX) compiled.clear();
  const result = compile(pattern);
  compiled.set(pattern, result);
  return result;
}

/**
 * Why a pattern is none, in Go's words for the mistakes that people make.
 * @returns undefined when it can be used.
 */
export function explainPattern(pattern: string): string | undefined {
  if (compilePattern(pattern)) return undefined;
  return `error parsing regexp: ${findMistake(pattern)}`;
}

function findMistake(pattern: string): string {
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    if (character === '\\') {
      if (i === pattern.length - 1) return 'trailing backslash at end of expression: ``';
      i++;
    } else if (character === '[') {
      const end = pattern.indexOf(']', i + (pattern[i + 1] === '^' ? 3 : 2));
      if (end < 0) return `missing closing ]: \`${pattern.slice(i)}\``;
      i = end;
    } else if (character === '(') {
      const lookaround = /^\(\?<?[=!]/.exec(pattern.slice(i));
      if (lookaround) return `invalid or unsupported Perl syntax: \`${lookaround[0]}\``;
      depth++;
    } else if (character === ')' && --depth < 0) return `unexpected ): \`${pattern}\``;
    else if (/[*+?]/.test(character ?? '') && (i === 0 || /[(|]/.test(pattern[i - 1] ?? '')))
      return `missing argument to repetition operator: \`${character}\``;
  }
  return depth > 0 ? `missing closing ): \`${pattern}\`` : `invalid pattern: \`${pattern}\``;
}

/** Looking around and back, which RE2 leaves out since it cannot be done in linear time. */
const backtracking = /\(\?<?[=!]|\\[1-9]|\\k</;
/** What only JavaScript's `u` understands. The linear engine does not, so that it is used for these alone. */
const needsUnicode = /[^\0-\x7f]|\\[pP]/;

function compile(pattern: string): RegExp | undefined {
  if (pattern.length > PATTERN_LENGTH_MAX || backtracking.test(pattern)) return undefined;
  // RE2's own spellings: flags for the whole pattern, absolute ends, named groups.
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const text = (flags ? pattern.slice(flags[0].length) : pattern)
    .replaceAll(String.raw`\A`, '^')
    .replaceAll(String.raw`\z`, '$')
    .replaceAll('(?P<', '(?<')
    .replaceAll('[[:alpha:]]', '[A-Za-z]')
    .replaceAll('[[:digit:]]', '[0-9]')
    .replaceAll('[[:alnum:]]', '[A-Za-z0-9]');
  const extra = flags?.[1] ?? '';
  try {
    return new RegExp(text, needsUnicode.test(text) ? `${extra}u` : extra);
  } catch {
    return undefined;
  }
}
