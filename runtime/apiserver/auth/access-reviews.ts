/**
 * The questions of authorization.k8s.io and authentication.k8s.io: may I, may they, what may I, who
 * am I, whose token is this. Source: k8s.io/kubernetes pkg/registry/{authorization,authentication}.
 */
import { AUTHENTICATION_GROUP } from '../../apis/authentication/definitions.ts';
import { AUTHORIZATION_GROUP } from '../../apis/authorization/definitions.ts';
import type { Clock } from '../../std/clock.ts';
import type { QuestionHandler } from '../api-response.ts';
import { requireBody, type ApiRequest } from '../api-request.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import type { Resource } from '../kind-registry.ts';
import { formatTime } from '../object-rules.ts';
import { StatusError, type StatusCause } from '../status-error.ts';
import type { Authorizer } from './rbac-authorizer.ts';
import type { RequestAttributes } from './request-attributes.ts';
import { TOKEN_ISSUER, type VerifiedToken } from './service-account-tokens.ts';
import type { UserInfo } from './user-info.ts';

/** Whose token it is, for one of the audiences. */
export type TokenVerifier = (
  token: string,
  audiences: readonly string[],
) => Promise<VerifiedToken | undefined>;

/** Handlers by `plural.group`. */
export function makeAccessReviews(
  authorizer: Authorizer,
  verifyToken: TokenVerifier,
  clock: Clock,
): ReadonlyMap<string, QuestionHandler> {
  const decide = (user: UserInfo, attributes: RequestAttributes): object => {
    const { isAllowed, reason } = authorizer.authorize(user, attributes);
    return { allowed: isAllowed, ...(reason === '' ? {} : { reason }) };
  };

  const selfSubjectAccessReview: QuestionHandler = (request, resource) => {
    const body = readBody(request, resource);
    const attributes = readAttributes(resource, body.spec, []);
    return answer(resource, { ...body, status: decide(request.user, attributes) });
  };

  const subjectAccessReview: QuestionHandler = (request, resource, namespace) => {
    const body = readBody(request, resource);
    const causes: StatusCause[] = [];
    const user = readSubject(body.spec, causes);
    if (namespace !== '') causes.push(...localProblems(body.spec, namespace));
    const attributes = readAttributes(resource, body.spec, causes);
    return answer(resource, { ...body, status: decide(user, attributes) });
  };

  const selfSubjectRulesReview: QuestionHandler = (request, resource) => {
    const { spec } = readBody(request, resource);
    const { namespace } = spec;
    if (typeof namespace !== 'string' || namespace === '')
      throw StatusError.badRequest('no namespace on request');
    const { rules, errors } = authorizer.rulesFor(request.user, namespace);
    const status = {
      resourceRules: rules
        .filter(({ resources }) => resources?.length)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames?.length ? { resourceNames } : {}),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
      ...(errors.length === 0 ? {} : { evaluationError: errors.join(', ') }),
    };
    return answer(resource, { metadata: {}, spec: {}, status });
  };

  const selfSubjectReview: QuestionHandler = (request, resource) => {
    readBody(request, resource);
    const creationTimestamp = formatTime(clock.now());
    const status = { userInfo: describeUser(request.user) };
    return answer(resource, { metadata: { creationTimestamp }, status });
  };

  const tokenReview: QuestionHandler = async (request, resource) => {
    const body = readBody(request, resource);
    const { token, audiences } = body.spec;
    if (typeof token !== 'string' || token === '')
      throw StatusError.badRequest('token is required for TokenReview in authentication');
    const wanted = Array.isArray(audiences) && audiences.length > 0 ? audiences : [TOKEN_ISSUER];
    const found = await verifyToken(token, wanted.map(String));
    const status = found
      ? { authenticated: true, user: describeUser(found.user), audiences: found.audiences }
      : { user: {}, error: 'invalid bearer token' };
    return answer(resource, { ...body, status });
  };

  return new Map([
    [`selfsubjectaccessreviews.${AUTHORIZATION_GROUP}`, selfSubjectAccessReview],
    [`subjectaccessreviews.${AUTHORIZATION_GROUP}`, subjectAccessReview],
    [`localsubjectaccessreviews.${AUTHORIZATION_GROUP}`, subjectAccessReview],
    [`selfsubjectrulesreviews.${AUTHORIZATION_GROUP}`, selfSubjectRulesReview],
    [`selfsubjectreviews.${AUTHENTICATION_GROUP}`, selfSubjectReview],
    [`tokenreviews.${AUTHENTICATION_GROUP}`, tokenReview],
  ]);
}

