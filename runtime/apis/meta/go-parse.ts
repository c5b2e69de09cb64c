/**
 * Numbers and booleans as Go's `strconv` reads them, with its error texts, because ConfigMaps and
 * annotations of Knative are refused in those words. Source: Go's strconv, knative.dev/pkg configmap/parser.
 */
import { parseGoDuration } from './go-duration.ts';

export type Parsed<T> = { readonly value: T } | { readonly error: string };

const syntax = (function_: string, text: string): { error: string } => ({
  error: `strconv.${function_}: parsing ${JSON.stringify(text)}: invalid syntax`,
});

const INT64_MAX = 2n ** 63n - 1n;

/** `bits` is 32 or 64. Values beyond 2^53 lose precision, which no setting of ours reaches. */
export function parseGoInt(text: string, bits: 32 | 64 = 64): Parsed<number> {
  if (!/^[+-]?\d+$/.test(text)) return syntax('ParseInt', text);
  const value = BigInt(text.replace(/^\+/, ''));
  const max = bits === 32 ? 2n ** 31n - 1n : INT64_MAX;
  if (value > max || value < -max - 1n)
    return { error: `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range` };
  return { value: Number(value) };
}

export function parseGoUint(text: string): Parsed<number> {
  if (!/^\d+$/.test(text)) return syntax('ParseUint', text);
  const value = BigInt(text);
  if (value > 2n ** 64n - 1n)
    return { error: `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range` };
  return { value: Number(value) };
}

export function parseGoFloat(text: string): Parsed<number> {
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
  return isNumber ? { value: Number(text) } : syntax('ParseFloat', text);
}

export function parseGoBool(text: string): Parsed<boolean> {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return { value: true };
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return { value: false };
  return syntax('ParseBool', text);
}

/** Milliseconds. */
export function parseGoDurationText(text: string): Parsed<number> {
  const value = parseGoDuration(text);
  if (value !== undefined) return { value };
  const quoted = JSON.stringify(text);
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text))
    return { error: `time: missing unit in duration ${quoted}` };
  const unit =
    /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]+)/.exec(
      text,
    )?.[1];
  return unit === undefined
    ? { error: `time: invalid duration ${quoted}` }
    : { error: `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}` };
}
