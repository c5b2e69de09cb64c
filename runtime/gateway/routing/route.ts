/**
 * Where a request goes: a pure function of the table and the request. Precedence within a host:
 * HTTPRoute rules (sorted when the table was built), then the Ingress paths of the Knative Route.
 * Source: Gateway API v1 HTTPRouteRule; knative/networking Ingress v1alpha1.
 */
import { internalPathPrefix, invokePath } from '../../apis/knit.ts';
import type { Random } from '../../std/random.ts';
import { GatewayError } from '../gateway-error.ts';
import { fieldOf } from '../http/head.ts';
import type { RequestHead } from '../http/head.ts';
import type { HeaderChanges } from '../http/rewrite.ts';
import { noHeaderChanges } from '../http/rewrite.ts';
import { isClusterLocalHost, isInternalPath, normalizeHost, pathOf, queryOf } from './host.ts';
import { isInvokePath, parseInvokePath } from './invoke-path.ts';
import type {
  HostRoutes,
  HttpRule,
  IngressPath,
  RevisionSettings,
  RoutingTable,
  Split,
  TextMatch,
} from './table.ts';

export interface RouteRequest {
  readonly head: RequestHead;
  readonly isExternal: boolean;
  /** The listener hands the broker's host on to a broker. */
  readonly hasBroker: boolean;
  /** Domain of the services' external hosts, for the message to whom asks for an unknown one. */
  readonly domain: string;
}

export interface RevisionDecision {
  readonly type: 'revision';
  readonly revision: RevisionSettings;
  readonly target: string;
  /** Host to send; undefined = the client's. */
  readonly host: string | undefined;
  readonly changes: HeaderChanges;
  readonly responseChanges: HeaderChanges;
  /** 0 = the revision's own. */
  readonly timeoutMs: number;
  /** Set for calls of the Invoke API. */
  readonly invocation: 'RequestResponse' | 'Event' | 'DryRun' | undefined;
}

export type Decision = RevisionDecision | { readonly type: 'broker' };

const brokerHosts = new Set([
  'broker-ingress.knative-eventing.svc.cluster.local',
  'broker-ingress.knative-eventing.svc',
  'broker-ingress.knative-eventing',
]);

/** @throws {GatewayError} for what the gateway answers itself. */
export function route(table: RoutingTable, request: RouteRequest, random: Random): Decision {
  const { head, isExternal } = request;
  const host = normalizeHost(head.authority);
  const path = pathOf(head.target);
  if (!isExternal && request.hasBroker && brokerHosts.has(host)) return { type: 'broker' };
  if (!table.isLoaded)
    throw new GatewayError('not-ready', 'the gateway has not read its routes yet; try again');
  if (isExternal && isInternalPath(path))
    throw new GatewayError(
      'path-not-found',
      `paths under ${internalPathPrefix} are not served to clients outside`,
    );
  const routes = findHost(table, host, isExternal);
  if (routes) {
    const decision = routeOnHost(table, routes, request, random);
    if (decision) return decision;
    throw new GatewayError(
      'path-not-found',
      `no route of host "${host}" matches ${head.method} ${path}`,
    );
  }
  if (isInvokePath(path)) return routeInvocation(table, head, path, random);
  const decision = table.catchAll && routeOnHost(table, table.catchAll, request, random);
  if (decision) return decision;
  throw new GatewayError(
    'host-not-found',
    `no service answers at host "${host}"; services are at <name>.<namespace>.${request.domain}, ` +
      'and "sls info" lists the addresses of a deployed one',
  );
}

function findHost(table: RoutingTable, host: string, isExternal: boolean): HostRoutes | undefined {
  const exact = (isExternal ? table.external : table.internal).get(host);
  if (exact || (isExternal && isClusterLocalHost(host))) return exact;
  return table.wildcards.find(
    ([suffix]) => host.length > suffix.length && host.endsWith(suffix),
  )?.[1];
}

