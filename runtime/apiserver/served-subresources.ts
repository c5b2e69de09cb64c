/**
 * The subresources of a kind as discovery tells them: what they take or give, and with which verbs.
 * Whether this server has one is asked, so that no client is sent to a path that answers 404. Pure.
 * Source: k8s.io/kubernetes pkg/registry/*\/rest (names, kinds, verbs).
 */
import type { Resource } from './kind-registry.ts';
import { formatGroupResource } from './status-error.ts';

export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  /** Of `kind`, where it is not the resource's own. */
  readonly group?: string;
  readonly version?: string;
}

/** Whether this server answers `pods/eviction`, `deployments.apps/rollback` and so on. */
export type Served = (subresource: string) => boolean;

const objectVerbs = ['get', 'patch', 'update'];
const streamVerbs = ['create', 'get'];

/** By the resource's name in the store. */
const ofBuiltinKinds: Readonly<Record<string, readonly Subresource[]>> = {
  '/pods': [
    { name: 'attach', kind: 'PodAttachOptions', verbs: streamVerbs },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'ephemeralcontainers', kind: 'Pod', verbs: objectVerbs },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: streamVerbs },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: streamVerbs },
    { name: 'resize', kind: 'Pod', verbs: objectVerbs },
  ],
  '/namespaces': [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
  '/serviceaccounts': [
    {
      name: 'token',
      kind: 'TokenRequest',
      group: 'authentication.k8s.io',
      version: 'v1',
      verbs: ['create'],
    },
  ],
};

/** In the order in which they are told. */
export function subresourcesOf(resource: Resource, isServed: Served): readonly Subresource[] {
  const { definition, kind, storeName } = resource;
  const found = (ofBuiltinKinds[storeName] ?? []).filter(({ name }) =>
    isServed(`${formatGroupResource(resource)}/${name}`),
  );
  if (definition.scale)
    found.push({
      name: 'scale',
      kind: 'Scale',
      group: 'autoscaling',
      version: 'v1',
      verbs: objectVerbs,
    });
  if (definition.hasStatus) found.push({ name: 'status', kind, verbs: objectVerbs });
  // As upstream, which puts the status of a kind of a CRD first.
  const direction = resource.custom ? -1 : 1;
  return found.sort((a, b) => (a.name < b.name ? -direction : direction));
}
