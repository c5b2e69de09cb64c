/**
 * `Impersonate-*` headers: who a request wants to act as, after asking whether its sender may.
 * Source: k8s.io/apiserver pkg/endpoints/filters/impersonation/impersonation.go.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { StatusError } from '../status-error.ts';
import { parseServiceAccountName, type Authorizer } from './rbac-authorizer.ts';
import { forbidden, type ResourceAttributes } from './request-attributes.ts';
import { serviceAccountGroups } from './service-account-user.ts';
import {
  anonymous,
  AUTHENTICATED_GROUP,
  UNAUTHENTICATED_GROUP,
  type UserInfo,
} from './user-info.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const AUTHENTICATION_GROUP = 'authentication.k8s.io';

interface Wanted {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** The user to go on with. @throws {StatusError} 400 without a user header, 403 when not allowed. */
export function impersonate(
  sender: UserInfo,
  headers: IncomingHttpHeaders,
  authorizer: Authorizer,
): UserInfo {
  const wanted = readHeaders(headers);
  if (!wanted) return sender;
  const ask = (attributes: Partial<ResourceAttributes>): void => {
    const request: ResourceAttributes = {
      isResource: true,
      verb: 'impersonate',
      group: '',
      resource: 'users',
      subresource: '',
      namespace: '',
      name: '',
      ...attributes,
    };
    const { isAllowed, reason } = authorizer.authorize(sender, request);
    if (!isAllowed) throw forbidden(sender, request, reason);
  };
  const account = parseServiceAccountName(wanted.user);
  if (account) ask({ resource: 'serviceaccounts', ...account });
  else ask({ name: wanted.user });
  for (const name of wanted.groups) ask({ resource: 'groups', name });
  for (const [key, values] of Object.entries(wanted.extra))
    for (const name of values)
      ask({ group: AUTHENTICATION_GROUP, resource: 'userextras', subresource: key, name });
  if (wanted.uid !== '') ask({ group: AUTHENTICATION_GROUP, resource: 'uids', name: wanted.uid });
  const named =
    account && wanted.groups.length === 0 ? serviceAccountGroups(account.namespace) : wanted.groups;
  return {
    name: wanted.user,
    groups: withAuthentication(wanted.user, named),
    ...(wanted.uid === '' ? {} : { uid: wanted.uid }),
    ...(Object.keys(wanted.extra).length === 0 ? {} : { extra: wanted.extra }),
  };
}

function withAuthentication(name: string, groups: readonly string[]): readonly string[] {
  if (name === anonymous.name)
    return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  return groups.includes(AUTHENTICATED_GROUP) || groups.includes(UNAUTHENTICATED_GROUP)
    ? groups
    : [...groups, AUTHENTICATED_GROUP];
}

function readHeaders(headers: IncomingHttpHeaders): Wanted | undefined {
  const user = valuesOf(headers['impersonate-user'])[0] ?? '';
  const uid = valuesOf(headers['impersonate-uid'])[0] ?? '';
  const groups = valuesOf(headers['impersonate-group']);
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const name of Object.keys(headers))
    if (name.startsWith(EXTRA_PREFIX))
      extra[unescapeKey(name.slice(EXTRA_PREFIX.length))] = valuesOf(headers[name]);
  if (user !== '') return { user, uid, groups, extra };
  if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0)
    throw StatusError.badRequest(
      `requested ${describe(groups, uid, extra)} without impersonating a user name`,
    );
  return undefined;
}

/** Node joins repeated headers of unknown names by a comma and a space. */
const valuesOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : value.split(', ');

/** As upstream prints its own type of a user. */
function describe(
  groups: readonly string[],
  uid: string,
  extra: Readonly<Record<string, readonly string[]>>,
): string {
  const list = (texts: readonly string[]): string =>
    texts.map((text) => JSON.stringify(text)).join(', ');
  const entries = Object.keys(extra)
    .sort()
    .map((key) => `${JSON.stringify(key)}:[]string{${list(extra[key] ?? [])}}`);
  const printedGroups = groups.length === 0 ? '[]string(nil)' : `[]string{${list(groups)}}`;
  const printedExtra =
    entries.length === 0
      ? 'map[string][]string(nil)'
      : `map[string][]string{${entries.join(', ')}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${printedGroups}, Extra:${printedExtra}}`;
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