function routeOnHost(
  table: RoutingTable,
  routes: HostRoutes,
  request: RouteRequest,
  random: Random,
): RevisionDecision | undefined {
  const { head } = request;
  const path = pathOf(head.target);
  for (const rule of routes.rules)
    if (matchesRule(rule, head, path)) return followRule(table, rule, head, random);
  let best: IngressPath | undefined;
  for (const candidate of routes.paths)
    if (matchesPath(candidate, head, path) && (!best || isMoreSpecific(candidate, best)))
      best = candidate;
  if (!best) return undefined;
  const split = pickSplit(best.splits, random);
  return decide(table, split, {
    target: head.target,
    host: best.rewriteHost,
    changes: mergeChanges(best.changes, split.changes),
  });
}

function matchesPath(candidate: IngressPath, head: RequestHead, path: string): boolean {
  if (!isPrefix(candidate.path, path)) return false;
  return candidate.headers.every(([name, exact]) => fieldOf(head, name) === exact);
}

/** Longer paths first, then those with more header conditions. */
const isMoreSpecific = (a: IngressPath, b: IngressPath): boolean =>
  a.path.length !== b.path.length
    ? a.path.length > b.path.length
    : a.headers.length > b.headers.length;

function matchesRule(rule: HttpRule, head: RequestHead, path: string): boolean {
  const { path: match } = rule;
  if (rule.method !== undefined && rule.method !== head.method) return false;
  if (match.type === 'exact' && match.value !== path) return false;
  if (match.type === 'prefix' && !isPrefix(match.value, path)) return false;
  if (match.type === 'regex' && !match.regex.test(path)) return false;
  for (const header of rule.headers)
    if (!matchesText(header, fieldOf(head, header.name))) return false;
  if (rule.query.length === 0) return true;
  const query = new URLSearchParams(queryOf(head.target));
  return rule.query.every((param) => matchesText(param, query.get(param.name) ?? undefined));
}

const matchesText = (match: TextMatch, value: string | undefined): boolean =>
  value !== undefined && (match.type === 'exact' ? match.value === value : match.regex.test(value));

/** By whole segments: `/a` covers `/a` and `/a/b`, not `/ab`. */
function isPrefix(prefix: string, path: string): boolean {
  if (prefix === '' || prefix === '/') return true;
  const plain = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return path.startsWith(plain) && (path.length === plain.length || path[plain.length] === '/');
}

function followRule(
  table: RoutingTable,
  rule: HttpRule,
  head: RequestHead,
  random: Random,
): RevisionDecision {
  if (rule.unsupportedFilter !== undefined)
    throw new GatewayError(
      'filter-unsupported',
      `the route uses the filter ${rule.unsupportedFilter}, which this gateway does not have`,
    );
  const backend = pickWeighted(rule.backends, ({ weight }) => weight, random);
  const splits = backend && table.services.get(backend.service);
  if (!splits)
    throw new GatewayError(
      'backend-not-found',
      backend
        ? `the route leads to service ${backend.service}, which does not exist or has no traffic`
        : 'the route has no backend',
    );
  const split = pickSplit(splits, random);
  return decide(table, split, {
    target: rewriteTarget(rule, head.target),
    host: rule.rewriteHost,
    changes: mergeChanges(rule.changes, split.changes),
    responseChanges: rule.responseChanges,
    timeoutMs: rule.timeoutMs,
  });
}

function rewriteTarget(rule: HttpRule, target: string): string {
  const { rewritePath } = rule;
  if (!rewritePath) return target;
  const path = pathOf(target);
  const query = target.slice(path.length);
  if (rewritePath.type === 'full') return rewritePath.value + query;
  const matched = rule.path.type === 'prefix' ? rule.path.value.replace(/\/$/, '') : path;
  const rest = path.slice(matched.length);
  const joined = rewritePath.value.replace(/\/$/, '') + rest;
  return (joined.startsWith('/') ? joined : `/${joined}`) + query;
}

