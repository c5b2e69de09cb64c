/**
 * Lists, whole or in chunks. A chunk after the first reads the present state, not the state of the
 * first chunk; all chunks carry the first one's resourceVersion, so that a watch from there shows
 * whatever changed in between. Source: k8s.io/apiserver pkg/storage (continue tokens).
 */
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';
import { matchesFilter, type ObjectFilter } from './watch.ts';

interface ContinueToken {
  /** Of the first chunk. */
  readonly resourceVersion: number;
  readonly namespace: string;
  readonly name: string;
}

export class ObjectLister {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** @throws {StatusError} 400 for bad parameters, 410 for an old token, 504 for a version from the future. */
  list(
    resource: Resource,
    filter: ObjectFilter,
    query: Readonly<Record<string, string>>,
  ): KubeList {
    this.checkResourceVersion(query);
    const limit = parseLimit(query['limit']);
    const token = parseContinue(query['continue']);
    if (token && token.resourceVersion < this.store.oldestResourceVersion(resource.storeName))
      throw StatusError.expired(token.resourceVersion, this.store.resourceVersion);
    const all = this.store
      .list(resource.storeName, filter.namespace)
      .filter((object) => matchesFilter(filter, object) && (!token || isAfter(object, token)));
    const items = limit === 0 || all.length <= limit ? all : all.slice(0, limit);
    const resourceVersion = token?.resourceVersion ?? this.store.resourceVersion;
    const last = items.at(-1);
    const left = all.length - items.length;
    return {
      kind: `${resource.kind}List`,
      apiVersion: resource.apiVersion,
      metadata: {
        resourceVersion: String(resourceVersion),
        ...(left > 0 && last
          ? { continue: formatContinue(resourceVersion, last), remainingItemCount: left }
          : {}),
      },
      items: items.map((object) =>
        object.apiVersion === resource.apiVersion
          ? object
          : { ...object, apiVersion: resource.apiVersion },
      ),
    };
  }

  private checkResourceVersion(query: Readonly<Record<string, string>>): void {
    const { resourceVersion } = query;
    if (!resourceVersion || resourceVersion === '0') return;
    if (!/^\d{1,15}$/.test(resourceVersion))
      throw StatusError.badRequest(
        `resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}`,
      );
    const wanted = Number(resourceVersion);
    if (wanted > this.store.resourceVersion)
      throw StatusError.resourceVersionTooLarge(wanted, this.store.resourceVersion);
    // Only the present state can be listed.
    if (query['resourceVersionMatch'] === 'Exact' && wanted < this.store.resourceVersion)
      throw StatusError.expired(wanted, this.store.resourceVersion);
  }
}

const isAfter = ({ metadata }: KubeObject, token: ContinueToken): boolean => {
  const { namespace = '', name } = metadata;
  return namespace === token.namespace ? name > token.name : namespace > token.namespace;
};

function parseLimit(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (!/^\d{1,9}$/.test(text))
    throw StatusError.badRequest(
      `limit: Invalid value: ${JSON.stringify(text)}: must be a non-negative integer`,
    );
  return Number(text);
}

const formatContinue = (resourceVersion: number, { metadata }: KubeObject): string =>
  Buffer.from(
    JSON.stringify({ resourceVersion, namespace: metadata.namespace ?? '', name: metadata.name }),
  ).toString('base64url');

function parseContinue(text: string | undefined): ContinueToken | undefined {
  if (!text) return undefined;
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (isJsonObject(token)) {
      const { resourceVersion, namespace, name } = token;
      if (
        typeof resourceVersion === 'number' &&
        typeof namespace === 'string' &&
        typeof name === 'string'
      )
        return { resourceVersion, namespace, name };
    }
  } catch {
    // Falls through: whatever it is, it is not one of our tokens.
  }
  throw StatusError.badRequest('continue key is not valid');
}
