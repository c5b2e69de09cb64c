/**
 * Tokens of service accounts: JWTs signed with the home's own key, which hold as long as the
 * account, and the pod or secret that they are bound to, exist with the same uid.
 * The only file that imports jose, and only when a token is made or seen.
 * Source: k8s.io/kubernetes pkg/serviceaccount (claims, checks, legacy form of secrets).
 */
import { createHash, createPrivateKey, createPublicKey, randomUUID } from 'node:crypto';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Store } from '../store/store.ts';
import { serviceAccountUserName } from './rbac-authorizer.ts';
import { serviceAccountUser, type NamedReference } from './service-account-user.ts';
import type { UserInfo } from './user-info.ts';

export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local';
const LEGACY_ISSUER = 'kubernetes/serviceaccount';
export const JWKS_PATH = '/openid/v1/jwks';
export const OPENID_CONFIGURATION_PATH = '/.well-known/openid-configuration';

/** Signatures that were checked; the checks against time and store are done for every request. */
const VERIFIED_TOKENS_MAX = 1_000;
/** As long as a clock may be off between here and who signed; both are this server. */
const LEEWAY_SECONDS = 60;
/** Longer ones come from nobody, and are not worth a hash. */
const TOKEN_LENGTH_MAX = 16 * 1024;
const ALGORITHM = 'ES256';

interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly jti?: string;
  readonly 'kubernetes.io'?: {
    readonly namespace?: string;
    readonly serviceaccount?: Partial<NamedReference>;
    readonly pod?: Partial<NamedReference>;
    readonly secret?: Partial<NamedReference>;
    readonly node?: Partial<NamedReference>;
  };
  readonly 'kubernetes.io/serviceaccount/namespace'?: string;
  readonly 'kubernetes.io/serviceaccount/secret.name'?: string;
  readonly 'kubernetes.io/serviceaccount/service-account.name'?: string;
  readonly 'kubernetes.io/serviceaccount/service-account.uid'?: string;
}

export interface TokenGrant {
  readonly account: KubeObject;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod?: KubeObject | undefined;
  readonly secret?: KubeObject | undefined;
  readonly node?: { readonly name: string; readonly uid?: string | undefined } | undefined;
}

/** A token that holds, and for which of the wanted audiences. */
export interface VerifiedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

export interface ServiceAccountTokensOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** PKCS#8 PEM of a P-256 key. */
  readonly key: string;
}

export class ServiceAccountTokens {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly keyPem: string;
  private readonly keyId: string;
  private readonly verified = new Map<string, Claims>();

  constructor({ store, clock, key }: ServiceAccountTokensOptions) {
    this.store = store;
    this.clock = clock;
    this.keyPem = key;
    const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
    this.keyId = createHash('sha256').update(der).digest('base64url');
  }

