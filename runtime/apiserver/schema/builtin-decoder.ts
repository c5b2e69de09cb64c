/**
 * The decoder of objects from outside: built-in kinds by the tables, other kinds by the decoder of
 * their definitions. Says what a request with `fieldValidation` asks for: nothing, warnings, or a
 * refusal. Source: k8s.io/apiserver pkg/endpoints/handlers create.go, patch.go (behaviour, texts).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { findKindSchema, isBuiltinKind } from '../../apis/schema/type-table.ts';
import type { JsonObject } from '../json-value.ts';
import type { Resource } from '../kind-registry.ts';
import { asWarnings, type DecodeOptions, type ObjectDecoder } from '../object-decoder.ts';
import { invalidPatch, StatusError } from '../status-error.ts';
import { DecodeError, decodeObject } from './decode-value.ts';

/** As upstream: nobody reads more. */
const PROBLEMS_MAX = 100;

/** @param custom decodes kinds that are not built in; left out: they are taken as they are. */
export const makeSchemaDecoder = (custom: ObjectDecoder | undefined): ObjectDecoder => ({
  decode(resource, object, options) {
    const { apiVersion, kind } = resource;
    if (!isBuiltinKind(apiVersion, kind)) {
      if (custom) return custom.decode(resource, object, options);
      reportProblems(resource, object, options.parseProblems, options);
      return object;
    }
    return decodeBuiltin(resource, object, options);
  },
});

function decodeBuiltin(resource: Resource, object: KubeObject, options: DecodeOptions): KubeObject {
  const schema = findKindSchema(resource.apiVersion, resource.kind);
  if (!schema) return object;
  const unknown: string[] = [];
  let decoded: KubeObject;
  try {
    decoded = decodeObject(
      schema,
      object as unknown as JsonObject,
      unknown,
    ) as unknown as KubeObject;
  } catch (error) {
    if (error instanceof DecodeError)
      throw refusal(resource, object, problemOf(error, options), options);
    throw error;
  }
  const problems = [
    ...options.parseProblems,
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  reportProblems(resource, object, problems, options);
  const { managedFields } = object.metadata;
  // Empty is not the same as absent here: it asks for the record to be dropped.
  if (Array.isArray(managedFields) && managedFields.length === 0)
    decoded.metadata.managedFields = managedFields;
  return { ...decoded, apiVersion: object.apiVersion, kind: object.kind };
}

/** @throws {StatusError} when the request wants to be refused for them. */
export function reportProblems(
  resource: Resource,
  object: KubeObject,
  problems: readonly string[],
  options: DecodeOptions,
): void {
  if (problems.length === 0 || options.fieldValidation === 'Ignore') return;
  const told = [...new Set(problems)].slice(0, PROBLEMS_MAX);
  if (options.fieldValidation === 'Warn') options.warnings.push(...asWarnings(told));
  else throw refusal(resource, object, `strict decoding error: ${told.join(', ')}`, options);
}

function refusal(
  { kind, version }: Resource,
  object: KubeObject,
  problem: string,
  { source, shown }: DecodeOptions,
): StatusError {
  if (source !== 'patch')
    return StatusError.badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${problem}`,
    );
  return invalidPatch(shown?.() ?? JSON.stringify(object), problem);
}

const problemOf = (error: DecodeError, { isConverted }: DecodeOptions): string =>
  isConverted ? (error.converterMessage ?? error.message) : error.message;
