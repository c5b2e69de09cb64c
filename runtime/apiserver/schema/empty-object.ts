/**
 * A built-in kind with nothing set, as its Go type writes it: structs are there and empty, some lists
 * are null. What a new object is compared with to find out what its creator set. Pure.
 */
import { findKindSchema, isBuiltinKind } from '../../apis/schema/type-table.ts';
import type { JsonObject } from '../json-value.ts';
import { decodeObject } from './decode-value.ts';

const known = new Map<string, JsonObject>();
const nothing: JsonObject = {};

/** Without address and metadata; empty for a kind that is not built in. Shared: not to be changed. */
export function emptyObjectOf(apiVersion: string, kind: string): JsonObject {
  if (!isBuiltinKind(apiVersion, kind)) return nothing;
  const key = `${apiVersion}/${kind}`;
  const made = known.get(key);
  if (made) return made;
  const schema = findKindSchema(apiVersion, kind);
  const { metadata: _metadata, ...rest } = schema ? decodeObject(schema, {}, []) : nothing;
  known.set(key, rest);
  return rest;
}
