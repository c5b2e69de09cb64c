/**
 * What stands between a connection and the handler: an `AccessGate` says who sends a request, or
 * refuses it. One gate per listener; HTTP requests and upgrades go through the same one.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isPublicPath } from '../api-handler.ts';
import { StatusError } from '../status-error.ts';
import { administrator, anonymous, type UserInfo } from './user-info.ts';

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

/** One token, whose bearer is the administrator. */
export function makeTokenGate(token: string): AccessGate {
  // Digests are compared, so that neither content nor length of the token shows in the time it takes.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return {
    admit({ headers }, path) {
      if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) return administrator;
      if (isPublicPath(path)) return anonymous;
      throw StatusError.unauthorized();
    },
  };
}
