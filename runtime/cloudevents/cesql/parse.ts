/**
 * CESQL's parser: precedence climbing over the token list. Tightest first: NOT and unary minus;
 * LIKE, EXISTS, IN; * / %; + -; comparisons; AND, OR and XOR on one level, right-associative, as
 * in the published grammar.
 * Source: CloudEvents CESQL 1.0.0, section 2 and its grammar.
 */
import type { BinaryOperator, Node, Token } from './syntax.ts';
import { CesqlSyntaxError, tokenize } from './syntax.ts';

/** Longer expressions, and deeper ones, are refused: they would only serve to exhaust the stack. */
const EXPRESSION_LENGTH_MAX = 8192;
const DEPTH_MAX = 200;
const INTEGER_MAX = 2_147_483_647;
const KEYWORDS = new Set(['AND', 'OR', 'XOR', 'NOT', 'LIKE', 'EXISTS', 'IN', 'TRUE', 'FALSE']);

const LOGIC = 1;
const COMPARISON = 2;
const ADDITIVE = 3;
const MULTIPLICATIVE = 4;
const POSTFIX = 5;

const OPERATORS: Readonly<Record<string, { level: number; operator: BinaryOperator }>> = {
  AND: { level: LOGIC, operator: 'AND' },
  OR: { level: LOGIC, operator: 'OR' },
  XOR: { level: LOGIC, operator: 'XOR' },
  '=': { level: COMPARISON, operator: '=' },
  '!=': { level: COMPARISON, operator: '!=' },
  '<>': { level: COMPARISON, operator: '!=' },
  '<': { level: COMPARISON, operator: '<' },
  '<=': { level: COMPARISON, operator: '<=' },
  '>': { level: COMPARISON, operator: '>' },
  '>=': { level: COMPARISON, operator: '>=' },
  '+': { level: ADDITIVE, operator: '+' },
  '-': { level: ADDITIVE, operator: '-' },
  '*': { level: MULTIPLICATIVE, operator: '*' },
  '/': { level: MULTIPLICATIVE, operator: '/' },
  '%': { level: MULTIPLICATIVE, operator: '%' },
};

/** @throws {CesqlSyntaxError} */
export function parseCesql(text: string): Node {
  if (text.length > EXPRESSION_LENGTH_MAX)
    throw new CesqlSyntaxError(
      `longer than ${EXPRESSION_LENGTH_MAX} characters`,
      EXPRESSION_LENGTH_MAX,
    );
  const parser = new Parser(tokenize(text));
  return parser.parse();
}

class Parser {
  private readonly tokens: readonly Token[];
  private index = 0;
  private depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  parse(): Node {
    const node = this.expression(LOGIC);
    const rest = this.peek();
    if (rest.type !== 'end') throw new CesqlSyntaxError(`unexpected "${rest.text}"`, rest.at);
    return node;
  }

  /** Everything that binds at least as tightly as `level`. */
  private expression(level: number): Node {
    if (++this.depth > DEPTH_MAX)
      throw new CesqlSyntaxError(`nested deeper than ${DEPTH_MAX}`, this.peek().at);
    let left = this.unary();
    for (;;) {
      const postfix = level <= POSTFIX ? this.postfix(left) : undefined;
      if (postfix) {
        left = postfix;
        continue;
      }
      const found = OPERATORS[this.keyword() ?? this.symbol() ?? ''];
      if (!found || found.level < level) break;
      this.index += 1;
      const right = this.expression(found.level === LOGIC ? LOGIC : found.level + 1);
      left = { type: 'binary', operator: found.operator, left, right };
    }
    this.depth -= 1;
    return left;
  }

  /** `LIKE 'pattern'` and `IN (...)`, with or without NOT before them. */
  private postfix(operand: Node): Node | undefined {
    const isNegated = this.keyword() === 'NOT';
    const word = this.keyword(isNegated ? 1 : 0);
    if (word !== 'LIKE' && word !== 'IN') return undefined;
    this.index += isNegated ? 2 : 1;
    if (word === 'IN') return { type: 'in', operand, set: this.list(false), isNegated };
    const pattern = this.peek();
    if (pattern.type !== 'string')
      throw new CesqlSyntaxError('LIKE needs a string literal', pattern.at);
    this.index += 1;
    return { type: 'like', operand, pattern: pattern.text, isNegated };
  }

