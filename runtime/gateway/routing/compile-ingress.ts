/** One Ingress as entries of the table. Pure. Source: knative/networking Ingress v1alpha1. */
import { createHash } from 'node:crypto';
import { keyOf } from '../../apis/meta/object.ts';
import type { HTTPIngressPath, Ingress, IngressRule } from '../../apis/networking/types.ts';
import type { HeaderChanges } from '../http/rewrite.ts';
import { noHeaderChanges } from '../http/rewrite.ts';
import type { RankedRule } from './compile-http-route.ts';
import { isSafe, isVisible } from './compile-http-route.ts';
import { isClusterLocalHost } from './host.ts';
import type { IngressPath, Split } from './table.ts';

/** What one object gives to one host. */
export interface Contribution {
  readonly ranked: readonly RankedRule[];
  readonly paths: readonly IngressPath[];
}

export interface CompiledIngress {
  readonly key: string;
  readonly hosts: readonly {
    readonly host: string;
    readonly isExternal: boolean;
    /** The hosts of one rule share it. */
    readonly contribution: Contribution;
  }[];
  /** Where a core Service named as the Ingress leads: the untagged target of the Route. */
  readonly mainSplits: readonly Split[] | undefined;
  /** Host -> `namespace/name` of the Secret with its certificate. */
  readonly certificates: ReadonlyMap<string, string>;
}

export function compileIngress(ingress: Ingress): CompiledIngress {
  const { name, namespace = '' } = ingress.metadata;
  const shared = {
    probeHash: hashOf(ingress),
    isRedirected: ingress.spec.httpOption === 'Redirected',
  };
  // The untagged target of the Route is the one that has the Route's own cluster-local name.
  const isMain = (rule: IngressRule): boolean =>
    (rule.hosts ?? []).some(
      (host) => host === `${name}.${namespace}` || host.startsWith(`${name}.${namespace}.svc`),
    );
  let mainSplits: readonly Split[] | undefined;
  const hosts = (ingress.spec.rules ?? []).flatMap((rule) => {
    const paths = (rule.http?.paths ?? []).map((path) => compilePath(path, shared));
    if (!mainSplits && isMain(rule))
      mainSplits = paths.find(({ headers }) => headers.length === 0)?.splits;
    const contribution = { ranked: [], paths };
    return (rule.hosts ?? []).map((host) => ({
      host: host.toLowerCase(),
      isExternal: rule.visibility !== 'ClusterLocal' && !isClusterLocalHost(host.toLowerCase()),
      contribution,
    }));
  });
  return {
    key: keyOf(ingress.metadata),
    hosts,
    mainSplits,
    certificates: new Map(
      (ingress.spec.tls ?? []).flatMap(({ hosts: names, secretName, secretNamespace }) =>
        (names ?? []).map((host) => [
          host.toLowerCase(),
          `${secretNamespace ?? namespace}/${secretName}`,
        ]),
      ),
    ),
  };
}

function compilePath(
  path: HTTPIngressPath,
  { probeHash, isRedirected }: { probeHash: () => string; isRedirected: boolean },
): IngressPath {
  return {
    path: path.path ?? '',
    headers: Object.entries(path.headers ?? {}).map(([name, { exact }]) => [
      name.toLowerCase(),
      exact,
    ]),
    rewriteHost: path.rewriteHost && isVisible(path.rewriteHost) ? path.rewriteHost : undefined,
    splits: path.splits.map((split) => ({
      revision: `${split.serviceNamespace}/${split.serviceName}`,
      destination: `${split.serviceNamespace}/${split.serviceName}:${split.servicePort}`,
      // 0 in one split alone stands for all traffic: the field is omitted when it is not needed.
      percent: split.percent ?? (path.splits.length === 1 ? 100 : 0),
      changes: appended({ ...path.appendHeaders, ...split.appendHeaders }),
    })),
    isRedirected,
    probeHash,
  };
}

/** Names of the revision are for Knative's activator and end at the last hop, which is this one. */
const forDataPlane = new Set(['knative-serving-revision', 'knative-serving-namespace']);

function appended(headers: Readonly<Record<string, string>>): HeaderChanges {
  const set = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => !forDataPlane.has(name) && isSafe({ name, value }));
  return set.length === 0 ? noHeaderChanges : { set, add: [], remove: [] };
}

/**
 * What a prober expects to hear back: a hash over the spec as Go's encoder writes it, namespace and
 * name. Computed when the first probe comes, which for most Ingresses is never.
 * Source: knative/networking pkg/ingress, ComputeHash.
 */
function hashOf(ingress: Ingress): () => string {
  let hash: string | undefined;
  return () => {
    hash ??= createHash('sha256')
      .update(JSON.stringify(inGoOrder(ingress.spec)).replace(/[<>&\u2028\u2029]/g, escapeAsGo))
      .update(`${ingress.metadata.namespace ?? ''}${ingress.metadata.name}`)
      .digest('hex');
    return hash;
  };
}

const escapeAsGo = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

const sorted = <T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined =>
  map && Object.keys(map).length > 0
    ? Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : undefined;

/** Fields in the order of Go's structs; what they omit when empty is undefined here. */
const inGoOrder = ({ tls, rules, httpOption }: Ingress['spec']): object => ({
  tls: tls?.length
    ? tls.map(({ hosts, secretName, secretNamespace }) => ({ hosts, secretName, secretNamespace }))
    : undefined,
  rules: rules?.map(({ hosts, visibility, http }) => ({
    hosts,
    visibility,
    http: http && {
      paths: http.paths.map((path) => ({
        path: path.path || undefined,
        rewriteHost: path.rewriteHost || undefined,
        headers: sorted(path.headers),
        splits: path.splits.map((split) => ({
          serviceNamespace: split.serviceNamespace,
          serviceName: split.serviceName,
          servicePort: split.servicePort,
          percent: split.percent || undefined,
          appendHeaders: sorted(split.appendHeaders),
        })),
        appendHeaders: sorted(path.appendHeaders),
      })),
    },
  })),
  httpOption: httpOption || undefined,
});
