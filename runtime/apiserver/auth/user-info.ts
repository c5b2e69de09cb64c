/** Who sends a request, as authentication found it. Pure data; what the user may do is authorizer.ts. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Members may do everything; no rule is read for them. */
export const MASTERS_GROUP = 'system:masters';
export const AUTHENTICATED_GROUP = 'system:authenticated';
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';

/** Whoever can open the unix socket or read the home's kubeconfig. */
export const administrator: UserInfo = Object.freeze({
  name: 'system:admin',
  groups: Object.freeze([MASTERS_GROUP, AUTHENTICATED_GROUP]),
});

/** Knit's own controllers in the server's process. */
export const localController: UserInfo = Object.freeze({
  name: 'system:knit',
  groups: Object.freeze([MASTERS_GROUP, AUTHENTICATED_GROUP]),
});

/** The API server's own writes, such as the initial namespaces. */
export const apiServerItself: UserInfo = Object.freeze({
  name: 'system:apiserver',
  groups: Object.freeze([MASTERS_GROUP, AUTHENTICATED_GROUP]),
});

/** A request without credentials. */
export const anonymous: UserInfo = Object.freeze({
  name: 'system:anonymous',
  groups: Object.freeze([UNAUTHENTICATED_GROUP]),
});
