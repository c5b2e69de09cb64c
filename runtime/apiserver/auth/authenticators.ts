/**
 * The ways to prove who one is, beside a service account's token (service-account-tokens.ts): the
 * administrator's token and a client certificate. Each says who it is, that the request carries
 * nothing for it to judge, or refuses. Source: k8s.io/apiserver pkg/authentication/request/x509.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../std/clock.ts';
import { StatusError } from '../status-error.ts';
import type { GatedRequest } from './access-gate.ts';
import { administrator, AUTHENTICATED_GROUP, type UserInfo } from './user-info.ts';

/** @returns undefined when the request carries nothing of this kind. @throws {StatusError} 401 */
export type Authenticator = (
  request: GatedRequest,
) => UserInfo | undefined | Promise<UserInfo | undefined>;

/** Whose token it is, or undefined when it is none of this kind. */
export type TokenAuthenticator = (
  token: string,
) => UserInfo | undefined | Promise<UserInfo | undefined>;

/** One token, whose bearer is the administrator. */
export function makeAdministratorToken(token: string): TokenAuthenticator {
  // Digests are compared, so that neither content nor length of the token shows in the time it takes.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(token);
  return (presented) => (timingSafeEqual(digest(presented), expected) ? administrator : undefined);
}

/** `Authorization: Bearer`, tried with each kind of token in turn. A token that none knows is a 401. */
export function makeBearerAuthenticator(kinds: readonly TokenAuthenticator[]): Authenticator {
  return async ({ headers }) => {
    const token = bearerToken(headers.authorization);
    if (token === undefined) return undefined;
    for (const kind of kinds) {
      const user = await kind(token);
      if (user) return user;
    }
    throw StatusError.unauthorized();
  };
}

/** Other schemes, and a bearer without a token, count as no credentials at all. */
function bearerToken(authorization: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

/**
 * A certificate that the TLS listener has checked against the client CA: its common name is the
 * user, its organizations are the groups.
 */
export function makeCertificateAuthenticator(clock: Clock): Authenticator {
  const users = new WeakMap<object, { user: UserInfo; expiresAtMs: number }>();
  return ({ socket }) => {
    const known = users.get(socket) ?? readCertificate(socket);
    if (!known) return undefined;
    users.set(socket, known);
    // A connection may outlive its certificate.
    if (known.expiresAtMs <= clock.now()) throw StatusError.unauthorized();
    return known.user;
  };
}

function readCertificate(
  socket: Partial<TLSSocket>,
): { user: UserInfo; expiresAtMs: number } | undefined {
  const certificate = socket.getPeerCertificate?.();
  if (!certificate || Object.keys(certificate).length === 0) return undefined;
  if (!socket.authorized) throw StatusError.unauthorized();
  const subject = certificate.subject as unknown as Record<string, string | string[] | undefined>;
  const [name] = toList(subject['CN']);
  if (name === undefined) throw StatusError.unauthorized();
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  const user: UserInfo = {
    name,
    groups: [...toList(subject['O']), AUTHENTICATED_GROUP],
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
  };
  return { user, expiresAtMs: Date.parse(certificate.valid_to) };
}

const toList = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
