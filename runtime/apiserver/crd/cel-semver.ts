/**
 * CEL's `semver(...)`. Pure.
 * Source: k8s.io/apiserver pkg/cel/library/semverlib.go (names, behaviour), semver.org (order).
 */
import type { Environment } from '@marcbachmann/cel-js';

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: readonly string[];
}

class VersionValue {
  readonly version: Version;
  constructor(version: Version) {
    this.version = version;
  }
}

export function registerVersions(environment: Environment): void {
  const number = (name: string, index: 0 | 1 | 2): void => {
    environment.registerFunction(
      `KnitSemver.${name}(): int`,
      ({ version }: VersionValue) => version.numbers[index],
    );
  };
  const compare = (a: VersionValue, b: VersionValue): number =>
    compareVersions(a.version, b.version);
  environment
    .registerType('KnitSemver', VersionValue)
    .registerFunction('semver(string): KnitSemver', (text: string) => new VersionValue(parse(text)))
    .registerFunction(
      'semver(string, bool): KnitSemver',
      (text: string, isLoose: boolean) => new VersionValue(parse(isLoose ? tidy(text) : text)),
    )
    .registerFunction('isSemver(string): bool', (text: string) => isVersion(text))
    .registerFunction('isSemver(string, bool): bool', (text: string, isLoose: boolean) =>
      isVersion(isLoose ? tidy(text) : text),
    )
    .registerFunction('KnitSemver.isGreaterThan(KnitSemver): bool', (a, b) => compare(a, b) > 0)
    .registerFunction('KnitSemver.isLessThan(KnitSemver): bool', (a, b) => compare(a, b) < 0)
    .registerFunction('KnitSemver.compareTo(KnitSemver): int', (a, b) => BigInt(compare(a, b)))
    .registerOperator('KnitSemver == KnitSemver', (a, b) => compare(a, b) === 0);
  number('major', 0);
  number('minor', 1);
  number('patch', 2);
}

function isVersion(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws {Error} */
function parse(text: string): Version {
  if (text === '') throw new Error('Version string empty');
  const [core = '', ...build] = text.split('+');
  const dash = core.indexOf('-');
  const numbers = (dash < 0 ? core : core.slice(0, dash)).split('.');
  const prerelease = dash < 0 ? [] : core.slice(dash + 1).split('.');
  const [major, minor, patch] = numbers;
  if (numbers.length !== 3 || major === undefined || minor === undefined || patch === undefined)
    throw new Error('No Major.Minor.Patch elements found');
  const read = (name: string, digits: string): bigint => {
    if (!/^\d+$/.test(digits))
      throw new Error(`Invalid character(s) found in ${name} number ${JSON.stringify(digits)}`);
    if (digits.length > 1 && digits.startsWith('0'))
      throw new Error(
        `${name[0]?.toUpperCase()}${name.slice(1)} number must not contain leading zeroes ${JSON.stringify(digits)}`,
      );
    return BigInt(digits);
  };
  for (const part of [...prerelease, ...(build.length > 0 ? build.join('+').split('.') : [])])
    if (!/^[0-9A-Za-z-]+$/.test(part))
      throw new Error(`Invalid character(s) found in prerelease ${JSON.stringify(part)}`);
  return {
    numbers: [read('major', major), read('minor', minor), read('patch', patch)],
    prerelease,
  };
}

/** `v1.2` as `1.2.0`. */
function tidy(text: string): string {
  const parts = text.replace(/^v/, '').split('.');
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? ''))
    throw new Error('short version cannot contain PreRelease/Build meta data');
  while (parts.length < 3) parts.push('0');
  return parts.map((part, index) => (index < 3 ? part.replace(/^0+(?=\d)/, '') : part)).join('.');
}

function compareVersions(a: Version, b: Version): number {
  for (const index of [0, 1, 2] as const) {
    const difference = a.numbers[index] - b.numbers[index];
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  // A release comes after what was released before it.
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length);
  for (let i = 0; i < Math.max(a.prerelease.length, b.prerelease.length); i++) {
    const left = a.prerelease[i];
    const right = b.prerelease[i];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const order = comparePart(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers before words, and each among its own. */
function comparePart(a: string, b: string): number {
  const isNumber = (text: string): boolean => /^\d+$/.test(text);
  if (isNumber(a) && isNumber(b)) return Math.sign(Number(BigInt(a) - BigInt(b)));
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}
