/**
 * Where a request goes: a pure function of the table and the request. Precedence within a host:
 * HTTPRoute rules (sorted when the table was built), then the Ingress paths of the Knative Route.
 * Source: Gateway API v1 HTTPRouteRule; knative/networking Ingress v1alpha1.
 */
import { internalPathPrefix, invokePath } from '../../apis/knit.ts';
import type { Random } from '../../std/random.ts';
import type { Answer } from '../answer.ts';
import { GatewayError } from '../gateway-error.ts';
import { fieldOf } from '../http/head.ts';
import type { RequestHead } from '../http/head.ts';
import type { HeaderChanges } from '../http/rewrite.ts';
import { noHeaderChanges } from '../http/rewrite.ts';
import { isClusterLocalHost, isInternalPath, normalizeHost, pathOf, queryOf } from './host.ts';
import { isInvokePath, parseInvokePath } from './invoke-path.ts';
import type {
  Backend,
  Destination,
  HostRoutes,
  HttpRule,
  IngressPath,
  Redirect,
  RoutingTable,
  Split,
  TextMatch,
} from './table.ts';

export interface RouteRequest {
  readonly head: RequestHead;
  readonly isExternal: boolean;
  /** Of the client's connection. */
  readonly scheme: 'http' | 'https';
  /** Where clients outside find HTTPS; undefined when nowhere. */
  readonly httpsPort: number | undefined;
  /** The listener hands the broker's host on to a broker. */
  readonly hasBroker: boolean;
  /** Domain of the services' external hosts, for the message to whom asks for an unknown one. */
  readonly domain: string;
}

export interface RevisionDecision {
  readonly type: 'revision';
  /** Usually a revision; the port of another Service otherwise. */
  readonly revision: Destination;
  readonly target: string;
  /** Host to send; undefined = the client's. */
  readonly host: string | undefined;
  readonly changes: HeaderChanges;
  readonly responseChanges: HeaderChanges;
  /** 0 = the revision's own. */
  readonly timeoutMs: number;
  /** Set for calls of the Invoke API. */
  readonly invocation: 'RequestResponse' | 'Event' | 'DryRun' | undefined;
  /** Gets a copy of the request. */
  readonly mirror: Destination | undefined;
}

export type Decision =
  | RevisionDecision
  | { readonly type: 'broker' }
  /** The route itself is the answer. */
  | { readonly type: 'answer'; readonly answer: Answer };

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
  for (let dot = host.indexOf('.', 1); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const routes = table.wildcards.get(host.slice(dot));
    if (routes) return routes;
  }
  return undefined;
}

function routeOnHost(
  table: RoutingTable,
  routes: HostRoutes,
  request: RouteRequest,
  random: Random,
): Decision | undefined {
  const { head } = request;
  const path = pathOf(head.target);
  for (const rule of routes.rules)
    if (matchesRule(rule, head, path)) return followRule(table, rule, request, random);
  return followPath(table, routes.paths, request, random);
}

function followPath(
  table: RoutingTable,
  paths: readonly IngressPath[],
  request: RouteRequest,
  random: Random,
): Decision | undefined {
  const { head } = request;
  const path = pathOf(head.target);
  let best: IngressPath | undefined;
  for (const candidate of paths)
    if (matchesPath(candidate, head, path) && (!best || isMoreSpecific(candidate, best)))
      best = candidate;
  if (!best) return undefined;
  if (head.names.includes('k-network-probe')) {
    const answer = probeAnswer(head, best);
    if (answer) return { type: 'answer', answer };
  }
  if (best.isRedirected && request.isExternal && request.scheme === 'http')
    return redirectToHttps(request);
  const split = pickSplit(best.splits, random);
  return decide(table, split, {
    target: head.target,
    host: best.rewriteHost,
    changes: split.changes,
  });
}

/** An ingress prober asks which version of an Ingress is in force. Source: facts 4.3, 4.4. */
function probeAnswer(head: RequestHead, path: IngressPath): Answer | undefined {
  if (fieldOf(head, 'k-network-probe') !== 'probe') return undefined;
  const asked = fieldOf(head, 'k-network-hash');
  if (asked === undefined)
    return {
      status: 400,
      headers: [],
      body: 'a probe request must contain a K-Network-Hash header\n',
    };
  const hash = asked === 'override' ? path.probeHash() : asked;
  return { status: 200, headers: [['K-Network-Hash', hash]], body: '' };
}

