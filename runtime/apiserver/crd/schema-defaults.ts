/**
 * Whether the defaults of a schema are values of it: pruned, valid, and whole API objects where such
 * are embedded. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go (rules, words).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { invalidField } from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { runRules } from './cel-rules.ts';
import { validateEmbedded } from './embedded-objects.ts';
import { pruneObject } from './pruning.ts';
import { isSingle } from './structural-rules.ts';
import { validateValue } from './validate-value.ts';

/** Defaults inside of additionalProperties stand for no value in particular, and are not looked at. */
export function findDefaultErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { default: value, ...rest } = schema;
  // What stands at the root is an API object, whether its schema says so or not.
  if (value !== undefined)
    errors.push(
      ...judgeDefault(
        { ...rest, default: value, 'x-kubernetes-embedded-resource': true },
        `${path}.default`,
      ),
    );
  collect(rest, path, errors);
  return errors;
}

function collect(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (schema.default !== undefined) errors.push(...judgeDefault(schema, `${path}.default`));
  if (isSingle(schema.items)) collect(schema.items, `${path}.items`, errors);
  for (const [key, property] of Object.entries(schema.properties ?? {}))
    collect(property, `${path}.properties[${key}]`, errors);
}

function judgeDefault(schema: JsonSchema, path: string): FieldError[] {
  const { default: value } = schema;
  const errors: FieldError[] = [];
  const removed: string[] = [];
  // Wrapped, so that the default is pruned as the field that it will be.
  const wrapper = { properties: { default: schema }, type: 'object' };
  pruneObject({ default: value }, wrapper, removed);
  if (removed.length > 0) errors.push(invalidField(path, value, 'must not have unknown fields'));
  const embedded = validateEmbedded(value, schema, path);
  if (embedded.length > 0) return [...errors, ...embedded];
  const found = validateValue(value, schema);
  const judged = found.length > 0 ? found : runRules(value, undefined, schema);
  // A default has no place in a body, which shows in upstream's messages as a gap.
  for (const error of judged)
    errors.push({
      ...error,
      message: error.message.replace(/: in body /, ':  in body '),
      paths: error.paths.map((inner) =>
        inner === '' ? path : inner.startsWith('[') ? `${path}${inner}` : `${path}.${inner}`,
      ),
    });
  return errors;
}
