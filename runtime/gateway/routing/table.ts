/**
 * The routing table: plain data, built from API objects by build-table.ts, read by route.ts, swapped
 * as a whole. Nothing in it changes after it is built.
 */
import type { HeaderChanges } from '../http/rewrite.ts';

export interface RevisionSettings {
  readonly key: string;
  readonly containerConcurrency: number;
  /** 0 = none. From arrival to the end of the response. */
  readonly timeoutMs: number;
  /** 0 = none. From arrival to the first byte of the response. */
  readonly responseStartTimeoutMs: number;
  /** 0 = none. Longest silence of the response. */
  readonly idleTimeoutMs: number;
  /** What the pods speak. */
  readonly protocol: 'http1' | 'h2c';
  /** Speaks the internal paths, such as `/_knit/invoke`. */
  readonly hasFunctionServer: boolean;
}

export interface Split {
  /** `namespace/name` of the revision. */
  readonly revision: string;
  /** 0..100 */
  readonly percent: number;
  readonly changes: HeaderChanges;
}

export interface IngressPath {
  /** Prefix; '' and '/' match everything. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, exact: string])[];
  readonly changes: HeaderChanges;
  readonly rewriteHost: string | undefined;
  readonly splits: readonly Split[];
}

export type TextMatch =
  | { readonly type: 'exact'; readonly value: string }
  | { readonly type: 'regex'; readonly regex: RegExp };

export type PathMatch =
  | { readonly type: 'exact'; readonly value: string }
  | { readonly type: 'prefix'; readonly value: string }
  | { readonly type: 'regex'; readonly regex: RegExp; readonly value: string };

export interface HttpRule {
  readonly path: PathMatch;
  readonly method: string | undefined;
  readonly headers: readonly (TextMatch & { readonly name: string })[];
  readonly query: readonly (TextMatch & { readonly name: string })[];
  readonly changes: HeaderChanges;
  readonly responseChanges: HeaderChanges;
  readonly rewriteHost: string | undefined;
  readonly rewritePath:
    | { readonly type: 'full'; readonly value: string }
    | { readonly type: 'prefix'; readonly value: string }
    | undefined;
  /** A filter that this gateway does not know: such a rule answers 500, as Gateway API demands. */
  readonly unsupportedFilter: string | undefined;
  readonly backends: readonly {
    /** `namespace/name` of a core Service named as a Knative Route. */
    readonly service: string;
    readonly weight: number;
  }[];
  /** 0 = the revision's own. */
  readonly timeoutMs: number;
}

export interface HostRoutes {
  /** In order of precedence: the first that matches is the one. They come before `paths`. */
  readonly rules: readonly HttpRule[];
  readonly paths: readonly IngressPath[];
}

export interface FunctionTarget {
  /** `namespace/name` of the Route. */
  readonly service: string;
  /** Tag or revision name -> revision key. */
  readonly qualifiers: ReadonlyMap<string, string>;
}

export interface RoutingTable {
  /** False until the first list of every kind has been read. */
  readonly isLoaded: boolean;
  readonly external: ReadonlyMap<string, HostRoutes>;
  readonly internal: ReadonlyMap<string, HostRoutes>;
  /** Suffixes of `*.` host names with their rules, longest first: `.example.com`. */
  readonly wildcards: readonly (readonly [suffix: string, routes: HostRoutes])[];
  /** Rules of HTTPRoutes without host names. */
  readonly catchAll: HostRoutes | undefined;
  /** Main splits by `namespace/name` of the Route. */
  readonly services: ReadonlyMap<string, readonly Split[]>;
  readonly revisions: ReadonlyMap<string, RevisionSettings>;
  /** By Lambda function name, `<namespace>-<name>` and `<namespace>/<name>`. */
  readonly functions: ReadonlyMap<string, FunctionTarget>;
  /** Generation of each Ingress that the table holds, by key. */
  readonly ingresses: ReadonlyMap<string, number>;
}

export const emptyTable: RoutingTable = {
  isLoaded: false,
  external: new Map(),
  internal: new Map(),
  wildcards: [],
  catchAll: undefined,
  services: new Map(),
  revisions: new Map(),
  functions: new Map(),
  ingresses: new Map(),
};
