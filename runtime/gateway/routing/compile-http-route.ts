/**
 * One HTTPRoute as rules of the table, and the order of precedence among rules. Pure.
 * Source: Gateway API v1, HTTPRouteRule.matches (precedence) and HTTPRouteFilter.
 */
import type {
  HTTPHeaderFilter,
  HTTPPathModifier,
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteMatch,
  HTTPRouteRule,
} from '../../apis/gateway/types.ts';
import { isFieldName, isFieldText } from '../http/head.ts';
import type { HeaderChanges } from '../http/rewrite.ts';
import { noHeaderChanges } from '../http/rewrite.ts';
import type { Backend, HttpRule, PathMatch, Redirect, TextMatch } from './table.ts';

/** A rule with what decides ties. */
export interface RankedRule {
  readonly rule: HttpRule;
  readonly created: string;
  readonly key: string;
  readonly index: number;
}

/** A match whose regular expression does not compile is left out: it can match nothing. */
export function compileHttpRoute(route: HTTPRoute): readonly RankedRule[] {
  const { metadata, spec } = route;
  const key = `${metadata.namespace ?? ''}/${metadata.name}`;
  const created = metadata.creationTimestamp ?? '';
  const ranked: RankedRule[] = [];
  for (const rule of spec.rules ?? [])
    for (const match of rule.matches?.length ? rule.matches : [{}]) {
      const compiled = compileRule(rule, match, metadata.namespace ?? '');
      if (compiled) ranked.push({ rule: compiled, created, key, index: ranked.length });
    }
  return ranked;
}

const pathRank = { exact: 0, regex: 1, prefix: 2 } as const;

/**
 * Exact path, then regular expressions, then prefixes, the longer first; then method, number of
 * header and query conditions, age, name, order in the object. Where an expression stands is left
 * to implementations; before prefixes, `/items/{id}` wins over a default route.
 */
