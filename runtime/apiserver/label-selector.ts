/**
 * Label selectors as query strings (`a=b,c!=d,e in (f,g),!h`) and as objects (`matchLabels`,
 * `matchExpressions`). Pure. Source: k8s.io/apimachinery pkg/labels (grammar, semantics, refusals).
 */
import { labelKeyProblems, labelValueProblems } from '../apis/meta/name-rules.ts';
import { isJsonObject } from './json-value.ts';
import { StatusError } from './status-error.ts';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

export type LabelSelector = readonly LabelRequirement[];

const integerPattern = /^-?\d+$/;

/** @throws {StatusError} 400 when the text is not a selector. */
export function parseLabelSelector(text: string): LabelSelector {
  return text === '' ? [] : new SelectorParser(text).parse();
}

export function matchesLabels(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (operator === 'absent') return value === undefined;
    // As upstream: an absent label satisfies `!=` and `notin`.
    if (operator === 'notin') return value === undefined || !values.includes(value);
    if (value === undefined) return false;
    if (operator === 'exists') return true;
    if (operator === 'in') return values.includes(value);
    if (!integerPattern.test(value)) return false;
    const difference = BigInt(value) - BigInt(values[0] ?? 0);
    return operator === 'gt' ? difference > 0n : difference < 0n;
  });
}

/** The string form of a `LabelSelector` object, as `Scale.status.selector` carries it. */
export function formatLabelSelector(selector: unknown): string {
  if (!isJsonObject(selector)) return '';
  const labels = isJsonObject(selector['matchLabels']) ? selector['matchLabels'] : {};
  const parts = Object.keys(labels).map((key) => ({ key, text: `${key}=${String(labels[key])}` }));
  const expressions = Array.isArray(selector['matchExpressions'])
    ? selector['matchExpressions']
    : [];
  for (const expression of expressions as unknown[]) {
    if (!isJsonObject(expression)) continue;
    const key = String(expression['key']);
    const values = Array.isArray(expression['values']) ? expression['values'].map(String) : [];
    if (expression['operator'] === 'Exists') parts.push({ key, text: key });
    else if (expression['operator'] === 'DoesNotExist') parts.push({ key, text: `!${key}` });
    else {
      const operator = String(expression['operator']).toLowerCase();
      parts.push({ key, text: `${key} ${operator} (${values.sort().join(',')})` });
    }
  }
  return parts
    .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
    .map(({ text }) => text)
    .join(',');
}

const symbols = ['!=', '==', '!', '=', '>', '<', '(', ')', ','];
const operators: Readonly<Record<string, LabelRequirement['operator']>> = {
  in: 'in',
  notin: 'notin',
  '=': 'in',
  '==': 'in',
  '!=': 'notin',
  '>': 'gt',
  '<': 'lt',
};
/** What stands for the end of the text: no token is empty. */
const END = '';

/** Token by token; where upstream looks at most one token ahead, so does this. */
class SelectorParser {
  private readonly tokens: readonly string[];
  private position = 0;

  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    if (this.next() === END) return requirements;
    if (!this.isIdentifier() && this.next() !== '!')
      throw refuse(`found '${this.next()}', expected: !, identifier, or 'end of string'`);
    for (;;) {
      requirements.push(this.parseRequirement());
      const separator = this.take();
      if (separator === END) return requirements;
      if (separator !== ',') throw refuse(`found '${separator}', expected: ',' or 'end of string'`);
      if (!this.isIdentifier() && this.next() !== '!')
        throw refuse(`found '${this.next()}', expected: identifier after ','`);
    }
  }

  private parseRequirement(): LabelRequirement {
    const isAbsent = this.next() === '!';
    if (isAbsent) this.take();
    if (!this.isIdentifier()) throw misread(`found '${this.next()}', expected: identifier`);
    const key = this.take();
    const problems = labelKeyProblems(key).map(
      (problem) => `<nil>: Invalid value: ${JSON.stringify(key)}: ${problem}`,
    );
    if (problems.length > 0) throw misread(join(problems));
    if (isAbsent) return { key, operator: 'absent', values: [] };
    if (this.next() === END || this.next() === ',') return { key, operator: 'exists', values: [] };
    const sign = this.take();
    const operator = Object.hasOwn(operators, sign) ? operators[sign] : undefined;
    if (!operator) throw misread(`found '${sign}', expected: in, notin, =, ==, !=, gt, lt`);
    const values = sign === 'in' || sign === 'notin' ? this.parseValues() : [this.parseValue()];
    assertValues(key, operator, values);
    return { key, operator, values };
  }

  private parseValue(): string {
    if (this.next() === END || this.next() === ',') return '';
    if (!this.isIdentifier()) throw misread(`found '${this.next()}', expected: identifier`);
    return this.take();
  }

  /** `(a,b)`; what is left out between commas and parentheses is the empty value. */
  private parseValues(): string[] {
    const open = this.take();
    if (open !== '(') throw misread(`found '${open}' expected: '('`);
    const values = new Set<string>();
    for (let last = ','; ;) {
      const token = this.take();
      if (token === ')') {
        if (last === ',') values.add('');
        return [...values].sort();
      }
      if (token === ',') {
        if (last === ',') values.add('');
      } else if (token === END || symbols.includes(token)) {
        throw misread(
          last === ','
            ? `found '${token}', expected: ',', ')' or identifier`
            : `found '${token}', expected: ',' or ')'`,
        );
      } else if (last !== ',') {
        throw misread(`found '${token}', expected: ',' or ')'`);
      } else values.add(token);
      last = token;
    }
  }

  private next(): string {
    return this.tokens[this.position] ?? END;
  }

  private take(): string {
    const token = this.next();
    this.position++;
    return token;
  }

  private isIdentifier(): boolean {
    return this.next() !== END && !symbols.includes(this.next());
  }
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length;) {
    const symbol = symbols.find((candidate) => text.startsWith(candidate, at));
    const token = symbol ?? /^[^\s!=<>(),]+|^\s+/.exec(text.slice(at))?.[0] ?? '';
    if (token.trim() !== '') tokens.push(token);
    at += token.length;
  }
  return tokens;
}

function assertValues(
  key: string,
  operator: LabelRequirement['operator'],
  values: readonly string[],
): void {
  const isOrder = operator === 'gt' || operator === 'lt';
  const problems = values.flatMap((value, index) => [
    ...(isOrder && !integerPattern.test(value)
      ? [
          `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
        ]
      : []),
    ...labelValueProblems(value).map(
      (problem) => `values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`,
    ),
  ]);
  if (problems.length > 0) throw misread(join(problems));
}

const join = (problems: readonly string[]): string =>
  problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;

const refuse = (problem: string): StatusError => StatusError.badRequest(problem);
const misread = (problem: string): StatusError => refuse(`unable to parse requirement: ${problem}`);
