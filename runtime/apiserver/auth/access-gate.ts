/**
 * What stands between a connection and the handler: an `AccessGate` says on whose behalf a request
 * is handled, or refuses it. One gate per listener; HTTP requests and upgrades go through the same
 * one. Authentication, then impersonation, then authorization, as upstream's filters.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isPublicPath } from '../discovery.ts';
import { StatusError } from '../status-error.ts';
import type { Authenticator } from './authenticators.ts';
import { impersonate } from './impersonation.ts';
import type { Authorizer } from './rbac-authorizer.ts';
import { attributesOf, forbidden } from './request-attributes.ts';
import { administrator, anonymous, MASTERS_GROUP, type UserInfo } from './user-info.ts';

/** The part of a request that decides. HTTP/1.1 and HTTP/2 requests of node:http(2) have this shape. */
export interface GatedRequest {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: object;
}

export interface AccessGate {
  /**
   * The user on whose behalf the request is handled. Called before the body is read, with the
   * decoded query. @throws {StatusError} 401 without valid credentials, 403 without permission.
   */
  admit(
    request: GatedRequest,
    path: string,
    query: Readonly<Record<string, string>>,
  ): UserInfo | Promise<UserInfo>;
}

/** For a unix socket of mode 0600: whoever can connect is the administrator. */
export const openGate: AccessGate = { admit: () => administrator };

/** @param authenticators asked in turn; the first that knows the sender decides. */
export function makeAccessGate(
  authenticators: readonly Authenticator[],
  authorizer: Authorizer,
): AccessGate {
  return {
    async admit(request, path, query) {
      const isPublic = isPublicPath(path);
      const sender = (await authenticate(request)) ?? (isPublic ? anonymous : undefined);
      if (!sender) throw StatusError.unauthorized();
      const user = impersonate(sender, request.headers, authorizer);
      if (isPublic || user.groups.includes(MASTERS_GROUP)) return user;
      const attributes = attributesOf(request.method ?? 'GET', path, query);
      const { isAllowed, reason } = authorizer.authorize(user, attributes);
      if (!isAllowed) throw forbidden(user, attributes, reason);
      return user;
    },
  };

  async function authenticate(request: GatedRequest): Promise<UserInfo | undefined> {
    for (const authenticator of authenticators) {
      const user = await authenticator(request);
      if (user) return user;
    }
    return undefined;
  }
}