  private unary(): Node {
    if (++this.depth > DEPTH_MAX)
      throw new CesqlSyntaxError(`nested deeper than ${DEPTH_MAX}`, this.peek().at);
    const node = this.prefixed();
    this.depth -= 1;
    return node;
  }

  private prefixed(): Node {
    if (this.keyword() === 'NOT') {
      this.index += 1;
      return { type: 'not', operand: this.unary() };
    }
    if (this.symbol() === '-' || this.symbol() === '+') {
      const sign = this.symbol();
      const next = this.peek(1);
      this.index += 1;
      // A sign before digits is part of the literal: -2147483648 has no positive counterpart.
      if (next.type === 'integer') {
        this.index += 1;
        return integer(`${sign}${next.text}`, next.at);
      }
      if (sign === '-') return { type: 'minus', operand: this.unary() };
      throw new CesqlSyntaxError('unary + needs an integer literal', next.at);
    }
    return this.atom();
  }

  private atom(): Node {
    const token = this.peek();
    this.index += 1;
    if (token.type === 'string') return { type: 'literal', value: token.text };
    if (token.type === 'integer') return integer(token.text, token.at);
    if (token.type === 'symbol' && token.text === '(') {
      const node = this.expression(LOGIC);
      this.expect(')');
      return node;
    }
    if (token.type !== 'word')
      throw new CesqlSyntaxError(
        token.type === 'end' ? 'unexpected end' : `unexpected "${token.text}"`,
        token.at,
      );
    const upper = token.text.toUpperCase();
    if (upper === 'TRUE' || upper === 'FALSE') return { type: 'literal', value: upper === 'TRUE' };
    if (upper === 'EXISTS') return { type: 'exists', name: this.attributeName(this.next()) };
    if (KEYWORDS.has(upper)) throw new CesqlSyntaxError(`unexpected "${token.text}"`, token.at);
    if (this.symbol() === '(') return { type: 'call', name: upper, args: this.list(true) };
    return { type: 'attribute', name: this.attributeName(token) };
  }

  /** `(a, b, ...)`; only a call may have none. */
  private list(mayBeEmpty: boolean): Node[] {
    this.expect('(');
    const nodes: Node[] = [];
    if (mayBeEmpty && this.symbol() === ')') {
      this.index += 1;
      return nodes;
    }
    nodes.push(this.expression(LOGIC));
    while (this.symbol() === ',') {
      this.index += 1;
      nodes.push(this.expression(LOGIC));
    }
    this.expect(')');
    return nodes;
  }

  private attributeName(token: Token): string {
    if ((token.type !== 'word' && token.type !== 'integer') || !/^[a-z0-9]+$/.test(token.text))
      throw new CesqlSyntaxError(`"${token.text}" is no attribute name (a-z and 0-9)`, token.at);
    return token.text;
  }

  private next(): Token {
    const token = this.peek();
    this.index += 1;
    return token;
  }

  private expect(symbol: string): void {
    const token = this.next();
    if (token.type !== 'symbol' || token.text !== symbol)
      throw new CesqlSyntaxError(`expected "${symbol}"`, token.at);
  }

  private peek(ahead = 0): Token {
    return this.tokens[this.index + ahead] ?? { type: 'end', text: '', at: 0 };
  }

  private keyword(ahead = 0): string | undefined {
    const token = this.peek(ahead);
    const upper = token.type === 'word' ? token.text.toUpperCase() : '';
    return KEYWORDS.has(upper) ? upper : undefined;
  }

  private symbol(): string | undefined {
    const token = this.peek();
    return token.type === 'symbol' ? token.text : undefined;
  }
}

function integer(text: string, at: number): Node {
  const value = Number(text);
  if (value > INTEGER_MAX || value < -INTEGER_MAX - 1)
    throw new CesqlSyntaxError(`${text} is not a 32-bit integer`, at);
  return { type: 'literal', value };
}
