/**
 * The documents that clients read before they address any object, by path: `/version`, `/api`,
 * `/apis`, the resource lists and OpenAPI. Pure.
 */
import {
  makeApiGroup,
  makeApiGroupList,
  makeApiResourceList,
  makeApiVersions,
} from './discovery-documents.ts';
import type { KindRegistry } from './kind-registry.ts';
import { makeOpenApi, makeOpenApiIndex, makeSwagger } from './openapi/openapi-documents.ts';
import type { Served } from './served-subresources.ts';

/**
 * The Kubernetes version whose answers this server's are held against. Clients compare numbers: kubectl
 * warns beyond one minor version of difference, Knative refuses less than 1.34. The suffix says whose
 * build it is.
 */
const kubernetesVersion = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.3+knit',
};

export const healthPaths = ['/healthz', '/livez', '/readyz'];

/** Paths that need no credentials. */
export const isPublicPath = (path: string): boolean =>
  path === '/version' ||
  healthPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));

/** The document at a path that addresses no resources. @returns undefined when there is none. */
export function makeDocument(
  registry: KindRegistry,
  path: string,
  { isServed, serverAddress }: { isServed: Served; serverAddress: () => string },
): unknown {
  if (path === '/version') return makeVersion();
  if (path === '/')
    return { paths: ['/api', '/apis', '/openapi/v2', '/openapi/v3', '/version', ...healthPaths] };
  if (path === '/api') return makeApiVersions(serverAddress());
  if (path === '/apis') return makeApiGroupList(registry);
  if (path === '/openapi/v2') return makeSwagger(registry);
  if (path === '/openapi/v3') return makeOpenApiIndex(registry);
  if (path.startsWith('/openapi/v3/'))
    return makeOpenApi(registry, path.slice('/openapi/v3/'.length));
  const [, root, first = '', second, ...rest] = path.split('/');
  if (rest.length > 0) return undefined;
  if (root === 'api')
    return second === undefined ? makeApiResourceList(registry, isServed, '', first) : undefined;
  if (root !== 'apis') return undefined;
  return second === undefined
    ? makeApiGroup(registry, first)
    : makeApiResourceList(registry, isServed, first, second);
}

const makeVersion = (): unknown => ({
  ...kubernetesVersion,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
});