  /** A token that is bound to what the grant names. */
  async issue(grant: TokenGrant): Promise<string> {
    const { account, pod, secret, node } = grant;
    const { namespace = '', name } = account.metadata;
    const nowSeconds = Math.floor(this.clock.now() / 1_000);
    const claims: Claims = {
      iss: TOKEN_ISSUER,
      sub: serviceAccountUserName(namespace, name),
      aud: grant.audiences,
      exp: nowSeconds + grant.expirationSeconds,
      nbf: nowSeconds,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        serviceaccount: referenceTo(account),
        ...(pod ? { pod: referenceTo(pod) } : {}),
        ...(secret ? { secret: referenceTo(secret) } : {}),
        ...(node ? { node: { name: node.name, ...(node.uid ? { uid: node.uid } : {}) } } : {}),
      },
    };
    return this.sign({ ...claims, iat: nowSeconds });
  }

  /** The lasting token of a Secret of type `kubernetes.io/service-account-token`. */
  issueForSecret(account: KubeObject, secretName: string): Promise<string> {
    const { namespace = '', name, uid = '' } = account.metadata;
    return this.sign({
      iss: LEGACY_ISSUER,
      sub: serviceAccountUserName(namespace, name),
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secretName,
      'kubernetes.io/serviceaccount/service-account.name': name,
      'kubernetes.io/serviceaccount/service-account.uid': uid,
    });
  }

  /**
   * @param audiences for any one of which the token must be; the server's own by default.
   * @returns undefined when it is not a token of ours, or does not hold (any longer).
   */
  async verify(
    token: string,
    audiences: readonly string[] = [TOKEN_ISSUER],
  ): Promise<VerifiedToken | undefined> {
    const claims = await this.readClaims(token);
    if (!claims) return undefined;
    if (claims.iss === LEGACY_ISSUER) return this.checkLegacy(claims, audiences, token);
    if (claims.iss !== TOKEN_ISSUER || !this.isTimely(claims)) return undefined;
    const own = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
    const common = own.filter((audience) => audiences.includes(audience));
    const { namespace = '', serviceaccount, pod, secret, node } = claims['kubernetes.io'] ?? {};
    const { name = '', uid = '' } = serviceaccount ?? {};
    const holds =
      common.length > 0 &&
      claims.sub === serviceAccountUserName(namespace, name) &&
      this.exists('/serviceaccounts', namespace, serviceaccount) &&
      (!pod || this.exists('/pods', namespace, pod)) &&
      (!secret || this.exists('/secrets', namespace, secret)) &&
      (!node || pod !== undefined || this.exists('/nodes', '', node));
    if (!holds) return undefined;
    const user = serviceAccountUser({
      namespace,
      name,
      uid,
      pod: pod && { name: pod.name ?? '', uid: pod.uid ?? '' },
      node: node && { name: node.name ?? '', uid: node.uid },
      jti: claims.jti,
    });
    return { user, audiences: common };
  }

  /** The public key, for those who check tokens by themselves. */
  async jwks(): Promise<unknown> {
    const { exportJWK } = await import('jose');
    const jwk = await exportJWK(createPublicKey(this.keyPem));
    return { keys: [{ use: 'sig', alg: ALGORITHM, kid: this.keyId, ...jwk }] };
  }

  /** @param address scheme, host and port under which the keys can be fetched. */
  openIdConfiguration(address: string): unknown {
    return {
      issuer: TOKEN_ISSUER,
      jwks_uri: `${address}${JWKS_PATH}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
    };
  }

  private async sign(claims: object): Promise<string> {
    const { SignJWT } = await import('jose');
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid: this.keyId })
      .sign(createPrivateKey(this.keyPem));
  }

  private async readClaims(token: string): Promise<Claims | undefined> {
    // Most other tokens are no JWTs: that is seen without a library.
    if (token.length > TOKEN_LENGTH_MAX || token.split('.').length !== 3) return undefined;
    const digest = createHash('sha256').update(token).digest('base64');
    const known = this.verified.get(digest);
    if (known) {
      this.remember(digest, known);
      return known;
    }
    const { compactVerify } = await import('jose');
    try {
      const { payload } = await compactVerify(token, createPublicKey(this.keyPem), {
        algorithms: [ALGORITHM],
      });
      const claims = JSON.parse(Buffer.from(payload).toString('utf8')) as Claims;
      this.remember(digest, claims);
      return claims;
    } catch {
      // Somebody else's token, or a forged one: to the caller both are no token of ours.
      return undefined;
    }
  }

  /** Keeps the ones used last. */
  private remember(digest: string, claims: Claims): void {
    this.verified.delete(digest);
    this.verified.set(digest, claims);
    if (this.verified.size <= VERIFIED_TOKENS_MAX) return;
    for (const oldest of this.verified.keys()) {
      this.verified.delete(oldest);
      return;
    }
  }

  private isTimely({ exp = 0, nbf = 0 }: Claims): boolean {
    const nowSeconds = this.clock.now() / 1_000;
    return nowSeconds < exp + LEEWAY_SECONDS && nowSeconds >= nbf - LEEWAY_SECONDS;
  }

  private exists(
    resource: string,
    namespace: string,
    reference: Partial<NamedReference> | undefined,
  ): boolean {
    if (!reference?.name) return false;
    const object = this.store.get(resource, namespace, reference.name);
    if (!object || object.metadata.uid !== reference.uid) return false;
    const { deletionTimestamp } = object.metadata;
    return (
      deletionTimestamp === undefined ||
      Date.parse(deletionTimestamp) > this.clock.now() - LEEWAY_SECONDS * 1_000
    );
  }

  private checkLegacy(
    claims: Claims,
    audiences: readonly string[],
    token: string,
  ): VerifiedToken | undefined {
    if (!audiences.includes(TOKEN_ISSUER)) return undefined;
    const namespace = claims['kubernetes.io/serviceaccount/namespace'] ?? '';
    const name = claims['kubernetes.io/serviceaccount/service-account.name'] ?? '';
    const uid = claims['kubernetes.io/serviceaccount/service-account.uid'] ?? '';
    const secretName = claims['kubernetes.io/serviceaccount/secret.name'] ?? '';
    const secret: (KubeObject & { data?: Record<string, string> }) | undefined = this.store.get(
      '/secrets',
      namespace,
      secretName,
    );
    const holds =
      claims.sub === serviceAccountUserName(namespace, name) &&
      this.exists('/serviceaccounts', namespace, { name, uid }) &&
      // Taking the token out of its secret is how one is revoked.
      secret?.data?.['token'] === Buffer.from(token).toString('base64');
    return holds
      ? { user: serviceAccountUser({ namespace, name, uid }), audiences: [TOKEN_ISSUER] }
      : undefined;
  }
}

const referenceTo = ({ metadata: { name, uid = '' } }: KubeObject): NamedReference => ({
  name,
  uid,
});
