/**
 * Answers at paths that address no objects: discovery, versions, OpenAPI, and what other parts of the
 * server publish. Says how clients may keep an answer; what is in it is made elsewhere.
 */
import type { ApiRequest } from './api-request.ts';
import type { ApiResponse } from './api-response.ts';
import { healthPaths, makeDocument } from './discovery.ts';
import { makeAggregatedDiscovery } from './discovery-documents.ts';
import type { KindRegistry } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { findOpenApiUrl } from './openapi/openapi-documents.ts';
import type { Served } from './served-subresources.ts';
import { StatusError } from './status-error.ts';

const AGGREGATED_DISCOVERY_TYPE =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const JSON_TYPE = 'application/json';
const OPENAPI_INDEX = '/openapi/v3';

interface DocumentSources {
  readonly registry: KindRegistry;
  readonly isServed: Served;
  readonly documents?: ReadonlyMap<string, () => MaybePromise<unknown>>;
  readonly serverAddress: () => string;
}

/** @throws {StatusError} 404 for an unknown path, 405 for any method but GET. */
export function answerDocument(
  request: ApiRequest,
  sources: DocumentSources,
): MaybePromise<ApiResponse> {
  const { registry, isServed, documents, serverAddress } = sources;
  const { method } = request;
  const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
  if (healthPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)))
    return { type: 'text', code: 200, body: 'ok' };
  const own = documents?.get(path);
  if (own && method === 'GET') return andThen(own(), (body) => ({ type: 'json', code: 200, body }));
  if (request.wantsAggregatedDiscovery && (path === '/api' || path === '/apis'))
    return {
      type: 'json',
      code: 200,
      body: makeAggregatedDiscovery(registry, isServed, path === '/api'),
      contentType: AGGREGATED_DISCOVERY_TYPE,
      isTagged: true,
      headers: { 'Cache-Control': 'public', Vary: 'Accept' },
    };
  const body = makeDocument(registry, path, { isServed, serverAddress });
  if (body === undefined) return unknownDocument(path);
  // As upstream, where the list of groups is told whatever the method.
  if (method !== 'GET' && path !== '/apis') throw StatusError.methodNotAllowed();
  if (path.startsWith('/openapi/')) return openApi(request, path, body, registry);
  return { type: 'json', code: 200, body };
}

function openApi(
  { query: { hash } }: ApiRequest,
  path: string,
  body: unknown,
  registry: KindRegistry,
): ApiResponse {
  const whole = { type: 'json', code: 200, body, isTagged: true } as const;
  if (hash === undefined || !path.startsWith(`${OPENAPI_INDEX}/`)) return whole;
  const current = findOpenApiUrl(registry, path) ?? path;
  // The address is that of a document that never changes: whoever has an old one is sent on.
  return current.endsWith(`hash=${hash}`)
    ? { ...whole, headers: { 'Cache-Control': 'public, immutable', Vary: 'Accept' } }
    : { type: 'text', code: 301, body: '', contentType: JSON_TYPE, headers: { Location: current } };
}

function unknownDocument(path: string): ApiResponse {
  if (path.startsWith(`${OPENAPI_INDEX}/`))
    return { type: 'text', code: 404, body: '', contentType: '' };
  if (path.startsWith('/openapi')) return { type: 'text', code: 404, body: '404 page not found\n' };
  throw StatusError.unknownPath();
}
