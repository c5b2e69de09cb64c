/**
 * Resource quantities (`500m`, `1.5Gi`, `1e3`) as exact fractions. Pure.
 * Source: k8s.io/apimachinery pkg/api/resource (grammar).
 */
export interface Quantity {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const quantityPattern =
  /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?$/;
const decimalPowers: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryUnits = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const QUANTITY_LENGTH_MAX = 100;

/** @returns undefined when the text is not a quantity. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text.length > QUANTITY_LENGTH_MAX) return undefined;
  const match = quantityPattern.exec(text);
  if (!match) return undefined;
  const [, sign, number = '', binary, decimal, exponent] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const digits = BigInt(`${whole}${fraction}` || '0') * (sign === '-' ? -1n : 1n);
  const power = (decimal ? (decimalPowers[decimal] ?? 0) : Number(exponent ?? 0)) - fraction.length;
  const scale = binary ? 1024n ** BigInt(binaryUnits.indexOf(binary) + 1) : 1n;
  return power >= 0
    ? { numerator: digits * scale * 10n ** BigInt(power), denominator: 1n }
    : { numerator: digits * scale, denominator: 10n ** BigInt(-power) };
}

export const isQuantity = (text: string): boolean => parseQuantity(text) !== undefined;

/** Negative when `a` is less, positive when it is more. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
