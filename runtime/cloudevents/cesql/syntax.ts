/**
 * Tokens and syntax tree of CESQL. The lexer knows no grammar: words are words until the parser
 * asks whether one is a keyword, an attribute or a function.
 * Source: CloudEvents CESQL 1.0.0, section 2.
 */

/** Thrown for text that is no CESQL expression; `position` is a character offset from 0. */
export class CesqlSyntaxError extends Error {
  readonly position: number;
  constructor(message: string, position: number) {
    super(`${message} at position ${position}`);
    this.name = 'CesqlSyntaxError';
    this.position = position;
  }
}

export type Token =
  | { readonly type: 'word'; readonly text: string; readonly at: number }
  | { readonly type: 'integer'; readonly text: string; readonly at: number }
  | { readonly type: 'string'; readonly text: string; readonly raw: string; readonly at: number }
  | { readonly type: 'symbol'; readonly text: string; readonly at: number }
  | { readonly type: 'end'; readonly text: ''; readonly at: number };

export type BinaryOperator =
  '*' | '/' | '%' | '+' | '-' | '=' | '!=' | '<' | '<=' | '>' | '>=' | 'AND' | 'OR' | 'XOR';

export type Node =
  | { readonly type: 'literal'; readonly value: string | number | boolean }
  | { readonly type: 'attribute'; readonly name: string }
  | { readonly type: 'exists'; readonly name: string }
  | { readonly type: 'not'; readonly operand: Node }
  | { readonly type: 'minus'; readonly operand: Node }
  | {
      readonly type: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Node;
      readonly right: Node;
    }
  | {
      readonly type: 'like';
      readonly operand: Node;
      readonly pattern: string;
      readonly isNegated: boolean;
    }
  | {
      readonly type: 'in';
      readonly operand: Node;
      readonly set: readonly Node[];
      readonly isNegated: boolean;
    }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Node[] };

const SYMBOLS = ['<=', '>=', '<>', '!=', '=', '<', '>', '(', ')', ',', '*', '/', '%', '+', '-'];

/** @throws {CesqlSyntaxError} */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (/\s/.test(char)) at += 1;
    else if (char === "'" || char === '"') {
      const end = closingQuote(text, at);
      const raw = text.slice(at + 1, end);
      tokens.push({ type: 'string', raw, text: raw.replaceAll(`\\${char}`, char), at });
      at = end + 1;
    } else if (/[A-Za-z0-9_]/.test(char)) {
      const word = /^[A-Za-z0-9_]+/.exec(text.slice(at))?.[0] ?? char;
      tokens.push({ type: /^[0-9]+$/.test(word) ? 'integer' : 'word', text: word, at });
      at += word.length;
    } else {
      const symbol = SYMBOLS.find((candidate) => text.startsWith(candidate, at));
      if (symbol === undefined) throw new CesqlSyntaxError(`unexpected character "${char}"`, at);
      tokens.push({ type: 'symbol', text: symbol, at });
      at += symbol.length;
    }
  }
  tokens.push({ type: 'end', text: '', at: text.length });
  return tokens;
}

function closingQuote(text: string, open: number): number {
  const quote = text.charAt(open);
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at;
  }
  throw new CesqlSyntaxError('string is not closed', open);
}
