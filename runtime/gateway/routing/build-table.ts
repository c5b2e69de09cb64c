/**
 * Builds the routing table from API objects. Pure; what is compiled per object is remembered by the
 * object's identity, so that a rebuild after one change costs a merge of maps.
 */
import type { HTTPRoute } from '../../apis/gateway/types.ts';
import { functionNameAnnotation, runtimeAnnotation } from '../../apis/knit.ts';
import { keyOf } from '../../apis/meta/object.ts';
import type { HTTPIngressPath, Ingress, IngressRule } from '../../apis/networking/types.ts';
import type { Revision, Route } from '../../apis/serving/types.ts';
import type { HeaderChanges } from '../http/rewrite.ts';
import { noHeaderChanges } from '../http/rewrite.ts';
import type { RankedRule } from './compile-http-route.ts';
import { compareRules, compileHttpRoute, isSafe, isVisible } from './compile-http-route.ts';
import { isClusterLocalHost } from './host.ts';
import type {
  FunctionTarget,
  HostRoutes,
  IngressPath,
  RevisionSettings,
  RoutingTable,
  Split,
} from './table.ts';

/** Knative's default for a revision that names none. */
const TIMEOUT_SECONDS_DEFAULT = 300;

export interface TableInput {
  readonly isLoaded: boolean;
  readonly ingresses: readonly Ingress[];
  readonly httpRoutes: readonly HTTPRoute[];
  readonly revisions: readonly Revision[];
  readonly routes: readonly Route[];
}

interface HostDraft {
  readonly ranked: RankedRule[];
  readonly paths: IngressPath[];
}

type Drafts = Map<string, HostDraft>;

export function buildTable(input: TableInput): RoutingTable {
  const external: Drafts = new Map();
  const internal: Drafts = new Map();
  const wildcards: Drafts = new Map();
  const catchAll: HostDraft = { ranked: [], paths: [] };
  const services = new Map<string, readonly Split[]>();
  const ingresses = new Map<string, number>();
  for (const ingress of input.ingresses) {
    if (ingress.metadata.deletionTimestamp) continue;
    const compiled = compiledIngress(ingress);
    ingresses.set(compiled.key, ingress.metadata.generation ?? 0);
    if (compiled.mainSplits) services.set(compiled.key, compiled.mainSplits);
    for (const { host, isExternal, paths } of compiled.hosts) {
      draftOf(internal, host).paths.push(...paths);
      if (isExternal) draftOf(external, host).paths.push(...paths);
    }
  }
  for (const route of input.httpRoutes) {
    if (route.metadata.deletionTimestamp) continue;
    const ranked = compiledRoute(route);
    if (!route.spec.hostnames?.length) catchAll.ranked.push(...ranked);
    for (const name of route.spec.hostnames ?? []) {
      const host = name.toLowerCase();
      if (host.startsWith('*.')) {
        draftOf(wildcards, host.slice(1)).ranked.push(...ranked);
        continue;
      }
      draftOf(internal, host).ranked.push(...ranked);
      if (!isClusterLocalHost(host)) draftOf(external, host).ranked.push(...ranked);
    }
  }
  return {
    isLoaded: input.isLoaded,
    external: finish(external),
    internal: finish(internal),
    wildcards: [...finish(wildcards)].sort(([a], [b]) => b.length - a.length),
    catchAll: catchAll.ranked.length > 0 ? finishHost(catchAll) : undefined,
    services,
    revisions: new Map(
      input.revisions.map((revision) => [keyOf(revision.metadata), settingsOf(revision)]),
    ),
    functions: functionsOf(input.routes),
    ingresses,
  };
}

function draftOf(drafts: Drafts, host: string): HostDraft {
  let draft = drafts.get(host);
  if (!draft) drafts.set(host, (draft = { ranked: [], paths: [] }));
  return draft;
}

const finish = (drafts: Drafts): Map<string, HostRoutes> =>
  new Map([...drafts].map(([host, draft]) => [host, finishHost(draft)]));

const finishHost = ({ ranked, paths }: HostDraft): HostRoutes => ({
  rules: ranked.toSorted(compareRules).map(({ rule }) => rule),
  paths,
});

interface CompiledIngress {
  readonly key: string;
  readonly hosts: readonly {
    readonly host: string;
    readonly isExternal: boolean;
    readonly paths: readonly IngressPath[];
  }[];
  readonly mainSplits: readonly Split[] | undefined;
}

const ingressCache = new WeakMap<Ingress, CompiledIngress>();
const routeCache = new WeakMap<HTTPRoute, readonly RankedRule[]>();
const settingsCache = new WeakMap<Revision, RevisionSettings>();

