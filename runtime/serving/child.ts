/** Bringing a child object to its desired shape: only what the parent governs is compared and written. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Action } from '../kube/plan.ts';

type WithSpec = KubeObject & { spec: unknown };

/**
 * The update that gives `actual` the spec, labels and annotations of `desired`, or nothing when it has
 * them. Labels and annotations are replaced, so that what the parent drops goes from the child too.
 */
export function childUpdate<T extends WithSpec>(
  kind: ResourceKind<T>,
  actual: T,
  desired: T,
): readonly Action[] {
  const { labels = {}, annotations = {} } = desired.metadata;
  const isSame =
    isDeepStrictEqual(actual.spec, desired.spec) &&
    isDeepStrictEqual(actual.metadata.labels ?? {}, labels) &&
    isDeepStrictEqual(actual.metadata.annotations ?? {}, annotations);
  if (isSame) return [];
  const metadata = { ...actual.metadata, labels, annotations };
  return [{ type: 'update', kind, object: { ...actual, metadata, spec: desired.spec } }];
}

/** A copy of `map` without some keys. */
export function omitKeys(
  map: Readonly<Record<string, string>> | undefined,
  ...keys: string[]
): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !keys.includes(key)));
}
