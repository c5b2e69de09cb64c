/**
 * In which order the items of a merged list stand. Pure.
 * Source: k8s.io/apimachinery pkg/util/strategicpatch (normalizeElementOrder; behaviour).
 */

/** What tells items of one list apart. */
export type ItemKey = (item: unknown) => string;

/**
 * Items that `order` names come in its order; the others keep that of `before`, and stand before a
 * named item only where they did before. So new items come first.
 */
export function itemInOrder(
  list: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  keyOf: ItemKey,
): unknown[] {
  const rank = ranks(order, keyOf);
  const past = ranks(before, keyOf);
  const rankOf = (item: unknown): number => rank.get(keyOf(item)) ?? -1;
  const pastOf = (item: unknown): number => past.get(keyOf(item)) ?? -1;
  const named = list.filter((item) => rankOf(item) >= 0).sort((a, b) => rankOf(a) - rankOf(b));
  const others = list.filter((item) => rankOf(item) < 0).sort((a, b) => pastOf(a) - pastOf(b));
  const result: unknown[] = [];
  while (named.length > 0 || others.length > 0) {
    const isOthers =
      named.length === 0 ||
      (others.length > 0 && pastOf(named[0]) >= 0 && pastOf(others[0]) < pastOf(named[0]));
    result.push(isOthers ? others.shift() : named.shift());
  }
  return result;
}

function ranks(items: readonly unknown[], keyOf: ItemKey): Map<string, number> {
  const result = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    if (!result.has(key)) result.set(key, index);
  }
  return result;
}
