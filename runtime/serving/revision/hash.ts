/** A short fingerprint of a desired spec, for telling whether it has changed since it was written. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, 32 bits, in base 36, over JSON with sorted keys. Not for secrets. */
export function hashOf(value: unknown): string {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(canonicalJson(value)))
    hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return hash.toString(36);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
