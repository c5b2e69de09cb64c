/**
 * A request as the handler sees it, and what is read from its query, body and media type. Pure.
 */
import type { UserInfo } from './auth/user-info.ts';
import type { UnreadableBody } from './codec/body-codec.ts';
import { parseFieldSelector } from './field-selector.ts';
import { jsonTypeOf } from './go-value.ts';
import { isJsonObject } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { parseLabelSelector } from './label-selector.ts';
import { isBuiltinGroup } from './patch/merge-schema.ts';
import { ENVELOPE_TYPE, summarize } from './object-body.ts';
import { isTrue } from './query-flag.ts';
import { parseWriteOptions, type OptionsKind } from './request-options.ts';
import { StatusError, type StatusCause } from './status-error.ts';
import type { Rendering } from './table.ts';
import type { ObjectFilter } from './watch.ts';
import type { PatchRequest, PatchType, WriteContext } from './write-context.ts';

export interface ApiRequest {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON that nobody else holds, or undefined. */
  readonly body: unknown;
  /** `body` is undefined because the bytes are no JSON. */
  readonly unreadable?: UnreadableBody;
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

/** What a kind of a CRD takes. */
const customPatchTypes = Object.keys(patchTypes).filter((type) => patchTypes[type] !== 'strategic');

/** Told apart before anything else of a PATCH. */
export const isPatchType = (contentType: string): boolean => Object.hasOwn(patchTypes, contentType);

const optionsKinds: Readonly<Record<string, OptionsKind>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

/** @throws {StatusError} 422 */
export function writeContext(request: ApiRequest): WriteContext {
  const { query, user, defaultFieldManager, mustBeDurable, parseProblems, warnings } = request;
  const context = { user, mustBeDurable, parseProblems, warnings };
  if (request.isTrusted)
    return {
      ...context,
      fieldManager: query['fieldManager'] || defaultFieldManager,
      dryRun: query['dryRun'] === 'All',
      fieldValidation: undefined,
    };
  const kind = optionsKinds[request.method] ?? 'UpdateOptions';
  const options = parseWriteOptions(query, kind, patchCauses(request));
  return {
    ...context,
    fieldManager: options.fieldManager ?? defaultFieldManager,
    dryRun: options.dryRun,
    fieldValidation: options.fieldValidation,
  };
}

/** Options that belong to applies alone, and the one that they must have. */
function patchCauses({ method, contentType, query }: ApiRequest): StatusCause[] {
  if (method !== 'PATCH') return [];
  if (patchTypes[contentType] === 'apply')
    return query['fieldManager']
      ? []
      : [
          {
            reason: 'FieldValueRequired',
            message: 'Required value: is required for apply patch',
            field: 'fieldManager',
          },
        ];
  return query['force'] === undefined
    ? []
    : [
        {
          reason: 'FieldValueForbidden',
          message: 'Forbidden: may not be specified for non-apply patch',
          field: 'force',
        },
      ];
}

/** The media types of whole objects; the codec has made JSON values of all of them. */
const objectTypes: readonly string[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];

/** @throws {StatusError} 400, 415 */
export function requireBody(request: ApiRequest, { kind }: { readonly kind: string }): unknown {
  const { body, contentType } = request;
  if (contentType !== '' && !objectTypes.includes(contentType))
    throw StatusError.unsupportedMediaType(objectTypes);
  // As upstream, where a null is an object with nothing set.
  if (body === null) return {};
  if (isJsonObject(body)) return body;
  if (body === undefined)
    throw unrecognized(kind, { problem: 'unexpected end of JSON input', text: '' });
  const problem = `json: cannot unmarshal ${jsonTypeOf(body)} into Go value of type ${ENVELOPE_TYPE}`;
  throw unrecognized(kind, { problem, text: JSON.stringify(body) });
}

const unrecognized = (kind: string, { problem, text }: UnreadableBody): StatusError =>
  StatusError.badRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${problem} (${summarize(text)})`,
  );

/** How a body that is no JSON is refused, by what it was to be. */
export function refuseUnreadable(
  { method, contentType }: ApiRequest,
  { kind }: { readonly kind: string },
  unreadable: UnreadableBody,
): StatusError {
  const { problem } = unreadable;
  if (method === 'DELETE')
    return StatusError.badRequest(`couldn't get version/kind; json parse error: ${problem}`);
  if (method !== 'PATCH') return unrecognized(kind, unreadable);
  if (patchTypes[contentType] === 'strategic') return StatusError.badRequest(problem);
  return StatusError.badRequest(`error decoding patch: ${problem}`);
}

export function readPatch(
  request: ApiRequest,
  resource: Resource,
  subresource: 'status' | undefined,
): PatchRequest {
  const type = Object.hasOwn(patchTypes, request.contentType)
    ? patchTypes[request.contentType]
    : undefined;
  if (!type) throw StatusError.unsupportedPatchType();
  // As upstream: only built-in kinds know how their lists merge.
  if (type === 'strategic' && !isBuiltinGroup(resource.group))
    throw resource.custom
      ? StatusError.unsupportedMediaType(customPatchTypes)
      : StatusError.unsupportedPatchType();
  if (request.body === undefined && type !== 'apply')
    throw StatusError.badRequest('error decoding patch: unexpected end of JSON input');
  return { type, body: request.body, subresource, force: isTrue(request.query['force']) };
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
