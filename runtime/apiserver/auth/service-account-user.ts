/** A service account as a user. Pure. Source: k8s.io/apiserver pkg/authentication/serviceaccount. */
import { serviceAccountUserName } from './rbac-authorizer.ts';
import { AUTHENTICATED_GROUP, type UserInfo } from './user-info.ts';

export interface NamedReference {
  readonly name: string;
  readonly uid: string;
}

export const serviceAccountGroups = (namespace: string): readonly string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
  AUTHENTICATED_GROUP,
];

export function serviceAccountUser(account: {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly pod?: NamedReference | undefined;
  readonly node?: { readonly name: string; readonly uid?: string | undefined } | undefined;
  /** The token's own id. */
  readonly jti?: string | undefined;
}): UserInfo {
  const { namespace, name, uid, pod, node, jti } = account;
  const extra: Record<string, readonly string[]> = {};
  const note = (key: string, value: string | undefined): void => {
    if (value) extra[`authentication.kubernetes.io/${key}`] = [value];
  };
  note('credential-id', jti && `JTI=${jti}`);
  note('pod-name', pod?.name);
  note('pod-uid', pod?.uid);
  note('node-name', node?.name);
  note('node-uid', node?.uid);
  return {
    name: serviceAccountUserName(namespace, name),
    uid,
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
