/**
 * The conversation with an admission webhook as data: the question, what counts as an answer, and
 * how a refusal reads. Pure. Versions v1 and v1beta1, whose documents differ in name alone.
 * Source: k8s.io/apiserver pkg/admission/plugin/webhook/{request,errors} (behaviour, words).
 */
import type { Webhook } from '../../apis/admissionregistration/types.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import type { Resource } from '../kind-registry.ts';
import { StatusError } from '../status-error.ts';
import type { AdmissionRequest } from './admission-chain.ts';

const REVIEW_GROUP = 'admission.k8s.io';
const META_VERSION = 'meta.k8s.io/v1';

const optionsKinds = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
  CONNECT: undefined,
} as const;

/** A hook that is to be called, in the version of the resource that its rules name. */
export interface Invocation {
  readonly hook: Webhook;
  readonly resource: Resource;
}

/** @throws {Error} when the hook speaks no version that this server speaks. */
export function makeReview(
  request: AdmissionRequest,
  { hook, resource: matched }: Invocation,
  uid: string,
): JsonObject {
  const version = hook.admissionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1');
  if (version === undefined)
    throw new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)');
  const { resource, subresource, name, operation, user, object, oldObject } = request;
  const optionsKind = optionsKinds[operation];
  const inVersion = (value: AdmissionRequest['object']): unknown => {
    if (value === undefined) return null;
    // Of a CRD's kind the caller has converted it: a new label would be a lie about its schema.
    if (value.kind !== resource.kind) return value;
    return value.apiVersion === matched.apiVersion
      ? value
      : { ...value, apiVersion: matched.apiVersion };
  };
  return {
    kind: 'AdmissionReview',
    apiVersion: `${REVIEW_GROUP}/${version}`,
    request: {
      uid,
      kind: kindOf(request, matched),
      resource: resourceOf(matched),
      ...(subresource === undefined ? {} : { subResource: subresource }),
      requestKind: kindOf(request, resource),
      requestResource: resourceOf(resource),
      ...(subresource === undefined ? {} : { requestSubResource: subresource }),
      ...(name === '' ? {} : { name }),
      ...(namespaceOf(request) === '' ? {} : { namespace: namespaceOf(request) }),
      operation,
      userInfo: {
        username: user.name,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object: inVersion(object),
      oldObject: inVersion(oldObject),
      dryRun: request.dryRun,
      options:
        optionsKind === undefined
          ? null
          : { kind: optionsKind, apiVersion: META_VERSION, ...request.options },
    },
  };
}

/** The namespace that selectors and rules see: of a Namespace, its own. */
export const namespaceOf = ({ resource, namespace, name }: AdmissionRequest): string =>
  resource.storeName === '/namespaces' ? name : namespace;

/** The object of a subresource has a kind of its own, such as Scale; else it is the resource's. */
function kindOf({ object, oldObject, resource }: AdmissionRequest, shown: Resource): JsonObject {
  const subject = object ?? oldObject;
  if (!subject || subject.kind === resource.kind)
    return { group: shown.group, version: shown.version, kind: shown.kind };
  const slash = subject.apiVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : subject.apiVersion.slice(0, slash),
    version: subject.apiVersion.slice(slash + 1),
    kind: subject.kind,
  };
}

const resourceOf = ({ group, version, plural }: Resource): JsonObject => ({
  group,
  version,
  resource: plural,
});

export interface ReviewAnswer {
  readonly isAllowed: boolean;
  /** The `Status` of a refusal, as the webhook sent it. */
  readonly result: JsonObject | undefined;
  /** Base64 of a JSON patch; undefined when nothing is to change. */
  readonly patch: string | undefined;
  readonly warnings: readonly string[];
}

/** @throws {Error} when it is no answer to this question. */
export function readAnswer(
  answer: unknown,
  expected: { readonly apiVersion: string; readonly uid: string; readonly isMutating: boolean },
): ReviewAnswer {
  const review = isJsonObject(answer) ? answer : {};
  const { response } = review;
  if (!isJsonObject(response)) throw new Error('webhook response was absent');
  const isStrict = expected.apiVersion.endsWith('/v1');
  const { uid, patch, patchType, allowed, status, warnings } = response;
  if (isStrict && uid !== expected.uid)
    throw new Error(
      `expected response.uid=${JSON.stringify(expected.uid)}, got ${JSON.stringify(uid ?? '')}`,
    );
  if (
    isStrict &&
    (review['apiVersion'] !== expected.apiVersion || review['kind'] !== 'AdmissionReview')
  )
    throw new Error(
      `expected webhook response of ${formatKind(expected.apiVersion, 'AdmissionReview')}, got ${formatKind(review['apiVersion'], review['kind'])}`,
    );
  const hasPatch = typeof patch === 'string' && patch !== '';
  if (isStrict) assertPatchFits({ hasPatch, patchType, isMutating: expected.isMutating });
  return {
    isAllowed: allowed === true,
    result: isJsonObject(status) ? status : undefined,
    patch: hasPatch && expected.isMutating ? patch : undefined,
    warnings: Array.isArray(warnings) ? warnings.filter((text) => typeof text === 'string') : [],
  };
}

function assertPatchFits(given: {
  readonly hasPatch: boolean;
  readonly patchType: unknown;
  readonly isMutating: boolean;
}): void {
  const { hasPatch, patchType, isMutating } = given;
  const hasType = patchType !== undefined && patchType !== null;
  if (!isMutating) {
    if (hasPatch) throw new Error('validating webhook may not return response.patch');
    if (hasType) throw new Error('validating webhook may not return response.patchType');
    return;
  }
  if (hasPatch && !hasType)
    throw new Error('webhook returned response.patch but not response.patchType');
  if (!hasPatch && hasType)
    throw new Error('webhook returned response.patchType but not response.patch');
  if (hasType && patchType !== 'JSONPatch')
    throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
}

function formatKind(apiVersion: unknown, kind: unknown): string {
  const text = typeof apiVersion === 'string' ? apiVersion : '';
  return `${text}, Kind=${typeof kind === 'string' ? kind : ''}`;
}

/** What a client sees of a webhook's refusal: never a success, whatever the webhook's `Status` says. */
export function makeDenial(webhookName: string, result: JsonObject | undefined): StatusError {
  const { code, message, reason, details } = result ?? {};
  const deniedBy = `admission webhook ${JSON.stringify(webhookName)} denied the request`;
  const text = typeof message === 'string' ? message : '';
  const reasonText = typeof reason === 'string' ? reason : '';
  return new StatusError({
    code: typeof code === 'number' && code >= 400 && code <= 599 ? code : 400,
    reason: reasonText,
    message:
      text !== ''
        ? `${deniedBy}: ${text}`
        : reasonText !== ''
          ? `${deniedBy}: ${reasonText}`
          : `${deniedBy} without explanation`,
    ...(isJsonObject(details) ? { details } : {}),
  });
}

export const dryRunUnsupported = (webhookName: string): StatusError =>
  StatusError.badRequest(
    `admission webhook ${JSON.stringify(webhookName)} does not support dry run`,
  );