function redirectToHttps({ head, httpsPort }: RouteRequest): Decision {
  const host = normalizeHost(head.authority);
  const port = httpsPort === undefined || httpsPort === 443 ? '' : `:${httpsPort}`;
  const location = `https://${host}${port}${head.target}`;
  return { type: 'answer', answer: { status: 301, headers: [['Location', location]], body: '' } };
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
  request: RouteRequest,
  random: Random,
): Decision {
  const { head } = request;
  if (rule.unsupportedFilter !== undefined)
    throw new GatewayError(
      'filter-unsupported',
      `the route uses the filter ${rule.unsupportedFilter}, which this gateway does not have`,
    );
  if (rule.redirect)
    return { type: 'answer', answer: redirectAnswer(rule, rule.redirect, request) };
  const backend = pickWeighted(rule.backends, ({ weight }) => weight, random);
  if (!backend)
    throw new GatewayError(
      'backend-not-found',
      rule.backends.length > 0
        ? 'no backend of the route has a weight'
        : 'the route has no backend',
    );
  const found = resolveBackend(table, backend, random);
  if (!found)
    throw new GatewayError(
      'backend-not-found',
      `the route leads to service ${backend.service}, which does not exist or has no traffic`,
    );
  const { split, destination } = found;
  const mirror = rule.mirrors.find(({ share }) => share >= 1 || random() < share);
  return {
    type: 'revision',
    revision: destination,
    target: rewriteTarget(rule, rule.rewritePath, head.target),
    host: rule.rewriteHost,
    changes: mergeChanges(
      mergeChanges(rule.changes, backend.changes),
      split?.changes ?? noHeaderChanges,
    ),
    responseChanges: mergeChanges(rule.responseChanges, backend.responseChanges),
    timeoutMs: rule.timeoutMs,
    invocation: undefined,
    mirror: mirror && resolveBackend(table, mirror.backend, random)?.destination,
  };
}

/** A Service of a Route's name goes where the Route goes; another to its own pods. */
function resolveBackend(
  table: RoutingTable,
  backend: Backend,
  random: Random,
): { readonly destination: Destination; readonly split: Split | undefined } | undefined {
  const splits = table.services.get(backend.service);
  if (splits) {
    const split = pickSplit(splits, random);
    return { destination: destinationOf(table, split), split };
  }
  const destination = table.destinations.get(backend.destination);
  return destination && { destination, split: undefined };
}

/** Source: Gateway API v1, HTTPRequestRedirectFilter: what is not named stays, ports by the scheme. */
function redirectAnswer(rule: HttpRule, redirect: Redirect, request: RouteRequest): Answer {
  const { head } = request;
  const scheme = redirect.scheme ?? request.scheme;
  const host = redirect.hostname ?? normalizeHost(head.authority);
  const port =
    redirect.port ?? (redirect.scheme === undefined ? portOf(head.authority) : undefined);
  const isUsual = port === undefined || port === (scheme === 'https' ? 443 : 80);
  const target = rewriteTarget(rule, redirect.path, head.target);
  const location = `${scheme}://${host}${isUsual ? '' : `:${port}`}${target}`;
  return { status: redirect.status, headers: [['Location', location]], body: '' };
}

function portOf(authority: string): number | undefined {
  const digits = /:([0-9]{1,5})$/.exec(authority)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function rewriteTarget(
  rule: HttpRule,
  rewritePath: HttpRule['rewritePath'],
  target: string,
): string {
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
      : { revision, destination: '', percent: 100, changes: noHeaderChanges };
  return decide(table, split, {
    // A plain container has no function server: its contract is a POST to its root.
    target: destinationOf(table, split).hasFunctionServer ? invokePath : '/',
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
  readonly invocation?: RevisionDecision['invocation'];
}

function decide(table: RoutingTable, split: Split, draft: DecisionDraft): RevisionDecision {
  const revision = destinationOf(table, split);
  return {
    type: 'revision',
    revision,
    target: draft.target,
    host: draft.host,
    changes: draft.changes,
    responseChanges: noHeaderChanges,
    timeoutMs: 0,
    invocation: draft.invocation,
    mirror: undefined,
  };
}

/** Knative's splits name revisions; those of other users of Ingress name any Service. */
function destinationOf(table: RoutingTable, split: Split): Destination {
  const found = table.revisions.get(split.revision) ?? table.destinations.get(split.destination);
  if (found) return found;
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