function routeInvocation(
  table: RoutingTable,
  head: RequestHead,
  path: string,
  random: Random,
): RevisionDecision {
  const call = parseInvokePath(path);
  const found = call && head.method === 'POST' ? table.functions.get(call.name) : undefined;
  const name = call?.name ?? path;
  if (!found) throw new GatewayError('function-not-found', `Function not found: ${name}`);
  const invocation = invocationType(head);
  // The SDKs send the qualifier as a query parameter; in an ARN it is part of the name.
  const asked = new URLSearchParams(queryOf(head.target)).get('Qualifier') ?? undefined;
  const qualifier = call!.qualifier ?? (asked === '$LATEST' ? undefined : asked);
  const revision = qualifier === undefined ? undefined : found.qualifiers.get(qualifier);
  if (qualifier !== undefined && revision === undefined)
    throw new GatewayError('function-not-found', `Function not found: ${name}:${qualifier}`);
  const splits = table.services.get(found.service);
  if (revision === undefined && !splits)
    throw new GatewayError('function-not-found', `Function has no revision that serves: ${name}`);
  const split: Split =
    revision === undefined
      ? pickSplit(splits!, random)
      : { revision, percent: 100, changes: noHeaderChanges };
  return decide(table, split, {
    // A plain container has no function server: its contract is a POST to its root.
    target: revisionOf(table, split).hasFunctionServer ? invokePath : '/',
    host: undefined,
    changes: split.changes,
    invocation,
  });
}

function invocationType(head: RequestHead): 'RequestResponse' | 'Event' | 'DryRun' {
  const type = fieldOf(head, 'x-amz-invocation-type') ?? 'RequestResponse';
  if (type === 'RequestResponse' || type === 'Event' || type === 'DryRun') return type;
  throw new GatewayError(
    'bad-request',
    `X-Amz-Invocation-Type: ${type}, must be RequestResponse, Event or DryRun`,
  );
}

interface DecisionDraft {
  readonly target: string;
  readonly host: string | undefined;
  readonly changes: HeaderChanges;
  readonly responseChanges?: HeaderChanges;
  readonly timeoutMs?: number;
  readonly invocation?: RevisionDecision['invocation'];
}

function decide(table: RoutingTable, split: Split, draft: DecisionDraft): RevisionDecision {
  const revision = revisionOf(table, split);
  return {
    type: 'revision',
    revision,
    target: draft.target,
    host: draft.host,
    changes: draft.changes,
    responseChanges: draft.responseChanges ?? noHeaderChanges,
    timeoutMs: draft.timeoutMs ?? 0,
    invocation: draft.invocation,
  };
}

function revisionOf(table: RoutingTable, split: Split): RevisionSettings {
  const revision = table.revisions.get(split.revision);
  if (revision) return revision;
  throw new GatewayError(
    'revision-not-found',
    `Error getting active endpoint: revision.serving.knative.dev "${split.revision}" not found`,
  );
}

function pickSplit(splits: readonly Split[], random: Random): Split {
  const split = pickWeighted(splits, ({ percent }) => percent, random);
  if (!split) throw new GatewayError('backend-not-found', 'the route sends no traffic anywhere');
  return split;
}

function pickWeighted<T>(
  items: readonly T[],
  weightOf: (item: T) => number,
  random: Random,
): T | undefined {
  if (items.length === 1 && weightOf(items[0]!) > 0) return items[0];
  let total = 0;
  for (const item of items) total += weightOf(item);
  if (total <= 0) return undefined;
  let point = random() * total;
  for (const item of items) {
    point -= weightOf(item);
    if (point < 0) return item;
  }
  return items.findLast((item) => weightOf(item) > 0);
}

function mergeChanges(a: HeaderChanges, b: HeaderChanges): HeaderChanges {
  if (a === noHeaderChanges) return b;
  if (b === noHeaderChanges) return a;
  return {
    set: [...a.set, ...b.set],
    add: [...a.add, ...b.add],
    remove: [...a.remove, ...b.remove],
  };
}
