/**
 * Arithmetic over lists of resources (`{cpu: '500m', memory: '64Mi'}`). Pure. A text that is no
 * quantity counts as zero: the API has refused it before anybody counts.
 * Source: k8s.io/apiserver pkg/quota/v1/resources.go (behaviour).
 */
import { formatQuantity, parseQuantity, type Quantity } from '../schema/quantity.ts';

export type ResourceList = Readonly<Record<string, string>>;

const ZERO: Quantity = { nanos: 0n, format: 'decimal' };

/** Zero for what is absent or no quantity. */
export function quantityOf(text: string | number | undefined): Quantity {
  if (text === undefined) return ZERO;
  try {
    return parseQuantity(String(text));
  } catch {
    return ZERO;
  }
}

/** Negative when `a` is less, positive when it is more. */
export function compareResources(a: string | undefined, b: string | undefined): number {
  const difference = quantityOf(a).nanos - quantityOf(b).nanos;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Written as the first is written, unless that is nothing. */
function sumOf(a: string | undefined, b: string): string {
  const [x, y] = [quantityOf(a), quantityOf(b)];
  const format = x.nanos === 0n ? y.format : x.format;
  return formatQuantity({ nanos: x.nanos + y.nanos, format });
}

export function addResources(a: ResourceList, b: ResourceList): ResourceList {
  const sum: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = sumOf(a[name], amount);
  return sum;
}

/** What `a` has beyond `b`, and never less than nothing; what only `b` has is left out. */
export function withoutResources(a: ResourceList, b: ResourceList): ResourceList {
  return Object.fromEntries(
    Object.entries(a).map(([name, amount]) => {
      const [x, y] = [quantityOf(amount), quantityOf(b[name])];
      const nanos = x.nanos > y.nanos ? x.nanos - y.nanos : 0n;
      return [name, formatQuantity({ nanos, format: x.format })];
    }),
  );
}

/** The greater of both, name by name. */
export function maxResources(a: ResourceList, b: ResourceList): ResourceList {
  const max: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b))
    if (max[name] === undefined || compareResources(amount, max[name]) > 0) max[name] = amount;
  return max;
}

export const pickResources = (list: ResourceList, names: ReadonlySet<string>): ResourceList =>
  Object.fromEntries(Object.entries(list).filter(([name]) => names.has(name)));

export function isSameResources(a: ResourceList, b: ResourceList): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && compareResources(a[name], b[name]) === 0)
  );
}

/** `cpu=1,memory=64Mi`, by name. */
export const formatResources = (list: ResourceList): string =>
  Object.entries(list)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name}=${amount}`)
    .join(',');
