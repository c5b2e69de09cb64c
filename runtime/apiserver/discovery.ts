/**
 * What the server serves, told to clients: `/version`, `/api`, `/apis` (plain and aggregated) and
 * the resource lists. Pure.
 */
import type { KindRegistry, Resource } from './kind-registry.ts';
import { makeOpenApi, makeOpenApiIndex, makeSwagger } from './openapi/openapi-documents.ts';

/** The Kubernetes version whose behaviour this server follows; Knative asks for 1.34 at least. */
const kubernetesVersion = { major: '1', minor: '34', gitVersion: 'v1.34.0+knit' };

const objectVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];
const subresourceVerbs = ['get', 'patch', 'update'];

export const healthPaths = ['/healthz', '/livez', '/readyz'];

/** Paths that need no credentials. */
export const isPublicPath = (path: string): boolean =>
  path === '/version' ||
  healthPaths.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));

/** The document at a path that addresses no resources. @returns undefined when there is none. */
export function makeDocument(
  registry: KindRegistry,
  path: string,
  serverAddress: () => string,
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
    return second === undefined ? makeApiResourceList(registry, '', first) : undefined;
  if (root !== 'apis') return undefined;
  return second === undefined
    ? makeApiGroup(registry, first)
    : makeApiResourceList(registry, first, second);
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

const makeApiVersions = (serverAddress: string): unknown => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});

const makeApiGroupList = (registry: KindRegistry): unknown => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: [...registry.groups.keys()]
    .filter((group) => group !== '')
    .map((group) => describeGroup(registry, group)),
});

/** @returns undefined when the group is unknown. */
function makeApiGroup(registry: KindRegistry, group: string): unknown {
  if (group === '' || !registry.groups.has(group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(registry, group) };
}

/** @returns undefined when the version is unknown. */
function makeApiResourceList(registry: KindRegistry, group: string, version: string): unknown {
  const resources = resourcesOf(registry, group, version);
  if (resources.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: resources.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.definition.singular,
        namespaced: resource.definition.namespaced,
        kind: resource.kind,
        verbs: verbsOf(resource),
        ...(resource.definition.shortNames ? { shortNames: resource.definition.shortNames } : {}),
        ...(resource.definition.categories ? { categories: resource.definition.categories } : {}),
      },
      ...subresourcesOf(resource).map(({ name, kind, verbs, scale }) => ({
        name: `${resource.plural}/${name}`,
        singularName: '',
        namespaced: resource.definition.namespaced,
        kind,
        verbs,
        ...(scale ? { group: 'autoscaling', version: 'v1' } : {}),
      })),
    ]),
  };
}

/** The aggregated form: all groups of `/api` (core) or `/apis` (the others) in one answer. */
export const makeAggregatedDiscovery = (registry: KindRegistry, isCore: boolean): unknown => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [...registry.groups]
    .filter(([group]) => (group === '') === isCore)
    .map(([group, versions]) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versions.map((version) => ({
        version,
        freshness: 'Current',
        resources: resourcesOf(registry, group, version).map((resource) =>
          describeResource(resource),
        ),
      })),
    })),
});

const verbsOf = ({ definition }: Resource): readonly string[] =>
  definition.isVirtual ? ['create'] : objectVerbs;

function describeResource(resource: Resource): unknown {
  const { definition } = resource;
  const subresources = subresourcesOf(resource).map(({ name, kind, verbs, scale }) => ({
    subresource: name,
    responseKind: scale
      ? { group: 'autoscaling', version: 'v1', kind }
      : { group: resource.group, version: resource.version, kind },
    verbs,
  }));
  return {
    resource: resource.plural,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: verbsOf(resource),
    ...(definition.shortNames ? { shortNames: definition.shortNames } : {}),
    ...(definition.categories ? { categories: definition.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly scale?: boolean;
}

function subresourcesOf({ definition, kind, storeName }: Resource): Subresource[] {
  const subresources: Subresource[] = [];
  if (definition.hasStatus) subresources.push({ name: 'status', kind, verbs: subresourceVerbs });
  if (definition.scale)
    subresources.push({ name: 'scale', kind: 'Scale', verbs: subresourceVerbs, scale: true });
  if (storeName === '/pods') subresources.push({ name: 'log', kind, verbs: ['get'] });
  return subresources;
}

function describeGroup(registry: KindRegistry, group: string): object {
  const versions = (registry.groups.get(group) ?? []).map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

const resourcesOf = (registry: KindRegistry, group: string, version: string): Resource[] =>
  registry.resources.filter((resource) => resource.group === group && resource.version === version);