interface ReviewBody {
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

function readBody(request: ApiRequest, resource: Resource): ReviewBody {
  const body = requireBody(request, resource) as JsonObject;
  const { apiVersion = resource.apiVersion, kind = resource.kind } = body;
  if (apiVersion !== resource.apiVersion)
    throw StatusError.badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
    );
  if (kind !== resource.kind)
    throw StatusError.badRequest(
      `${String(kind)} in version "${resource.version}" cannot be handled as a ${resource.kind}: converting (${resource.version}.${String(kind)}) to (${resource.group.split('.')[0]}.${resource.kind}): unknown conversion`,
    );
  return {
    metadata: isJsonObject(body['metadata']) ? body['metadata'] : {},
    spec: isJsonObject(body['spec']) ? body['spec'] : {},
  };
}

const answer = ({ kind, apiVersion }: Resource, body: object): ReturnType<QuestionHandler> => ({
  type: 'json',
  code: 201,
  body: { kind, apiVersion, ...body },
});

/** @param causes what else is wrong with the spec; all problems are told at once. */
function readAttributes(
  resource: Resource,
  spec: JsonObject,
  causes: readonly StatusCause[],
): RequestAttributes {
  const ofResource = spec['resourceAttributes'];
  const ofPath = spec['nonResourceAttributes'];
  const problems = [...causes];
  if (isJsonObject(ofResource) && isJsonObject(ofPath))
    problems.push(
      invalidField(
        'spec.nonResourceAttributes',
        printPath(ofPath),
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  else if (!isJsonObject(ofResource) && !isJsonObject(ofPath))
    problems.push(
      invalidField(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (isJsonObject(ofResource)) problems.push(...selectorProblems(ofResource));
  if (problems.length > 0) throw refusal(resource, problems);
  if (!isJsonObject(ofResource)) {
    const path = isJsonObject(ofPath) ? ofPath : {};
    return { isResource: false, verb: text(path['verb']), path: text(path['path']) };
  }
  return {
    isResource: true,
    verb: text(ofResource['verb']),
    group: text(ofResource['group']),
    resource: text(ofResource['resource']),
    subresource: text(ofResource['subresource']),
    namespace: text(ofResource['namespace']),
    name: text(ofResource['name']),
  };
}

function readSubject(spec: JsonObject, causes: StatusCause[]): UserInfo {
  const name = text(spec['user']);
  const groups = Array.isArray(spec['groups']) ? spec['groups'].map(String) : [];
  if (name === '' && groups.length === 0)
    causes.push(invalidField('spec.user', '', 'at least one of user or group must be specified'));
  return { name, groups, ...(spec['uid'] ? { uid: text(spec['uid']) } : {}) };
}

function localProblems(spec: JsonObject, namespace: string): StatusCause[] {
  const attributes = spec['resourceAttributes'];
  if (isJsonObject(spec['nonResourceAttributes']))
    return [
      invalidField(
        'spec.nonResourceAttributes',
        printPath(spec['nonResourceAttributes']),
        'disallowed on this kind of request',
      ),
    ];
  if (!isJsonObject(attributes) || text(attributes['namespace']) === namespace) return [];
  return [
    invalidField(
      'spec.resourceAttributes.namespace',
      text(attributes['namespace']),
      'must match metadata.namespace',
    ),
  ];
}

/** A selector is a text or a list of requirements. */
const selectorProblems = (attributes: JsonObject): StatusCause[] =>
  ['labelSelector', 'fieldSelector'].flatMap((field) => {
    const selector = attributes[field];
    if (!isJsonObject(selector) || !selector['rawSelector'] || !selector['requirements']) return [];
    return [
      invalidField(
        `spec.resourceAttributes.${field}.rawSelector`,
        selector['rawSelector'],
        'may not specified at the same time as requirements',
      ),
    ];
  });

/** As upstream, which names the group of a question but not its kind. */
function refusal({ group }: Resource, causes: readonly StatusCause[]): StatusError {
  const { message, details, ...rest } = StatusError.invalid({ group, kind: '' }, '', causes).status;
  const { kind: _kind, ...others } = details ?? {};
  return new StatusError({ ...rest, message: message ?? '', details: others });
}

/** As upstream prints its own type. */
const printPath = (ofPath: JsonObject): JsonObject => ({
  Path: text(ofPath['path']),
  Verb: text(ofPath['verb']),
});

const invalidField = (field: string, value: unknown, rule: string): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${rule}`,
  field,
});

const describeUser = ({ name, uid, groups, extra }: UserInfo): object => ({
  username: name,
  ...(uid ? { uid } : {}),
  groups,
  ...(extra ? { extra } : {}),
});

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
