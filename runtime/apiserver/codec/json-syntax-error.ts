/**
 * What is wrong with a text that is no JSON, in the words of Go's parser: clients and their users
 * know these messages. Pure. Source: Go's package encoding/json (scanner.go; behaviour, texts).
 */

const END = 'unexpected end of JSON input';

/** @param text one that `JSON.parse` refuses. */
export function jsonSyntaxError(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.scan();
  } catch (error) {
    if (error instanceof Misplaced) return error.message;
    throw error;
  }
  // Go is laxer than JavaScript in nothing, but for texts that are not UTF-8.
  return END;
}

/** Ends the walk. */
class Misplaced extends Error {}

const SPACE = /[ \t\r\n]/;
const DIGIT = /[0-9]/;
const HEX = /[0-9A-Fa-f]/;
const ESCAPED = /["\\/bfnrt]/;

class Scanner {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  scan(): void {
    this.skipSpace();
    this.value('looking for beginning of value');
    this.skipSpace();
    if (this.at < this.text.length) this.fail('after top-level value');
  }

  /** A stack of its own: the text may be nested deeper than calls can be. */
  private value(context: string): void {
    const open: ('object' | 'array')[] = [];
    let expected = context;
    for (;;) {
      if (this.scalarOrOpen(expected, open)) {
        expected = 'looking for beginning of value';
        continue;
      }
      if (!this.next(open)) return;
      expected = 'looking for beginning of value';
    }
  }

  /** @returns true when a container opened that wants a value next. */
  private scalarOrOpen(context: string, open: ('object' | 'array')[]): boolean {
    this.skipSpace();
    switch (this.peek()) {
      case '{':
        this.at++;
        this.skipSpace();
        if (this.peek() === '}') {
          this.at++;
          return false;
        }
        this.key();
        open.push('object');
        return true;
      case '[':
        this.at++;
        this.skipSpace();
        if (this.peek() === ']') {
          this.at++;
          return false;
        }
        open.push('array');
        return true;
      case '"':
        this.string();
        return false;
      case 't':
        this.literal('true');
        return false;
      case 'f':
        this.literal('false');
        return false;
      case 'n':
        this.literal('null');
        return false;
      default:
        this.number(context);
        return false;
    }
  }

  /** After a value. @returns true when another one follows. */
  private next(open: ('object' | 'array')[]): boolean {
    for (;;) {
      const inside = open.at(-1);
      if (inside === undefined) return false;
      this.skipSpace();
      const character = this.peek();
      if (character === ',') {
        this.at++;
        if (inside === 'array') return true;
        this.skipSpace();
        this.key();
        return true;
      }
      if (character !== (inside === 'array' ? ']' : '}'))
        this.fail(inside === 'array' ? 'after array element' : 'after object key:value pair');
      this.at++;
      open.pop();
    }
  }

  private key(): void {
    if (this.peek() !== '"') this.fail('looking for beginning of object key string');
    this.string();
    this.skipSpace();
    if (this.peek() !== ':') this.fail('after object key');
    this.at++;
  }

  private string(): void {
    for (this.at++; this.peek() !== '"'; this.at++) {
      const character = this.peek();
      if (character < ' ') this.fail('in string literal');
      if (character === '\\') this.escape();
    }
    this.at++;
  }

  private escape(): void {
    this.at++;
    if (this.peek() !== 'u') {
      if (!ESCAPED.test(this.peek())) this.fail('in string escape code');
      return;
    }
    for (let digit = 0; digit < 4; digit++) {
      this.at++;
      if (!HEX.test(this.peek())) this.fail(String.raw`in \u hexadecimal character escape`);
    }
  }

  private literal(word: string): void {
    for (const expected of word) {
      if (this.peek() !== expected) this.fail(`in literal ${word} (expecting '${expected}')`);
      this.at++;
    }
  }

  private number(context: string): void {
    const isNegative = this.peek() === '-';
    if (isNegative) this.at++;
    if (!DIGIT.test(this.peek())) this.fail(isNegative ? 'in numeric literal' : context);
    if (this.peek() === '0') this.at++;
    else this.digits();
    if (this.has('.')) {
      this.at++;
      if (!DIGIT.test(this.peek())) this.fail('after decimal point in numeric literal');
      this.digits();
    }
    if (!this.has('e') && !this.has('E')) return;
    this.at++;
    if (this.has('+') || this.has('-')) this.at++;
    if (!DIGIT.test(this.peek())) this.fail('in exponent of numeric literal');
    this.digits();
  }

  private digits(): void {
    while (this.at < this.text.length && DIGIT.test(this.text[this.at] ?? '')) this.at++;
  }

  private has(character: string): boolean {
    return this.text[this.at] === character;
  }

  private skipSpace(): void {
    while (this.at < this.text.length && SPACE.test(this.text[this.at] ?? '')) this.at++;
  }

  private peek(): string {
    const character = this.text[this.at];
    if (character === undefined) throw new Misplaced(END);
    return character;
  }

  private fail(context: string): never {
    throw new Misplaced(`invalid character ${quote(this.peek())} ${context}`);
  }
}

/** A character as Go quotes it in these messages. */
function quote(character: string): string {
  if (character === "'") return String.raw`'\''`;
  if (character === '"') return `'"'`;
  const code = character.charCodeAt(0);
  const escapes: Readonly<Record<string, string>> = {
    '\u0007': String.raw`\a`,
    '\b': String.raw`\b`,
    '\f': String.raw`\f`,
    '\n': String.raw`\n`,
    '\r': String.raw`\r`,
    '\t': String.raw`\t`,
    '\v': String.raw`\v`,
    '\\': String.raw`\\`,
  };
  const escaped = escapes[character];
  if (escaped !== undefined) return `'${escaped}'`;
  return code < 0x20 || code === 0x7f
    ? `'${String.raw`\x`}${code.toString(16).padStart(2, '0')}'`
    : `'${character}'`;
}