function compiledIngress(ingress: Ingress): CompiledIngress {
  let compiled = ingressCache.get(ingress);
  if (!compiled) ingressCache.set(ingress, (compiled = compileIngress(ingress)));
  return compiled;
}

function compiledRoute(route: HTTPRoute): readonly RankedRule[] {
  let compiled = routeCache.get(route);
  if (!compiled) routeCache.set(route, (compiled = compileHttpRoute(route)));
  return compiled;
}

function compileIngress(ingress: Ingress): CompiledIngress {
  const { name, namespace = '' } = ingress.metadata;
  const hosts = ingress.spec.rules.flatMap((rule) => {
    const paths = rule.http.paths.map(compilePath);
    return rule.hosts.map((host) => ({
      host: host.toLowerCase(),
      isExternal: rule.visibility !== 'ClusterLocal' && !isClusterLocalHost(host.toLowerCase()),
      paths,
    }));
  });
  // The untagged target of the Route is the one that has the Route's own cluster-local name.
  const isMain = (rule: IngressRule): boolean =>
    rule.hosts.some(
      (host) => host === `${name}.${namespace}` || host.startsWith(`${name}.${namespace}.svc`),
    );
  const main = ingress.spec.rules.find(isMain)?.http.paths.find((path) => !path.headers);
  return {
    key: keyOf(ingress.metadata),
    hosts,
    mainSplits: main && compilePath(main).splits,
  };
}

function compilePath(path: HTTPIngressPath): IngressPath {
  return {
    path: path.path ?? '',
    headers: Object.entries(path.headers ?? {}).map(([name, { exact }]) => [
      name.toLowerCase(),
      exact,
    ]),
    changes: appended(path.appendHeaders),
    rewriteHost: path.rewriteHost && isVisible(path.rewriteHost) ? path.rewriteHost : undefined,
    splits: path.splits.map((split) => ({
      revision: `${split.serviceNamespace}/${split.serviceName}`,
      percent: split.percent,
      changes: appended(split.appendHeaders),
    })),
  };
}

/** Names of the revision are for Knative's activator and end at the last hop, which is this one. */
const forDataPlane = new Set(['knative-serving-revision', 'knative-serving-namespace']);

function appended(headers: Readonly<Record<string, string>> | undefined): HeaderChanges {
  const set = Object.entries(headers ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => !forDataPlane.has(name) && isSafe({ name, value }));
  return set.length === 0 ? noHeaderChanges : { set, add: [], remove: [] };
}

function settingsOf(revision: Revision): RevisionSettings {
  let settings = settingsCache.get(revision);
  if (settings) return settings;
  const { spec, metadata } = revision;
  const toMs = (seconds: number | undefined): number => Math.max(0, seconds ?? 0) * 1_000;
  settings = {
    key: keyOf(metadata),
    containerConcurrency: Math.max(0, spec.containerConcurrency ?? 0),
    timeoutMs: toMs(spec.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT),
    responseStartTimeoutMs: toMs(spec.responseStartTimeoutSeconds),
    idleTimeoutMs: toMs(spec.idleTimeoutSeconds),
    // Source: knative/specs, runtime contract, protocols and ports.
    protocol: spec.containers.some(({ ports }) => ports?.some(({ name }) => name === 'h2c'))
      ? 'h2c'
      : 'http1',
    hasFunctionServer: metadata.annotations?.[runtimeAnnotation] !== undefined,
  };
  settingsCache.set(revision, settings);
  return settings;
}

/** An annotated name wins over a composed one; of two Routes with one name the older keeps it. */
function functionsOf(routes: readonly Route[]): Map<string, FunctionTarget> {
  const functions = new Map<string, FunctionTarget>();
  const byAge = routes.toSorted((a, b) =>
    (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
  );
  const add = (name: string | undefined, target: FunctionTarget): void => {
    if (name && !functions.has(name)) functions.set(name, target);
  };
  const targets = byAge.map((route) => ({ route, target: functionTargetOf(route) }));
  for (const { route, target } of targets)
    add(route.metadata.annotations?.[functionNameAnnotation], target);
  for (const { route, target } of targets) {
    const { name, namespace = '' } = route.metadata;
    add(`${namespace}/${name}`, target);
    add(`${namespace}-${name}`, target);
  }
  return functions;
}

function functionTargetOf(route: Route): FunctionTarget {
  const { namespace = '' } = route.metadata;
  const qualifiers = new Map<string, string>();
  for (const { tag, revisionName } of route.status?.traffic ?? []) {
    if (revisionName === undefined) continue;
    const key = `${namespace}/${revisionName}`;
    qualifiers.set(revisionName, key);
    if (tag) qualifiers.set(tag, key);
  }
  return { service: keyOf(route.metadata), qualifiers };
}
