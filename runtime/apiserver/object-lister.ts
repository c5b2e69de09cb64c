/**
 * Lists, whole or in chunks. All chunks of a list show the state of its first one, as long as the
 * history of changes reaches back to it; then the client may go on with what there is, or begin
 * again. Source: k8s.io/apiserver pkg/storage (continue tokens, meaning of resourceVersion).
 */
import type { KubeList, KubeObject } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { parseListOptions, type ListOptions } from './list-options.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import type { ObjectVersions } from './object-versions.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';
import { isSelective, matchesFilter, type ObjectFilter } from './watch.ts';

const TOKEN_VERSION = 'meta.k8s.io/v1';
/** In a token: go on with the latest state, whatever the first chunks showed. */
const LATEST = -1;

/** Where a chunk ended. */
interface Position {
  readonly namespace: string;
  readonly name: string;
}

interface ContinueToken extends Position {
  /** Of the first chunk, or LATEST. */
  readonly resourceVersion: number;
}

export class ObjectLister {
  private readonly store: Store;
  private readonly versions: ObjectVersions;

  constructor(options: { store: Store; versions: ObjectVersions }) {
    this.store = options.store;
    this.versions = options.versions;
  }

  /** @throws {StatusError} 400 and 422 for bad parameters, 410 for a version that is gone, 504 for one from the future. */
  list(
    resource: Resource,
    filter: ObjectFilter,
    query: Readonly<Record<string, string>>,
  ): MaybePromise<KubeList> {
    const options = parseListOptions(query);
    const token = parseContinue(options.continueToken, resource, filter);
    const resourceVersion = token ? this.versionOf(token) : this.checkResourceVersion(options);
    const state = this.read(resource, filter, resourceVersion, token);
    const rest = token ? state.slice(firstAfter(state, token)) : state;
    const isFiltered = isSelective(filter);
    const { limit } = options;
    const page = (all: readonly KubeObject[]): readonly KubeObject[] =>
      limit === 0 || all.length <= limit ? all : all.slice(0, limit);
    const makeList = (items: readonly KubeObject[], left: number): KubeList => {
      const last = items.at(-1);
      return {
        kind: resource.definition.listKind ?? `${resource.kind}List`,
        apiVersion: resource.apiVersion,
        metadata: {
          resourceVersion: String(resourceVersion),
          ...(left > 0 && last
            ? {
                continue: formatContinue(resource, resourceVersion, positionOf(last)),
                // As upstream, which does not count what a selector would leave out.
                ...(isFiltered ? {} : { remainingItemCount: left }),
              }
            : {}),
        },
        items: items as KubeObject[],
      };
    };
    if (!isFiltered) {
      const chunk = page(rest);
      return andThen(this.versions.showAll(resource, chunk), (items) =>
        makeList(items, rest.length - chunk.length),
      );
    }
    // Selectors mean the fields and labels that their client sees, which a conversion may change.
    const seen = resource.isConverted ? this.versions.showAll(resource, rest) : rest;
    return andThen(seen, (candidates) => {
      const all = candidates.filter((object) => matchesFilter(filter, object));
      const chunk = page(all);
      const shown = resource.isConverted ? chunk : this.versions.showAll(resource, chunk);
      return andThen(shown, (items) => makeList(items, all.length - chunk.length));
    });
  }

  private read(
    resource: Resource,
    { namespace }: ObjectFilter,
    resourceVersion: number,
    token: ContinueToken | undefined,
  ): KubeObject[] {
    const { storeName } = resource;
    if (resourceVersion === this.store.resourceVersion)
      return this.store.list(storeName, namespace);
    const state = this.store.listAt(storeName, namespace, resourceVersion);
    if (state) return state;
    if (!token) throw expiredList('The resourceVersion for the provided list is too old.');
    throw expiredList(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      formatContinue(resource, LATEST, token),
    );
  }

  private versionOf({ resourceVersion }: ContinueToken): number {
    const latest = this.store.resourceVersion;
    if (resourceVersion > latest)
      throw StatusError.resourceVersionTooLarge(resourceVersion, latest);
    return resourceVersion === LATEST ? latest : resourceVersion;
  }

  private checkResourceVersion({ resourceVersion = 0, isExact }: ListOptions): number {
    const latest = this.store.resourceVersion;
    if (resourceVersion > latest)
      throw StatusError.resourceVersionTooLarge(resourceVersion, latest);
    return isExact ? resourceVersion : latest;
  }
}

const positionOf = ({ metadata }: KubeObject): Position => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
});

/** Index of the first object after a position, by bisection; `state` is in the order of keys. */
function firstAfter(state: readonly KubeObject[], position: Position): number {
  const key = keyOf(position);
  let low = 0;
  let high = state.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const object = state[middle];
    if (object && keyOf(positionOf(object)) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

const keyOf = ({ namespace, name }: Position): string => `${namespace}/${name}`;

const expiredList = (message: string, continueToken?: string): StatusError =>
  new StatusError({
    code: 410,
    reason: 'Expired',
    message,
    ...(continueToken === undefined ? {} : { metadata: { continue: continueToken } }),
  });

/** Upstream's token: a client cannot look into it, and debugging people do. */
function formatContinue(
  { definition }: Resource,
  resourceVersion: number,
  { namespace, name }: Position,
): string {
  const start = `${definition.namespaced ? `${namespace}/` : ''}${name}\u0000`;
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: resourceVersion, start })).toString(
    'base64url',
  );
}

function parseContinue(
  text: string,
  { definition }: Resource,
  filter: ObjectFilter,
): ContinueToken | undefined {
  if (text === '') return undefined;
  const { rv, start } = readToken(text);
  const position = /^(?:([^/]+)\/)?([^/\0]+)\0?$/.exec(start);
  const namespace = position?.[1] ?? '';
  const isOfKind = position !== null && (namespace !== '') === definition.namespaced;
  const isOfList = filter.namespace === undefined || filter.namespace === namespace;
  if (!isOfKind || !isOfList || !(Number.isSafeInteger(rv) && (rv > 0 || rv === LATEST)))
    throw invalidToken('it belongs to another list');
  return { resourceVersion: rv, namespace, name: position[2] ?? '' };
}

function readToken(text: string): { rv: number; start: string } {
  const at = illegalByte(text);
  if (at !== undefined) throw invalidKey(`: illegal base64 data at input byte ${at}`);
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (error) {
    throw invalidKey(`: ${(error as Error).message}`);
  }
  const { v = '', rv = 0, start = '' } = isJsonObject(token) ? token : {};
  if (v !== TOKEN_VERSION)
    throw invalidKey(`: server does not recognize this encoded version ${String(v)}`);
  if (typeof rv !== 'number' || rv === 0)
    throw invalidKey(`: incorrect encoded start resourceVersion (version ${TOKEN_VERSION})`);
  if (typeof start !== 'string' || start === '')
    throw invalidKey(`: encoded start key empty (version ${TOKEN_VERSION})`);
  return { rv, start };
}

/** Where Go's decoder of unpadded base64 stops. @returns undefined for text that it takes. */
function illegalByte(text: string): number | undefined {
  const at = text.search(/[^\w-]/);
  if (at >= 0) return at;
  return text.length % 4 === 1 ? text.length - 1 : undefined;
}

const invalidKey = (problem: string): StatusError =>
  invalidToken(`continue key is not valid${problem}`);

const invalidToken = (problem: string): StatusError =>
  StatusError.badRequest(`invalid continue token: ${problem}`);
