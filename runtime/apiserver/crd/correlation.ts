/**
 * Which part of the object before a part of the new one was: what did not change is not judged again.
 * Fields are found by name and items of list maps by their keys; items of other lists are nobody's. Pure.
 * Source: k8s.io/apiserver pkg/cel/common/equality.go (behaviour).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import { listMapKey } from './list-types.ts';

/** A value with the one before it. */
export interface Correlated {
  readonly value: unknown;
  readonly old: unknown;
}

/** The field `key` of a value; undefined where it is new. */
export function correlateField({ value, old }: Correlated, key: string): Correlated | undefined {
  if (!isJsonObject(value) || !isJsonObject(old)) return undefined;
  if (!Object.hasOwn(value, key) || !Object.hasOwn(old, key)) return undefined;
  return { value: value[key], old: old[key] };
}

/** An item of a list that tells its items apart. */
export function correlateItem(
  { old }: Correlated,
  item: unknown,
  schema: JsonSchema,
): Correlated | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return undefined;
  const key = listMapKey(item, schema);
  const before: unknown = old.find((candidate) => jsonEqual(listMapKey(candidate, schema), key));
  return before === undefined ? undefined : { value: item, old: before };
}

export const isUnchanged = (correlated: Correlated | undefined): boolean =>
  correlated !== undefined && jsonEqual(correlated.value, correlated.old);
