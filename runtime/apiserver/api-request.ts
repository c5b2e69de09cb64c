/**
 * A request as the handler sees it, and what is read from its query, body and media type. Pure.
 */
import type { UserInfo } from './auth/user-info.ts';
import { parseFieldSelector } from './field-selector.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { parseLabelSelector } from './label-selector.ts';
import { isDryRun } from './object-deleter.ts';
import type { FieldValidation } from './object-decoder.ts';
import type { PatchRequest, PatchType, WriteContext } from './object-writer.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { StatusError } from './status-error.ts';
import type { Rendering } from './table.ts';
import type { ObjectFilter } from './watch.ts';

export interface ApiRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON that nobody else holds, or undefined. */
  readonly body: unknown;
  /** Media type without parameters. */
  readonly contentType: string;
  readonly user: UserInfo;
  /** Owner of written fields where the query names none; see managed-fields.ts. */
  readonly defaultFieldManager: string | undefined;
  readonly rendering: Rendering;
  /** Acknowledge nothing before it is on disk, also of kinds that are written behind. */
  readonly mustBeDurable: boolean;
  /** Our own typed code's: its bodies are not held against a schema. */
  readonly isTrusted: boolean;
  /** Problems that the parser of the body found and got over, such as duplicate keys. */
  readonly parseProblems: readonly string[];
  /** Texts for `Warning` headers, of refusals too; whoever has something to say appends. */
  readonly warnings: string[];
  /** The client takes the aggregated form of discovery. */
  readonly wantsAggregatedDiscovery: boolean;
}

export const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function writeContext(request: ApiRequest): WriteContext {
  const { query, user, defaultFieldManager, mustBeDurable } = request;
  return {
    user,
    mustBeDurable,
    fieldManager: query['fieldManager'] || defaultFieldManager,
    dryRun: isDryRun(query['dryRun']),
    fieldValidation: request.isTrusted ? undefined : parseFieldValidation(query),
    parseProblems: request.parseProblems,
    warnings: request.warnings,
  };
}

function parseFieldValidation(query: ApiRequest['query']): FieldValidation {
  const value = query['fieldValidation'];
  if (!value) return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw StatusError.badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

export function requireBody({ body, contentType }: ApiRequest): unknown {
  if (contentType !== 'application/json' && contentType !== '')
    throw StatusError.unsupportedMediaType(['application/json']);
  if (!isJsonObject(body)) throw StatusError.badRequest('the request needs an object as its body');
  return body;
}

export function readPatch(
  request: ApiRequest,
  resource: Resource,
  subresource: 'status' | undefined,
): PatchRequest {
  const type = Object.hasOwn(patchTypes, request.contentType)
    ? patchTypes[request.contentType]
    : undefined;
  const accepted = Object.keys(patchTypes).filter(
    (name) => isBuiltinGroup(resource.group) || patchTypes[name] !== 'strategic',
  );
  if (!type || !accepted.includes(request.contentType))
    throw StatusError.unsupportedMediaType(accepted);
  if (request.body === undefined) throw StatusError.badRequest('the patch has no body');
  const force = isTrue(request.query['force']);
  if (force && type !== 'apply')
    throw StatusError.badRequest('force is allowed for apply patches only');
  if (type === 'apply' && !request.query['fieldManager'])
    throw StatusError.badRequest('fieldManager: Required value: is required for apply patch');
  return { type, body: request.body, subresource, force };
}

export function parseFilter(
  query: Readonly<Record<string, string>>,
  resource: Resource,
  namespace: string | undefined,
): ObjectFilter {
  return {
    namespace: resource.definition.namespaced ? namespace : undefined,
    labels: parseLabelSelector(query['labelSelector'] ?? ''),
    fields: parseFieldSelector(query['fieldSelector'] ?? '', resource),
  };
}

/** @throws {StatusError} 400 for anything but a whole number. */
export function parseNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw StatusError.badRequest(
      `${name}: Invalid value: ${JSON.stringify(text)}: must be a non-negative integer`,
    );
  return Number(text);
}

export const isTrue = (value: string | undefined): boolean => value === 'true' || value === '1';

export const invalidListOptions = (resource: Resource, problem: string): StatusError =>
  new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `ListOptions.meta.k8s.io "" is invalid: ${problem}`,
    details: {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ message: `${problem} (${resource.plural})` }],
    },
  });
