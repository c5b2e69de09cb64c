/**
 * One rule of a role: whether it allows a request, whether a set of rules holds all that another
 * grants, and how a rule reads in a refusal. Pure.
 * Source: k8s.io/kubernetes pkg/apis/rbac/v1/evaluation_helpers.go,
 * k8s.io/component-helpers auth/rbac/validation/policy_comparator.go.
 */
import type { PolicyRule } from '../../apis/rbac/types.ts';
import type { RequestAttributes } from './request-attributes.ts';

const ALL = '*';

export function ruleAllows(rule: PolicyRule, request: RequestAttributes): boolean {
  if (!hasOrAll(rule.verbs, request.verb)) return false;
  if (!request.isResource)
    return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, request.path));
  const { group, resource, subresource, name } = request;
  return (
    hasOrAll(rule.apiGroups, group) &&
    resourceMatches(rule, resource, subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(name))
  );
}

/** The parts of `wanted` that `held` does not grant, in single-verb, single-resource rules. */
export function missingRules(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] {
  return wanted
    .flatMap((rule) => breakDown(rule))
    .filter((part) => !held.some((rule) => covers(rule, part)));
}

/** Rules as they read in a refusal, joined by resource where only verbs differ, in order. */
export function describeRules(rules: readonly PolicyRule[]): string[] {
  const verbsByRest = new Map<string, { rule: PolicyRule; verbs: string[] }>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify(rest);
    const found = verbsByRest.get(key) ?? { rule, verbs: [] };
    for (const verb of verbs) if (!found.verbs.includes(verb)) found.verbs.push(verb);
    verbsByRest.set(key, found);
  }
  const lines = [...verbsByRest.values()].map(({ rule, verbs }) => describe({ ...rule, verbs }));
  return [...new Set(lines)].toSorted();
}

function describe(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const texts = parts.flatMap(([name, values]) =>
    values?.length ? [`${name}:[${values.map((one) => JSON.stringify(one)).join(' ')}]`] : [],
  );
  return `{${texts.join(', ')}}`;
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const apiGroup of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? []) {
        const part = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
        if (!rule.resourceNames?.length) parts.push(part);
        else for (const name of rule.resourceNames) parts.push({ ...part, resourceNames: [name] });
      }
    for (const url of rule.nonResourceURLs ?? [])
      parts.push({ verbs: [verb], nonResourceURLs: [url] });
  }
  return parts;
}

/** @param part one verb, and one resource or URL; a wildcard in it is held by a wildcard only. */
function covers(held: PolicyRule, part: PolicyRule): boolean {
  if (!hasAll(held.verbs, part.verbs)) return false;
  if (part.nonResourceURLs)
    return part.nonResourceURLs.every((url) =>
      (held.nonResourceURLs ?? []).some((one) => urlMatches(one, url)),
    );
  const [resource = ''] = part.resources ?? [];
  const slash = resource.indexOf('/');
  const isHeld =
    held.resources?.includes(ALL) ||
    held.resources?.includes(resource) ||
    (slash > 0 && held.resources?.includes(`*${resource.slice(slash)}`));
  return (
    hasAll(held.apiGroups, part.apiGroups ?? []) &&
    isHeld === true &&
    (!held.resourceNames?.length ||
      (part.resourceNames?.length !== undefined &&
        hasEvery(held.resourceNames, part.resourceNames)))
  );
}

function resourceMatches(rule: PolicyRule, resource: string, subresource: string): boolean {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  return (rule.resources ?? []).some(
    (one) =>
      one === ALL || one === combined || (subresource !== '' && one === `${ALL}/${subresource}`),
  );
}

const urlMatches = (pattern: string, path: string): boolean =>
  pattern === ALL ||
  pattern === path ||
  (pattern.endsWith(ALL) && path.startsWith(pattern.replace(/\*+$/, '')));

const hasOrAll = (values: readonly string[] | undefined, wanted: string): boolean =>
  values?.includes(ALL) === true || values?.includes(wanted) === true;

const hasAll = (held: readonly string[] | undefined, wanted: readonly string[]): boolean =>
  held?.includes(ALL) === true || hasEvery(held ?? [], wanted);

const hasEvery = (held: readonly string[], wanted: readonly string[]): boolean =>
  wanted.every((one) => held.includes(one));
