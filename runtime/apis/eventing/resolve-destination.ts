/**
 * Turns a Destination into the URL that events are sent to, and keeps track of who refers to what.
 * Pure: objects come from the caller's look-up.
 * Source: knative.dev/pkg resolver (addressable_resolver.go) and tracker (behaviour).
 */
import { coreServiceKind } from '../core/types.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';
import { apiVersionOf } from '../meta/object.ts';
import { routeKind, serviceKind } from '../serving/types.ts';
import type { Addressable, Destination, KReference } from './types.ts';
import { brokerKind } from './types.ts';

export const clusterDomain = 'cluster.local';

/** Kinds that a Destination may refer to. */
export const addressableKinds: readonly ResourceKind[] = [
  serviceKind,
  routeKind,
  coreServiceKind,
  brokerKind,
] as readonly ResourceKind[];

export type Resolution =
  | { readonly type: 'resolved'; readonly url: string }
  /** `reason` is a condition reason; the object may still appear or get its address. */
  | { readonly type: 'unresolved'; readonly reason: string; readonly message: string };

/** Finds a referenced object in a cache; undefined when it is not there. */
export type ObjectLookup = (ref: Required<KReference>) => KubeObject | undefined;

interface HasAddress extends KubeObject {
  status?: { address?: Addressable; addresses?: Addressable[] };
}

/** The reference with its namespace filled in: that of the object which holds the Destination. */
export function qualifyReference(ref: KReference, namespace: string): Required<KReference> {
  return { ...ref, namespace: ref.namespace ?? namespace };
}

export function resolveDestination(
  destination: Destination,
  options: { readonly namespace: string; readonly lookUp: ObjectLookup },
): Resolution {
  const { ref, uri } = destination;
  if (!ref) {
    if (uri === undefined || !URL.canParse(uri))
      return unresolved(
        'InvalidDestination',
        `uri ${uri ?? ''} is not absolute and there is no ref`,
      );
    return { type: 'resolved', url: uri };
  }
  const resolution = resolveReference(qualifyReference(ref, options.namespace), options.lookUp);
  if (resolution.type === 'unresolved' || uri === undefined || uri === '') return resolution;
  if (!URL.canParse(uri, resolution.url))
    return unresolved('InvalidDestination', `uri ${uri} cannot be joined to ${resolution.url}`);
  return { type: 'resolved', url: new URL(uri, resolution.url).href };
}

function resolveReference(ref: Required<KReference>, lookUp: ObjectLookup): Resolution {
  const what = `${ref.kind} ${ref.namespace}/${ref.name}`;
  // A core Service has no address in its status: its name is its address.
  const isCoreService = ref.kind === 'Service' && ref.apiVersion === 'v1';
  if (!isKnown(ref))
    return unresolved(
      'NotAddressable',
      `${ref.apiVersion} ${ref.kind} is no kind that can be a destination`,
    );
  const object = lookUp(ref);
  if (isCoreService)
    return object
      ? { type: 'resolved', url: `http://${ref.name}.${ref.namespace}.svc.${clusterDomain}` }
      : unresolved('NotFound', `${what} not found`);
  if (!object) return unresolved('NotFound', `${what} not found`);
  const status = (object as HasAddress).status;
  // Whoever sees a non-empty list must ignore the single address.
  const address = status?.addresses?.length ? status.addresses[0] : status?.address;
  if (address?.url === undefined || !URL.canParse(address.url))
    return unresolved('NoAddress', `${what} has no address yet`);
  return { type: 'resolved', url: address.url };
}

const isKnown = (ref: KReference): boolean =>
  addressableKinds.some((kind) => kind.kind === ref.kind && apiVersionOf(kind) === ref.apiVersion);

const unresolved = (reason: string, message: string): Resolution => ({
  type: 'unresolved',
  reason,
  message,
});

/** Identity of a referenced object, whatever its version. */
export function referenceKey(ref: Required<KReference>): string {
  const group = ref.apiVersion.includes('/') ? (ref.apiVersion.split('/', 1)[0] ?? '') : '';
  return `${group}|${ref.kind}|${ref.namespace}/${ref.name}`;
}

/** The same identity, of an object at hand. */
export const objectReferenceKey = ({ apiVersion, kind, metadata }: KubeObject): string =>
  referenceKey({ apiVersion, kind, name: metadata.name, namespace: metadata.namespace ?? '' });

/** Remembers which keys refer to which objects, so that a change of one reconciles the others. */
export class ReferenceTracker {
  private readonly referrers = new Map<string, Set<string>>();
  private readonly references = new Map<string, readonly string[]>();

  /** Replaces what `key` refers to; an empty list forgets it. */
  track(key: string, refs: readonly Required<KReference>[]): void {
    for (const target of this.references.get(key) ?? []) {
      const keys = this.referrers.get(target);
      keys?.delete(key);
      if (keys?.size === 0) this.referrers.delete(target);
    }
    if (refs.length === 0) {
      this.references.delete(key);
      return;
    }
    const targets = refs.map(referenceKey);
    this.references.set(key, targets);
    for (const target of targets) {
      const keys = this.referrers.get(target) ?? new Set<string>();
      keys.add(key);
      this.referrers.set(target, keys);
    }
  }

  referrersOf(object: KubeObject): readonly string[] {
    return [...(this.referrers.get(objectReferenceKey(object)) ?? [])];
  }
}
