/**
 * Paths into a schema as rules' `fieldPath` and selectable fields write them: `.spec.a['b.c']`. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/cel/validation.go (grammar, words).
 */
import type { JsonSchema } from '../../apis/apiextensions/types.ts';
import { isSchema } from './pruning.ts';

export type FollowedPath =
  | {
      readonly schema: JsonSchema;
      /** As messages show it: `spec.a.b`, with the keys of maps in brackets. Without a leading dot. */
      readonly shown: string;
      readonly problem?: undefined;
    }
  | { readonly schema?: undefined; readonly problem: string };

/** @param options.allowsBrackets @default true */
export function followFieldPath(
  path: string,
  root: JsonSchema,
  options: { readonly allowsBrackets?: boolean } = {},
): FollowedPath {
  const { allowsBrackets = true } = options;
  let schema = root;
  let shown = '';
  const tokens = tokensOf(path);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    let key: string;
    if (token === '.') {
      const name = tokens[++i];
      if (name === undefined) return { problem: 'unexpected end of JSON path' };
      key = name;
    } else if (token === '[') {
      if (!allowsBrackets) return { problem: 'array notation is not allowed' };
      const quoted = tokens[++i];
      if (quoted === undefined) return { problem: 'unexpected end of JSON path' };
      if (!/^'.*'$/s.test(quoted) || quoted.length < 2)
        return { problem: `expected single quoted string but got ${quoted}` };
      key = quoted.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
      const closing = tokens[++i];
      if (closing === undefined) return { problem: 'unexpected end of JSON path' };
      if (closing !== ']') return { problem: `expected ] but got ${closing}` };
    } else return { problem: `expected [ or . but got: ${token}` };
    const { properties, additionalProperties } = schema;
    const property = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    const next =
      property ??
      (!properties && isSchema(additionalProperties) ? additionalProperties : undefined);
    if (!next) return { problem: 'does not refer to a valid field' };
    shown += property ? `${shown === '' ? '' : '.'}${key}` : `[${key}]`;
    schema = next;
  }
  return { schema, shown };
}

/** Delimiters, quoted texts and what lies between them. */
const tokensOf = (path: string): readonly string[] =>
  path.match(/[.[\]]|'(?:\\.|[^'\\])*'|[^.[\]]+/gs) ?? [];
