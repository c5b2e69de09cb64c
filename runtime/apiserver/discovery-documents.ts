/**
 * Which groups, versions and resources there are, in the plain and in the aggregated form. Pure.
 * Source: k8s.io/apiserver pkg/endpoints/discovery (shapes, hash), k8s.io/kubernetes
 * pkg/controlplane/apiserver/aggregator.go (order of the groups).
 */
import { createHash } from 'node:crypto';
import { isBuiltinKind } from '../apis/schema/type-table.ts';
import type { KindRegistry, Resource } from './kind-registry.ts';
import { namespacesStore } from './object-rules.ts';
import { subresourcesOf, type Served, type Subresource } from './served-subresources.ts';

/** Upstream's own groups by their priority; all others follow by name. */
const groupOrder: readonly string[] = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

const allVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** As upstream lists them for kinds of CustomResourceDefinitions. */
const customVerbs = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];

export const makeApiVersions = (serverAddress: string): unknown => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});

export const makeApiGroupList = (registry: KindRegistry): unknown => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsInOrder(registry)
    .filter((group) => group !== '')
    .map((group) => describeGroup(registry, group)),
});

/** @returns undefined when the group is unknown. */
export function makeApiGroup(registry: KindRegistry, group: string): unknown {
  if (group === '' || !registry.groups.has(group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(registry, group) };
}

/** @returns undefined when the version is unknown. */
export function makeApiResourceList(
  registry: KindRegistry,
  isServed: Served,
  group: string,
  version: string,
): unknown {
  const resources = resourcesInOrder(registry, group, version);
  if (resources.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    // As upstream, whose oldest group has no version of its own.
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: resources.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.definition.singular,
        namespaced: resource.definition.namespaced,
        kind: resource.kind,
        verbs: verbsOf(resource),
        ...namesOf(resource),
        ...(resource.definition.isVirtual
          ? {}
          : { storageVersionHash: storageVersionHash(resource) }),
      },
      ...subresourcesOf(resource, isServed).map(
        ({ name, kind, verbs, group: of, version: at }) => ({
          name: `${resource.plural}/${name}`,
          singularName: '',
          namespaced: resource.definition.namespaced,
          ...(of === undefined ? {} : { group: of, version: at }),
          kind,
          verbs,
        }),
      ),
    ]),
  };
}

/** The aggregated form: all groups of `/api` (core) or `/apis` (the others) in one answer. */
export const makeAggregatedDiscovery = (
  registry: KindRegistry,
  isServed: Served,
  isCore: boolean,
): unknown => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: groupsInOrder(registry)
    .filter((group) => (group === '') === isCore)
    .map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: (registry.groups.get(group) ?? []).map((version) => ({
        version,
        resources: resourcesInOrder(registry, group, version).map((resource) =>
          describeResource(resource, isServed),
        ),
        freshness: 'Current',
      })),
    })),
});

function describeResource(resource: Resource, isServed: Served): unknown {
  const subresources = subresourcesOf(resource, isServed).map((subresource) => ({
    subresource: subresource.name,
    responseKind: responseKind(resource, subresource),
    verbs: subresource.verbs,
  }));
  return {
    resource: resource.plural,
    responseKind: responseKind(resource, resource),
    scope: resource.definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.definition.singular,
    verbs: verbsOf(resource),
    ...namesOf(resource),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

/** As upstream: of a built-in kind, group and version are told where they differ from the resource's. */
function responseKind(
  resource: Resource,
  { kind, group, version }: Pick<Subresource, 'kind' | 'group' | 'version'>,
): unknown {
  const isOwn = group === undefined || (group === resource.group && version === resource.version);
  if (!isOwn) return { group, version, kind };
  return isBuiltinKind(resource.apiVersion, resource.kind)
    ? { group: '', version: '', kind }
    : { group: resource.group, version: resource.version, kind };
}

const verbsOf = ({ definition, storeName, custom }: Resource): readonly string[] => {
  if (definition.isVirtual) return ['create'];
  if (custom) return customVerbs;
  return storeName === namespacesStore
    ? allVerbs.filter((verb) => verb !== 'deletecollection')
    : allVerbs;
};

const namesOf = ({ definition: { shortNames, categories } }: Resource): object => ({
  ...(shortNames ? { shortNames } : {}),
  ...(categories ? { categories } : {}),
});

/** Upstream stores CustomResourceDefinitions as they were before version 1. */
const DEFINITIONS_VERSION = 'v1beta1';

/** Changes when objects are stored in another version, or group; clients only compare it. */
const storageVersionHash = ({ group, storageApiVersion, kind }: Resource): string => {
  const slash = storageApiVersion.lastIndexOf('/');
  const storedGroup = storageApiVersion.slice(0, Math.max(0, slash));
  const version =
    group === 'apiextensions.k8s.io' ? DEFINITIONS_VERSION : storageApiVersion.slice(slash + 1);
  return createHash('sha256')
    .update(`${storedGroup}/${version}/${kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
};

function describeGroup(registry: KindRegistry, group: string): object {
  const versions = (registry.groups.get(group) ?? []).map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function groupsInOrder(registry: KindRegistry): string[] {
  const rank = (group: string): number => {
    const index = groupOrder.indexOf(group);
    return index < 0 ? groupOrder.length : index;
  };
  return [...registry.groups.keys()].sort(
    (a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0),
  );
}

const resourcesInOrder = (registry: KindRegistry, group: string, version: string): Resource[] =>
  [...registry.resourcesOf(group, version)].sort((a, b) => (a.plural < b.plural ? -1 : 1));
