/**
 * Whether a version of a definition can be served by its schema: structural, with nothing that a CRD
 * may not use, with defaults that are values of it, and with rules that compile and can be afforded.
 * Later steps rely on earlier ones, as in upstream's order. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (order, words).
 */
import type { JsonSchema, ValidationRule } from '../../apis/apiextensions/types.ts';
import { forbiddenField, invalidField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { compileNode } from './cel-compile.ts';
import { findOpenApiErrors } from './openapi-schema-rules.ts';
import { isSchema } from './pruning.ts';
import { findDefaultErrors } from './schema-defaults.ts';
import { findStructuralErrors, isSingle } from './structural-rules.ts';
import { isKnownFormat } from './value-formats.ts';

/** Deeper schemas are refused: every walk over them is recursive, and nobody's are this deep. */
const SCHEMA_DEPTH_MAX = 100;

/** All problems of one version's schema; empty when it can be served. */
export function validateSchema(schema: JsonSchema, path: string): FieldError[] {
  const malformed = findMalformed(schema, path, 0);
  if (malformed) return [malformed];
  const errors: FieldError[] = [];
  if (schema.nullable === true)
    errors.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  const structural = findStructuralErrors(schema, path);
  const unsound = structural.length > 0 ? structural : findDefaultErrors(schema, path);
  errors.push(...unsound);
  const open = findOpenApiErrors(schema, path);
  errors.push(...open);
  // Rules are typed by the schema around them: they are compiled only against a sound one.
  if (unsound.length === 0 && open.length === 0)
    findRuleErrors(schema, { path, isRoot: true, incomparable: undefined }, errors);
  return errors;
}

/** What the walks below could not survive. */
function findMalformed(schema: unknown, path: string, depth: number): FieldError | undefined {
  if (typeof schema !== 'object' || schema === null)
    return invalidField(path, schema, 'must be a schema');
  if (depth > SCHEMA_DEPTH_MAX)
    return forbiddenField(path, `must not be nested deeper than ${SCHEMA_DEPTH_MAX} levels`);
  const { properties, items, additionalProperties, not, allOf, anyOf, oneOf } =
    schema as JsonSchema;
  const parts: (readonly [string, unknown])[] = [
    ...Object.entries(properties ?? {}).map(
      ([key, property]) => [`properties[${key}]`, property] as const,
    ),
    ...(isSingle(items) ? [['items', items] as const] : []),
    ...(typeof additionalProperties === 'object'
      ? [['additionalProperties', additionalProperties] as const]
      : []),
    ...(not ? [['not', not] as const] : []),
  ];
  for (const [name, list] of Object.entries({ allOf, anyOf, oneOf })) {
    if (list === undefined || list === null) continue;
    if (!Array.isArray(list)) return invalidField(`${path}.${name}`, list, 'must be a list');
    parts.push(...list.map((part, index) => [`${name}[${index}]`, part] as const));
  }
  for (const [name, part] of parts) {
    const found = findMalformed(part, `${path}.${name}`, depth + 1);
    if (found) return found;
  }
  return undefined;
}

interface RulePlace {
  readonly path: string;
  readonly isRoot: boolean;
  /** The nearest schema around whose values nobody can tell from those before. */
  readonly incomparable: string | undefined;
}

function findRuleErrors(schema: JsonSchema, place: RulePlace, errors: FieldError[]): void {
  const { path, incomparable } = place;
  const inside = (name: string, isComparable: boolean): RulePlace => ({
    path: `${path}.${name}`,
    isRoot: false,
    incomparable: incomparable ?? (isComparable ? undefined : path),
  });
  const { items, properties, additionalProperties } = schema;
  if (isSchema(additionalProperties))
    findRuleErrors(additionalProperties, inside('additionalProperties', true), errors);
  const isGranular = schema['x-kubernetes-map-type'] !== 'atomic';
  for (const [key, property] of Object.entries(properties ?? {}))
    findRuleErrors(property, inside(`properties[${key}]`, isGranular), errors);
  if (isSingle(items)) {
    const isMap = schema['x-kubernetes-list-type'] === 'map';
    findRuleErrors(items, inside('items', isMap), errors);
  }
  if (!schema['x-kubernetes-validations']) return;
  for (const [index, compiled] of compileNode(schema, place.isRoot).rules.entries()) {
    const { rule, problem, messageProblem, usesOldSelf } = compiled;
    const at = `${path}.x-kubernetes-validations[${index}]`;
    if (problem !== undefined) errors.push(invalidField(`${at}.rule`, describeRule(rule), problem));
    if (messageProblem !== undefined)
      errors.push(invalidField(`${at}.messageExpression`, describeRule(rule), messageProblem));
    if (usesOldSelf && incomparable !== undefined)
      errors.push(
        invalidField(
          `${at}.rule`,
          rule.rule,
          `oldSelf cannot be used on the uncorrelatable portion of the schema within ${incomparable}`,
        ),
      );
    else if (!usesOldSelf && rule.optionalOldSelf !== undefined)
      errors.push(
        invalidField(
          `${at}.optionalOldSelf`,
          rule.optionalOldSelf,
          'may not be set if oldSelf is not used in rule',
        ),
      );
  }
}

/** A rule as upstream's messages print it. */
const describeRule = (rule: ValidationRule): object => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
});

/** Formats that no value is checked by, in the order of the schema; what a client should be told. */
export function findUnknownFormats(schema: JsonSchema, found: string[] = []): readonly string[] {
  const { format, items, properties, additionalProperties, allOf, anyOf, oneOf, not } = schema;
  if (format && !isKnownFormat(format) && !found.includes(format)) found.push(format);
  const parts = [...(allOf ?? []), ...(anyOf ?? []), ...(oneOf ?? []), ...(not ? [not] : [])];
  for (const part of [...Object.values(properties ?? {}), ...parts])
    findUnknownFormats(part, found);
  if (isSingle(items)) findUnknownFormats(items, found);
  if (isSchema(additionalProperties)) findUnknownFormats(additionalProperties, found);
  return found;
}
