/**
 * Kubernetes' own functions for CEL, beside those of the language: strings, lists, regular
 * expressions, URLs and quantities here, the rest in files of their own. Left out: the `authorizer`.
 * Pure. Source: k8s.io/apiserver pkg/cel/library (names and behaviour).
 */
import type { Environment } from '@marcbachmann/cel-js';
import { registerAddresses } from './cel-addresses.ts';
import { registerFormats, registerSets } from './cel-formats.ts';
import { registerVersions } from './cel-semver.ts';
import { compareQuantities, isQuantity, parseQuantity, type Quantity } from './quantity.ts';
import { compilePattern } from './regular-expression.ts';

/** A text that is no longer made than this by one call; rules that make longer ones fail. */
const TEXT_LENGTH_MAX = 1024 * 1024;

class QuantityValue {
  readonly amount: Quantity;
  constructor(amount: Quantity) {
    this.amount = amount;
  }
}

export function registerFunctions(environment: Environment): void {
  registerStrings(environment);
  registerLists(environment);
  registerUrls(environment);
  registerQuantities(environment);
  registerAddresses(environment);
  registerVersions(environment);
  registerFormats(environment);
  registerSets(environment);
}

function registerStrings(environment: Environment): void {
  environment
    .registerFunction('string.replace(string, string): string', (text, from, to) =>
      bounded(text.replaceAll(from, () => to)),
    )
    .registerFunction('string.replace(string, string, int): string', (text, from, to, count) =>
      bounded(replaceSome(text, from, to, Number(count))),
    )
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => {
      const characters = Array.from(text);
      if (index < 0n || index > BigInt(characters.length))
        throw new Error(`index out of range: ${index}`);
      return characters[Number(index)] ?? '';
    })
    .registerFunction('string.reverse(): string', (text: string) =>
      Array.from(text).reverse().join(''),
    )
    .registerFunction('string.format(list): string', (text: string, values: unknown[]) =>
      bounded(format(text, values)),
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => regular(pattern).exec(text)?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      findAll(text, pattern, -1),
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, limit: bigint) => findAll(text, pattern, Number(limit)),
    );
}

function registerLists(environment: Environment): void {
  for (const type of ['int', 'double', 'string'] as const) {
    const list = `list<${type}>`;
    environment
      .registerFunction(`${list}.isSorted(): bool`, (items: Comparable[]) =>
        items.every((item, index) => index === 0 || (items[index - 1] as Comparable) <= item),
      )
      .registerFunction(`${list}.min(): ${type}`, (items: Comparable[]) =>
        extreme(items, (a, b) => a < b, 'min'),
      )
      .registerFunction(`${list}.max(): ${type}`, (items: Comparable[]) =>
        extreme(items, (a, b) => a > b, 'max'),
      );
  }
  environment
    .registerFunction('list<int>.sum(): int', (items: bigint[]) =>
      items.reduce((sum, item) => sum + item, 0n),
    )
    .registerFunction('list<double>.sum(): double', (items: number[]) =>
      items.reduce((sum, item) => sum + item, 0),
    )
    .registerFunction('list<string>.indexOf(string): int', (items: unknown[], item: unknown) =>
      BigInt(items.indexOf(item)),
    )
    .registerFunction('list<int>.indexOf(int): int', (items: unknown[], item: unknown) =>
      BigInt(items.indexOf(item)),
    )
    .registerFunction('list<string>.lastIndexOf(string): int', (items: unknown[], item: unknown) =>
      BigInt(items.lastIndexOf(item)),
    )
    .registerFunction('list<int>.lastIndexOf(int): int', (items: unknown[], item: unknown) =>
      BigInt(items.lastIndexOf(item)),
    );
}

