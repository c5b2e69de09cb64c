/**
 * Freezes an object and says how much memory it holds that no other frozen object does. An estimate
 * from V8's usual sizes, good enough to bound caches by.
 */
const OBJECT_BYTES = 32;
const SLOT_BYTES = 8;

/** @returns bytes; parts that were frozen before belong to an earlier version and weigh nothing. */
export function freezeAndWeigh(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return 0;
  let bytes = OBJECT_BYTES;
  if (Array.isArray(value)) for (const item of value) bytes += SLOT_BYTES + freezeAndWeigh(item);
  else
    for (const key of Object.keys(value))
      bytes += SLOT_BYTES + freezeAndWeigh((value as Record<string, unknown>)[key]);
  Object.freeze(value);
  return bytes;
}