export function compareRules(a: RankedRule, b: RankedRule): number {
  const [x, y] = [a.rule, b.rule];
  return (
    pathRank[x.path.type] - pathRank[y.path.type] ||
    y.path.value.length - x.path.value.length ||
    Number(y.method !== undefined) - Number(x.method !== undefined) ||
    y.headers.length - x.headers.length ||
    y.query.length - x.query.length ||
    compareText(a.created, b.created) ||
    compareText(a.key, b.key) ||
    a.index - b.index
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function compileRule(
  rule: HTTPRouteRule,
  match: HTTPRouteMatch,
  namespace: string,
): HttpRule | undefined {
  const path = compilePath(match.path);
  const headers = compileTexts(match.headers, (name) => name.toLowerCase());
  const query = compileTexts(match.queryParams, (name) => name);
  if (!path || !headers || !query) return undefined;
  return {
    path,
    method: match.method,
    headers,
    query,
    ...compileFilters(rule.filters ?? [], namespace),
    backends: (rule.backendRefs ?? []).map((ref) => compileBackend(ref, namespace)),
    timeoutMs: parseDurationMs(rule.timeouts?.request),
  };
}

function compilePath(path: HTTPRouteMatch['path']): PathMatch | undefined {
  const value = path?.value ?? '/';
  if (path?.type === 'Exact') return { type: 'exact', value };
  if (path?.type !== 'RegularExpression') return { type: 'prefix', value };
  const regex = compileRegex(value);
  return regex && { type: 'regex', regex, value };
}

function compileTexts(
  matches: readonly { type?: string; name: string; value: string }[] | undefined,
  nameOf: (name: string) => string,
): (TextMatch & { name: string })[] | undefined {
  const compiled: (TextMatch & { name: string })[] = [];
  for (const { type, name, value } of matches ?? []) {
    if (type !== 'RegularExpression') {
      compiled.push({ type: 'exact', name: nameOf(name), value });
      continue;
    }
    const regex = compileRegex(value);
    if (!regex) return undefined;
    compiled.push({ type: 'regex', name: nameOf(name), regex });
  }
  return compiled;
}

/** Whole-value match, as in Envoy. */
function compileRegex(source: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source})$`);
  } catch {
    // The API server takes any string; a rule that cannot match is the honest reading of a broken one.
    return undefined;
  }
}

function compileBackend(
  ref: NonNullable<HTTPRouteRule['backendRefs']>[number],
  namespace: string,
): Backend {
  const service = `${ref.namespace ?? namespace}/${ref.name}`;
  const { changes, responseChanges } = compileFilters(ref.filters ?? [], namespace);
  return {
    service,
    destination: `${service}:${ref.port ?? ''}`,
    weight: ref.weight ?? 1,
    changes,
    responseChanges,
  };
}

type Filters = Pick<
  HttpRule,
  | 'changes'
  | 'responseChanges'
  | 'rewriteHost'
  | 'rewritePath'
  | 'redirect'
  | 'mirrors'
  | 'unsupportedFilter'
>;

function compileFilters(filters: readonly HTTPRouteFilter[], namespace: string): Filters {
  let compiled: Filters = {
    changes: noHeaderChanges,
    responseChanges: noHeaderChanges,
    rewriteHost: undefined,
    rewritePath: undefined,
    redirect: undefined,
    mirrors: [],
    unsupportedFilter: undefined,
  };
  for (const filter of filters) {
    const { requestRedirect, requestMirror } = filter;
    if (filter.type === 'RequestHeaderModifier')
      compiled = { ...compiled, changes: compileChanges(filter.requestHeaderModifier) };
    else if (filter.type === 'ResponseHeaderModifier')
      compiled = { ...compiled, responseChanges: compileChanges(filter.responseHeaderModifier) };
    else if (filter.type === 'URLRewrite' && isSafeRewrite(filter.urlRewrite))
      compiled = { ...compiled, ...compileRewrite(filter) };
    else if (filter.type === 'RequestRedirect' && requestRedirect && isSafeRewrite(requestRedirect))
      compiled = { ...compiled, redirect: compileRedirect(requestRedirect) };
    else if (filter.type === 'RequestMirror' && requestMirror) {
      const mirror = {
        backend: compileBackend(requestMirror.backendRef, namespace),
        share: mirrorShare(requestMirror),
      };
      compiled = { ...compiled, mirrors: [...compiled.mirrors, mirror] };
    } else compiled = { ...compiled, unsupportedFilter: filter.type };
  }
  return compiled;
}

const compileRedirect = (redirect: NonNullable<HTTPRouteFilter['requestRedirect']>): Redirect => ({
  status: redirect.statusCode ?? 302,
  scheme: redirect.scheme?.toLowerCase(),
  hostname: redirect.hostname,
  port: redirect.port,
  path: compilePathModifier(redirect.path),
});

function mirrorShare({ percent, fraction }: NonNullable<HTTPRouteFilter['requestMirror']>): number {
  if (percent !== undefined) return percent / 100;
  return fraction ? fraction.numerator / (fraction.denominator ?? 100) : 1;
}

/** What is written into a request line or Host must not be able to end it. */
const isSafeRewrite = (
  rewrite: { hostname?: string; path?: HTTPPathModifier } | undefined,
): boolean =>
  [rewrite?.hostname, rewrite?.path?.replaceFullPath, rewrite?.path?.replacePrefixMatch].every(
    (text) => text === undefined || isVisible(text),
  );

/** ASCII without spaces and control characters. */
export const isVisible = (text: string): boolean => /^[\x21-\x7e]*$/.test(text);

const compileRewrite = ({
  urlRewrite,
}: HTTPRouteFilter): Pick<Filters, 'rewriteHost' | 'rewritePath'> => ({
  rewriteHost: urlRewrite?.hostname,
  rewritePath: compilePathModifier(urlRewrite?.path),
});

function compilePathModifier(path: HTTPPathModifier | undefined): HttpRule['rewritePath'] {
  if (path?.type === 'ReplaceFullPath' && path.replaceFullPath !== undefined)
    return { type: 'full', value: path.replaceFullPath };
  if (path?.type === 'ReplacePrefixMatch')
    return { type: 'prefix', value: path.replacePrefixMatch ?? '' };
  return undefined;
}

/** Names and values that could break a head out of its frame are left out. */
function compileChanges(modifier: HTTPHeaderFilter | undefined): HeaderChanges {
  const pairs = (list: HTTPHeaderFilter['set']): (readonly [string, string])[] =>
    (list ?? []).filter(isSafe).map(({ name, value }) => [name.toLowerCase(), value.trim()]);
  return {
    set: pairs(modifier?.set),
    add: pairs(modifier?.add),
    remove: (modifier?.remove ?? []).map((name) => name.toLowerCase()),
  };
}

/** A field that may be written into a head: a token, and a value of latin1 without control characters. */
export const isSafe = ({ name, value }: { name: string; value: string }): boolean =>
  isFieldName(name) && isFieldText(value);

/** Gateway API durations, e.g. `1m30s`; 0 for none and for anything else. */
export function parseDurationMs(text: string | undefined): number {
  if (text === undefined || !/^(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}$/.test(text)) return 0;
  const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g))
    sum += Number(count) * (unitMs[unit!] ?? 0);
  return sum;
}