function registerUrls(environment: Environment): void {
  const member = (name: string, read: (url: URL) => string): void => {
    environment.registerFunction(`KnitUrl.${name}(): string`, (url: UrlValue) => read(url.url));
  };
  environment.registerType('KnitUrl', UrlValue);
  environment
    .registerFunction('isURL(string): bool', (text: string) => parseUrl(text) !== undefined)
    .registerFunction('url(string): KnitUrl', (text: string) => {
      const url = parseUrl(text);
      if (!url)
        throw new Error(
          `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
        );
      return new UrlValue(url);
    });
  member('getScheme', (url) => url.protocol.slice(0, -1));
  member('getHost', (url) => url.host);
  member('getHostname', (url) => url.hostname);
  member('getPort', (url) => url.port);
  member('getEscapedPath', (url) => url.pathname);
  environment.registerFunction(
    'KnitUrl.getQuery(): map<string, list<string>>',
    ({ url }: UrlValue) => {
      const query = new Map<string, string[]>();
      for (const [key, value] of url.searchParams)
        query.set(key, [...(query.get(key) ?? []), value]);
      return query;
    },
  );
}

class UrlValue {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

/** An absolute URL or an absolute path, as Go's `ParseRequestURI` takes them. */
function parseUrl(text: string): URL | undefined {
  if (!/^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/)/.test(text)) return undefined;
  try {
    return new URL(text, 'none:');
  } catch {
    return undefined;
  }
}

function registerQuantities(environment: Environment): void {
  environment.registerType('KnitQuantity', QuantityValue);
  const read = (text: string): QuantityValue => {
    const amount = parseQuantity(text);
    if (!amount)
      throw new Error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      );
    return new QuantityValue(amount);
  };
  const compare = (a: QuantityValue, b: QuantityValue): number =>
    compareQuantities(a.amount, b.amount);
  environment
    .registerFunction('isQuantity(string): bool', (text: string) => isQuantity(text))
    .registerFunction('quantity(string): KnitQuantity', read)
    .registerFunction('KnitQuantity.isGreaterThan(KnitQuantity): bool', (a, b) => compare(a, b) > 0)
    .registerFunction('KnitQuantity.isLessThan(KnitQuantity): bool', (a, b) => compare(a, b) < 0)
    .registerFunction('KnitQuantity.compareTo(KnitQuantity): int', (a, b) => BigInt(compare(a, b)))
    .registerFunction('KnitQuantity.sign(): int', (a: QuantityValue) =>
      BigInt(compareQuantities(a.amount, { numerator: 0n, denominator: 1n })),
    )
    .registerFunction('KnitQuantity.isInteger(): bool', ({ amount }: QuantityValue) =>
      isWhole(amount),
    )
    .registerFunction('KnitQuantity.asInteger(): int', ({ amount }: QuantityValue) => {
      if (!isWhole(amount)) throw new Error('cannot convert value to integer');
      return amount.numerator / amount.denominator;
    })
    .registerFunction(
      'KnitQuantity.asApproximateFloat(): double',
      ({ amount }: QuantityValue) => Number(amount.numerator) / Number(amount.denominator),
    )
    .registerOperator('KnitQuantity == KnitQuantity', (a, b) => compare(a, b) === 0);
  for (const [name, sign] of [
    ['add', 1n],
    ['sub', -1n],
  ] as const)
    environment
      .registerFunction(
        `KnitQuantity.${name}(KnitQuantity): KnitQuantity`,
        (a: QuantityValue, b: QuantityValue) => sum(a, b.amount, sign),
      )
      .registerFunction(`KnitQuantity.${name}(int): KnitQuantity`, (a: QuantityValue, b: bigint) =>
        sum(a, { numerator: b, denominator: 1n }, sign),
      );
}

function sum({ amount }: QuantityValue, other: Quantity, sign: bigint): QuantityValue {
  const numerator =
    amount.numerator * other.denominator + sign * other.numerator * amount.denominator;
  return new QuantityValue({ numerator, denominator: amount.denominator * other.denominator });
}

const INT64_MAX = 2n ** 63n;

/** A whole number that CEL's `int` can hold. */
function isWhole({ numerator, denominator }: Quantity): boolean {
  if (numerator % denominator !== 0n) return false;
  const value = numerator / denominator;
  return value < INT64_MAX && value >= -INT64_MAX;
}

type Comparable = bigint | number | string;

function extreme(
  items: readonly Comparable[],
  isBetter: (a: Comparable, b: Comparable) => boolean,
  name: string,
): Comparable {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (isBetter(item, best) ? item : best), first);
}

function regular(pattern: string): RegExp {
  const compiled = compilePattern(pattern);
  if (!compiled) throw new Error(`Illegal regex: ${pattern}`);
  return compiled;
}

function findAll(text: string, pattern: string, limit: number): string[] {
  const { source, flags } = regular(pattern);
  const all = Array.from(text.matchAll(new RegExp(source, `${flags}g`)), ([match]) => match);
  return limit < 0 ? all : all.slice(0, limit);
}

function replaceSome(text: string, from: string, to: string, count: number): string {
  if (count < 0) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  return parts.reduce((joined, part, index) => joined + (index <= count ? to : from) + part);
}

/** The verbs of Go's formats that rules use. */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  return text.replaceAll(
    /%(?:\.(\d+))?([a-zA-Z%])/g,
    (verb, digits: string | undefined, letter: string) => {
      if (letter === '%') return '%';
      if (next >= values.length) throw new Error(`index ${next} out of range`);
      const value = values[next++];
      if (letter === 'd' || letter === 's') return show(value);
      if (letter === 'f') return Number(value).toFixed(Number(digits ?? 6));
      if (letter === 'x' && typeof value === 'bigint') return value.toString(16);
      throw new Error(`could not parse formatting clause: unrecognized formatting clause ${verb}`);
    },
  );
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${show(key)}: ${show(item)}`).join(', ')}}`;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function bounded(text: string): string {
  if (text.length > TEXT_LENGTH_MAX) throw new Error('the text is longer than a rule may make it');
  return text;
}
