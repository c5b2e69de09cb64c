/** JSON merge patch. Pure; shares what it does not change. Source: RFC 7396. */
import { getKey, isJsonObject, setKey, type JsonObject } from '../json-value.ts';

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setKey(result, key, applyMergePatch(getKey(result, key), value));
  }
  return result;
}
