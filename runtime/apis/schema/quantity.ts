/**
 * Resource quantities in their canonical form, as the API answers them: `0.5` is `500m`, `1024Mi` is
 * `1Gi`. Pure. Source: k8s.io/apimachinery pkg/api/resource/quantity.go (behaviour).
 */
const FORMAT = /^([+-]?)(\d*)(?:\.(\d*))?((?:[numkMGTPE]|[KMGTPE]i)?|[eE][+-]?\d+)$/;
/** Quantities are kept to the billionth. */
const NANO_DIGITS = 9;
const UNIT = 10n ** BigInt(NANO_DIGITS);
/** A number that is longer than any quantity in use; it bounds the arithmetic. */
const LENGTH_MAX = 64;
const EXPONENT_MAX = 64;
const BINARY_MAX = (1n << 63n) - 1n;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

export const QUANTITY_FORMAT_ERROR =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
export const QUANTITY_SUFFIX_ERROR = "unable to parse quantity's suffix";

/** A quantity as a number, and how it is to be written. */
export interface Quantity {
  /** Billionths; the whole range of a quantity fits. */
  readonly nanos: bigint;
  readonly format: 'decimal' | 'binary' | 'exponent';
}

/** @throws {SyntaxError} with upstream's words. */
export function parseQuantity(text: string): Quantity {
  const trimmed = text.trim();
  const match = trimmed.length <= LENGTH_MAX ? FORMAT.exec(trimmed) : null;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? [];
  if (!match || (whole === '' && fraction === ''))
    throw new SyntaxError(
      /^[+-]?[0-9.]+[eEinumkKMGTP]*[-+]?[0-9]*$/.test(trimmed)
        ? QUANTITY_SUFFIX_ERROR
        : QUANTITY_FORMAT_ERROR,
    );
  const binary = binarySuffixes.indexOf(suffix);
  const isBinary = binary > 0;
  const isExponent = /^[eE][+-]?\d/.test(suffix);
  const exponent = isExponent
    ? Number(suffix.slice(1))
    : isBinary
      ? 0
      : (decimalSuffixes.indexOf(suffix) - 3) * 3;
  if (Math.abs(exponent) > EXPONENT_MAX) throw new SyntaxError(QUANTITY_SUFFIX_ERROR);
  const digits = BigInt(whole + fraction) << BigInt(isBinary ? binary * 10 : 0);
  let nanos = scaleUp(digits, exponent - fraction.length + NANO_DIGITS);
  if (isBinary && nanos > BINARY_MAX * UNIT) nanos = BINARY_MAX * UNIT;
  const format = isBinary ? 'binary' : isExponent ? 'exponent' : 'decimal';
  return { nanos: sign === '-' ? -nanos : nanos, format };
}

/** The shortest text without a fraction, as the API answers it. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  const prefix = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  if (format === 'binary' && size >= 1024n * UNIT)
    return prefix + formatBinary(roundUp(size, UNIT));
  return prefix + formatDecimal(size, format === 'exponent');
}

/** @throws {SyntaxError} with upstream's words. */
export const canonicalQuantity = (text: string): string => formatQuantity(parseQuantity(text));

/** Times a power of ten; a rest below the billionth counts as one, as upstream rounds away from zero. */
const scaleUp = (digits: bigint, power: number): bigint =>
  power >= 0 ? digits * 10n ** BigInt(power) : roundUp(digits, 10n ** BigInt(-power));

const roundUp = (value: bigint, unit: bigint): bigint => (value + unit - 1n) / unit;

function formatBinary(value: bigint): string {
  let rest = value;
  let power = 0;
  for (; rest % 1024n === 0n && power < binarySuffixes.length - 1; power++) rest /= 1024n;
  return `${rest}${binarySuffixes[power]}`;
}

function formatDecimal(nanos: bigint, isExponent: boolean): string {
  let rest = nanos;
  let power = -NANO_DIGITS;
  const powerMax = isExponent ? Number.MAX_SAFE_INTEGER : 18;
  for (; rest % 1000n === 0n && power < powerMax; power += 3) rest /= 1000n;
  if (isExponent) return power === 0 ? `${rest}` : `${rest}e${power}`;
  return `${rest}${decimalSuffixes[power / 3 + 3]}`;
}
