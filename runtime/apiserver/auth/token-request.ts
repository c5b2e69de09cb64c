/**
 * `serviceaccounts/NAME/token`: a token for an account, with audiences, for a time, bound to a pod,
 * a secret or a node. Source: k8s.io/kubernetes pkg/registry/core/serviceaccount/storage/token.go.
 */
import { AUTHENTICATION_GROUP } from '../../apis/authentication/definitions.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { SubresourceHandler } from '../api-response.ts';
import { requireBody } from '../api-request.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import { formatTime } from '../object-rules.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import { TOKEN_ISSUER, type ServiceAccountTokens } from './service-account-tokens.ts';

const EXPIRATION_SECONDS_DEFAULT = 3_600;
const EXPIRATION_SECONDS_MIN = 600;
const EXPIRATION_SECONDS_MAX = 2 ** 32;
/** What pods ask for by themselves; upstream lets these live a year, for programs that read a token once. */
const POD_EXPIRATION_SECONDS = 3_607;
const EXTENDED_SECONDS = 365 * 24 * 3_600;

const tokenRequest = { group: AUTHENTICATION_GROUP, kind: 'TokenRequest' };

interface Bound {
  readonly pod?: KubeObject;
  readonly secret?: KubeObject;
  readonly node?: { readonly name: string; readonly uid?: string | undefined };
}

/** Answers a create with the request, its status filled in; the token is stored nowhere. */
export function makeTokenRequestHandler(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly tokens: ServiceAccountTokens;
}): SubresourceHandler {
  const { store, clock, tokens } = deps;
  return async (request, { resource, ref }) => {
    if (request.method !== 'POST') throw StatusError.methodNotAllowed();
    const body = requireBody(request, { kind: 'TokenRequest' }) as JsonObject;
    const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
    assertSame('name', metadata['name'], ref);
    assertSame('namespace', metadata['namespace'], ref);
    const account = store.get(resource.storeName, ref.namespace, ref.name);
    if (!account) throw StatusError.notFound(resource, ref.name);
    const { uid = '' } = account.metadata;
    if (metadata['uid'] && metadata['uid'] !== uid)
      throw StatusError.conflict(
        { group: AUTHENTICATION_GROUP, plural: 'TokenRequest' },
        ref.name,
        `the UID in the token request (${String(metadata['uid'])}) does not match the UID of the service account (${uid})`,
      );
    const spec = isJsonObject(body['spec']) ? body['spec'] : {};
    const audiences = readAudiences(spec['audiences']);
    const expirationSeconds = readExpiration(spec['expirationSeconds']);
    const bound = findBound(store, ref, spec['boundObjectRef']);
    const nowMs = clock.now();
    const isExtended =
      bound.pod !== undefined &&
      expirationSeconds === POD_EXPIRATION_SECONDS &&
      audiences.every((audience) => audience === TOKEN_ISSUER);
    const token = await tokens.issue({
      account,
      audiences,
      expirationSeconds: isExtended ? EXTENDED_SECONDS : expirationSeconds,
      ...bound,
    });
    return {
      type: 'json',
      code: 201,
      body: {
        kind: 'TokenRequest',
        apiVersion: `${AUTHENTICATION_GROUP}/v1`,
        metadata: { ...ref, uid, creationTimestamp: formatTime(nowMs) },
        spec: { boundObjectRef: null, ...spec, audiences, expirationSeconds },
        status: { token, expirationTimestamp: formatTime(nowMs + expirationSeconds * 1_000) },
      },
    };
  };
}

function assertSame(
  field: 'name' | 'namespace',
  value: unknown,
  ref: { readonly name: string; readonly namespace: string },
): void {
  if (!value || value === ref[field]) return;
  throw invalid(
    ref.name,
    `metadata.${field}`,
    `Invalid value: ${JSON.stringify(value)}: must match the service account ${field} if specified`,
  );
}

function readAudiences(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [TOKEN_ISSUER];
  if (!Array.isArray(value) || !value.every((one): one is string => typeof one === 'string'))
    throw StatusError.badRequest('spec.audiences must be a list of strings');
  return value.length === 0 ? [TOKEN_ISSUER] : value;
}

function readExpiration(value: unknown): number {
  if (value === undefined || value === null) return EXPIRATION_SECONDS_DEFAULT;
  if (!Number.isSafeInteger(value))
    throw StatusError.badRequest('spec.expirationSeconds must be a whole number');
  const seconds = value as number;
  const refuse = (rule: string): never => {
    throw invalid('', 'spec.expirationSeconds', `Invalid value: ${seconds}: ${rule}`);
  };
  if (seconds < EXPIRATION_SECONDS_MIN)
    return refuse('may not specify a duration less than 10 minutes');
  if (seconds > EXPIRATION_SECONDS_MAX)
    return refuse('may not specify a duration larger than 2^32 seconds');
  return seconds;
}

function findBound(
  store: Store,
  account: { readonly name: string; readonly namespace: string },
  value: unknown,
): Bound {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw StatusError.badRequest('spec.boundObjectRef must be an object');
  const { kind, apiVersion = 'v1', name, uid } = value as Record<string, string | undefined>;
  const find = (plural: string, namespace: string): KubeObject => {
    if (!name) throw StatusError.badRequest('Name parameter required.');
    const object = store.get(`/${plural}`, namespace, name ?? '');
    if (!object) throw StatusError.notFound({ group: '', plural }, name ?? '');
    if (uid && uid !== object.metadata.uid)
      throw StatusError.conflict(
        { group: '', plural: kind ?? '' },
        name ?? '',
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    return object;
  };
  switch (apiVersion === 'v1' ? kind : undefined) {
    case 'Pod':
      return bindToPod(store, account, find('pods', account.namespace));
    case 'Secret':
      return { secret: find('secrets', account.namespace) };
    case 'Node': {
      const { metadata } = find('nodes', '');
      return { node: { name: metadata.name, uid: metadata.uid } };
    }
    default:
      throw StatusError.badRequest(
        `cannot bind token to object of type ${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${String(kind)}`,
      );
  }
}

function bindToPod(store: Store, account: { readonly name: string }, pod: KubeObject): Bound {
  const { serviceAccountName, nodeName } =
    (pod as KubeObject & { spec?: { serviceAccountName?: string; nodeName?: string } }).spec ?? {};
  if ((serviceAccountName ?? 'default') !== account.name)
    throw StatusError.badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`,
    );
  if (!nodeName) return { pod };
  const uid = store.get('/nodes', '', nodeName)?.metadata.uid;
  return { pod, node: { name: nodeName, uid } };
}

const invalid = (name: string, field: string, message: string): StatusError =>
  StatusError.invalid(tokenRequest, name, [{ reason: 'FieldValueInvalid', message, field }]);
