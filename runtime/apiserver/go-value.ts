/** JSON values as Go speaks of them in messages. Pure. Source: Go's packages fmt (%v) and encoding/json. */
import { isJsonObject } from './json-value.ts';

/** `x`, `[a b]`, `map[k:v]`, `<nil>`. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isJsonObject(value))
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${goValue(value[key])}`)
      .join(' ')}]`;
  return String(value);
}

/** What Go's decoder calls the type of a JSON value. */
export function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
