/**
 * CEL's `format` and `sets`: named formats that say what is wrong with a text, and lists as sets. Pure.
 * Source: k8s.io/apiserver pkg/cel/library/format.go, github.com/google/cel-go ext/sets.go (names, behaviour).
 */
import { Optional, type Environment } from '@marcbachmann/cel-js';
import {
  dnsLabelProblems,
  labelValueProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '../../apis/meta/name-rules.ts';
import { dnsLabel1035Problem } from './definition-names.ts';
import { matchesFormat } from './value-formats.ts';

type Problems = (text: string) => readonly string[];

class FormatValue {
  readonly problemsOf: Problems;
  constructor(problemsOf: Problems) {
    this.problemsOf = problemsOf;
  }
}

class FormatNamespace {
  readonly name = 'format';
}

class SetNamespace {
  readonly name = 'sets';
}

const dns1035: Problems = (text) => {
  const problem = dnsLabel1035Problem(text);
  return problem === undefined ? [] : [problem];
};
/** A prefix of a name may end where a name may not: with a dash. */
const asPrefix =
  (problemsOf: Problems): Problems =>
  (text) =>
    problemsOf(text.replace(/-$/, 'a'));
const byFormat =
  (format: string, problem: string): Problems =>
  (text) =>
    matchesFormat(format, text) ? [] : [problem];

const formats: Readonly<Record<string, Problems>> = {
  dns1123Label: dnsLabelProblems,
  dns1123Subdomain: subdomainProblems,
  dns1035Label: dns1035,
  qualifiedName: qualifiedNameProblems,
  dns1123LabelPrefix: asPrefix(dnsLabelProblems),
  dns1123SubdomainPrefix: asPrefix(subdomainProblems),
  dns1035LabelPrefix: asPrefix(dns1035),
  labelValue: labelValueProblems,
  uri: byFormat('uri', 'invalid URI for request'),
  uuid: byFormat('uuid', 'does not match the UUID format'),
  byte: byFormat('byte', 'invalid base64'),
  date: byFormat('date', 'invalid date'),
  datetime: byFormat('datetime', 'invalid datetime'),
};

export function registerFormats(environment: Environment): void {
  environment
    .registerType('KnitFormat', FormatValue)
    .registerType('KnitFormatNamespace', FormatNamespace)
    .registerConstant('format', 'KnitFormatNamespace', new FormatNamespace())
    .registerFunction(
      'KnitFormatNamespace.named(string): optional<KnitFormat>',
      (_: unknown, name: string) => {
        const found = Object.hasOwn(formats, name) ? formats[name] : undefined;
        return found ? Optional.of(new FormatValue(found)) : Optional.none();
      },
    )
    .registerFunction(
      'KnitFormat.validate(string): optional<list<string>>',
      ({ problemsOf }: FormatValue, text: string) => {
        const problems = problemsOf(text);
        return problems.length > 0 ? Optional.of([...problems]) : Optional.none();
      },
    );
  for (const [name, problemsOf] of Object.entries(formats))
    environment.registerFunction(
      `KnitFormatNamespace.${name}(): KnitFormat`,
      () => new FormatValue(problemsOf),
    );
}

export function registerSets(environment: Environment): void {
  environment
    .registerType('KnitSetNamespace', SetNamespace)
    .registerConstant('sets', 'KnitSetNamespace', new SetNamespace())
    .registerFunction(
      'KnitSetNamespace.contains(list, list): bool',
      (_: unknown, all: unknown[], some: unknown[]) => some.every((item) => has(all, item)),
    )
    .registerFunction(
      'KnitSetNamespace.intersects(list, list): bool',
      (_: unknown, a: unknown[], b: unknown[]) => a.some((item) => has(b, item)),
    )
    .registerFunction(
      'KnitSetNamespace.equivalent(list, list): bool',
      (_: unknown, a: unknown[], b: unknown[]) =>
        a.every((item) => has(b, item)) && b.every((item) => has(a, item)),
    );
}

const has = (list: readonly unknown[], item: unknown): boolean =>
  list.some((other) => areEqual(other, item));

/** Of CEL's values; whole numbers are equal whatever their type. */
function areEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => areEqual(item, b[index]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => areEqual(value, b.get(key)));
  const [left, right] = [sourceOf(a), sourceOf(b)];
  return (
    left !== undefined && right !== undefined && JSON.stringify(left) === JSON.stringify(right)
  );
}

const isNumber = (value: unknown): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

/** Objects of a schema's type keep the JSON that they were made of (see cel-types.ts). */
const sourceOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, 'source') : undefined;
