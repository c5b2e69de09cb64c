/**
 * Reads the keys of a ConfigMap one by one and keeps the first error, in the words that Knative's
 * own parsers use. A key that is absent leaves its default. Pure.
 * Source: knative.dev/pkg configmap/{parse,parser/parse}.go (behaviour).
 */
import { canonicalQuantity } from '../schema/quantity.ts';
import type { Parsed } from './go-parse.ts';
import { parseGoBool, parseGoDurationText, parseGoFloat, parseGoInt } from './go-parse.ts';

export type ConfigMapData = Readonly<Record<string, string>> | undefined;

export class ConfigMapReader {
  /** The first thing that was wrong; undefined while all is well. */
  error: string | undefined;
  private readonly data: ConfigMapData;

  constructor(data: ConfigMapData) {
    this.data = data;
  }

  /** Reports, unless something was wrong before. */
  fail(error: string): void {
    this.error ??= error;
  }

  has(key: string): boolean {
    return this.data?.[key] !== undefined;
  }

  string(key: string, fallback: string): string {
    return this.data?.[key]?.trim() ?? fallback;
  }

  bool(key: string, fallback: boolean): boolean {
    return this.read(key, fallback, parseGoBool);
  }

  int(key: string, fallback: number, bits: 32 | 64 = 64): number {
    return this.read(key, fallback, (text) => parseGoInt(text, bits));
  }

  float(key: string, fallback: number): number {
    return this.read(key, fallback, parseGoFloat);
  }

  /** Milliseconds. */
  durationMs(key: string, fallbackMs: number): number {
    return this.read(key, fallbackMs, parseGoDurationText);
  }

  /** In canonical form. */
  quantity(key: string, fallback: string | undefined): string | undefined {
    return this.read(key, fallback, (text): Parsed<string> => {
      try {
        return { value: canonicalQuantity(text) };
      } catch (error) {
        return { error: (error as Error).message };
      }
    });
  }

  /** Comma separated, trimmed. */
  stringSet(key: string, fallback: ReadonlySet<string>): ReadonlySet<string> {
    const text = this.data?.[key];
    return text === undefined ? fallback : new Set(text.split(',').map((item) => item.trim()));
  }

  read<T>(key: string, fallback: T, parse: (text: string) => Parsed<T>): T {
    const text = this.data?.[key];
    if (text === undefined) return fallback;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    this.fail(`failed to parse ${JSON.stringify(key)}: ${parsed.error}`);
    return fallback;
  }
}
