/**
 * What an API server must know of gateway.networking.k8s.io: HTTPRoute, and the Gateways and GatewayClasses
 * that routes name. v1beta1 has the same fields as v1. Source: Gateway API v1 (rules of its schema).
 */
import type { FieldError } from '../meta/field-error.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { gatewayClassDefinition, gatewayDefinition } from './gateway-rules.ts';
import type { HTTPRoute, HTTPRouteRule } from './types.ts';
import { httpRouteKind } from './types.ts';

const RULES_MAX = 16;
const MATCHES_MAX = 64;
const HOSTNAMES_MAX = 16;
const WEIGHT_MAX = 1_000_000;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const pathTypes = ['Exact', 'PathPrefix', 'RegularExpression'];
const hostnamePattern = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const httpRoute: KindDefinition<HTTPRoute> = {
  ...httpRouteKind,
  singular: 'httproute',
  categories: ['gateway-api'],
  hasStatus: true,
  columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }],
  applyDefaults(object) {
    if (typeof object.spec !== 'object' || object.spec === null) return { ...object, spec: {} };
    const { rules } = object.spec;
    if (!Array.isArray(rules)) return object;
    return { ...object, spec: { ...object.spec, rules: rules.map(defaultRule) } };
  },
  validate(object) {
    const { hostnames = [], rules = [] } = object.spec;
    const errors: FieldError[] = [];
    if (hostnames.length > HOSTNAMES_MAX)
      errors.push(tooMany('spec.hostnames', hostnames.length, HOSTNAMES_MAX));
    hostnames.forEach((hostname, index) => {
      if (!hostnamePattern.test(hostname))
        errors.push({ message: `invalid value: ${hostname}`, paths: [`spec.hostnames[${index}]`] });
    });
    if (rules.length > RULES_MAX) errors.push(tooMany('spec.rules', rules.length, RULES_MAX));
    rules.forEach((rule, index) => errors.push(...validateRule(rule, `spec.rules[${index}]`)));
    return errors;
  },
};

/** The stored version first. */
const inBothVersions = (definition: KindDefinition): KindDefinition[] => [
  definition,
  { ...definition, version: 'v1beta1' },
];

export const gatewayDefinitions: readonly KindDefinition[] = [
  ...inBothVersions(httpRoute as unknown as KindDefinition),
  ...inBothVersions(gatewayDefinition as unknown as KindDefinition),
  ...inBothVersions(gatewayClassDefinition as unknown as KindDefinition),
];

const tooMany = (path: string, count: number, max: number): FieldError => ({
  message: `expected 0 <= ${count} <= ${max}`,
  paths: [path],
  details: 'too many items',
});

/** A rule without a match takes every path. */
function defaultRule(rule: HTTPRouteRule): HTTPRouteRule {
  const matches = (rule.matches ?? [{}]).map((match) => ({
    ...match,
    path: {
      ...match.path,
      type: match.path?.type ?? ('PathPrefix' as const),
      value: match.path?.value ?? '/',
    },
  }));
  const backendRefs = rule.backendRefs?.map((backend) => ({
    ...backend,
    kind: backend.kind ?? 'Service',
    weight: backend.weight ?? 1,
  }));
  return { ...rule, matches, ...(backendRefs === undefined ? {} : { backendRefs }) };
}

function validateRule(rule: HTTPRouteRule, path: string): FieldError[] {
  const { matches = [], backendRefs = [] } = rule;
  const errors: FieldError[] = [];
  if (matches.length > MATCHES_MAX)
    errors.push(tooMany(`${path}.matches`, matches.length, MATCHES_MAX));
  matches.forEach((match, index) => {
    const where = `${path}.matches[${index}]`;
    if (match.method !== undefined && !methods.includes(match.method))
      errors.push({ message: `invalid value: ${match.method}`, paths: [`${where}.method`] });
    const { type = 'PathPrefix', value = '/' } = match.path ?? {};
    if (!pathTypes.includes(type))
      errors.push({ message: `invalid value: ${type}`, paths: [`${where}.path.type`] });
    if (type !== 'RegularExpression' && !value.startsWith('/'))
      errors.push({
        message: `invalid value: ${value}`,
        paths: [`${where}.path.value`],
        details: 'must start with /',
      });
  });
  backendRefs.forEach(({ weight = 1 }, index) => {
    if (!Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX)
      errors.push({
        message: `expected 0 <= ${weight} <= ${WEIGHT_MAX}`,
        paths: [`${path}.backendRefs[${index}].weight`],
      });
  });
  return errors;
}
