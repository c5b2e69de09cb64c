/**
 * The seam between a request's JSON and an object that the writer may keep: types are checked,
 * unknown fields refused, warned of or dropped. The rules are the schema's (see schema/); the
 * writer decides when they apply: to every body, and to what a patch leaves.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { Resource } from './kind-registry.ts';

/** What becomes of unknown and duplicate fields. Source: `fieldValidation` of the API. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface DecodeOptions {
  readonly fieldValidation: FieldValidation;
  /** Problems that the parser of the text found, such as duplicate keys. */
  readonly parseProblems: readonly string[];
  /** Texts for `Warning` headers; appended to. */
  readonly warnings: string[];
  /** `body`: as sent. `patch`: a stored object with a patch applied. `apply`: what an apply leaves. */
  readonly source: 'body' | 'patch' | 'apply';
  /** Of a patch: what a refusal shows as the invalid value. */
  readonly shown?: () => string;
  /** The object did not come as JSON text: wrong types are refused in other words. */
  readonly isConverted?: boolean;
}

export interface ObjectDecoder {
  /** @returns the object, or a copy without what does not belong. @throws {StatusError} 400 */
  decode(resource: Resource, object: KubeObject, options: DecodeOptions): KubeObject;
}

const YAML_PROBLEMS = 'yaml: unmarshal errors:\n';

/** A refusal tells what the YAML parser found as one text, warnings tell it line by line. */
export const asWarnings = (problems: readonly string[]): string[] =>
  problems.flatMap((problem) =>
    problem.startsWith(YAML_PROBLEMS)
      ? problem
          .slice(YAML_PROBLEMS.length)
          .split('\n')
          .map((line) => line.trim())
      : [problem],
  );
