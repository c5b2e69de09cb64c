/** The routing table: plain data, kept current by table-builder.ts and read by route.ts. */
import type { HeaderChanges } from '../http/rewrite.ts';

export interface Destination {
  /** `namespace/name` of a revision, `namespace/name:port` of another Service's port. */
  readonly key: string;
  /** Scales by requests; other Services have the pods that they have. */
  readonly isRevision: boolean;
  readonly containerConcurrency: number;
  /** 0 = none. From arrival to the end of the response. */
  readonly timeoutMs: number;
  /** 0 = none. From arrival to the first byte of the response. */
  readonly responseStartTimeoutMs: number;
  /** 0 = none. Longest silence of the response. */
  readonly idleTimeoutMs: number;
  /** What the pods speak. */
  readonly protocol: 'http1' | 'h2c';
  /** Knative Service and Configuration of a revision; '' elsewhere. */
  readonly labels: { readonly service: string; readonly configuration: string };
  /** Speaks the internal paths, such as `/_knit/invoke`. */
  readonly hasFunctionServer: boolean;
}

export interface Split {
  /** `namespace/name` of the revision. */
  readonly revision: string;
  /** `namespace/name:port`, where there is no such revision. */
  readonly destination: string;
  /** 0..100 */
  readonly percent: number;
  readonly changes: HeaderChanges;
}

export interface IngressPath {
  /** Prefix; '' and '/' match everything. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, exact: string])[];
  readonly rewriteHost: string | undefined;
  readonly splits: readonly Split[];
  /** Clients outside are sent from HTTP to HTTPS. */
  readonly isRedirected: boolean;
  /** What a prober of this Ingress wants to hear. */
  readonly probeHash: () => string;
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
  readonly redirect: Redirect | undefined;
  /** Who gets a copy of each request and is not listened to. */
  readonly mirrors: readonly Mirror[];
  readonly backends: readonly Backend[];
  /** 0 = the revision's own. */
  readonly timeoutMs: number;
}

export interface Backend {
  /** `namespace/name` of a core Service; one named as a Knative Route goes where that Route goes. */
  readonly service: string;
  /** `namespace/name:port`. */
  readonly destination: string;
  readonly weight: number;
  readonly changes: HeaderChanges;
  readonly responseChanges: HeaderChanges;
}

export interface Mirror {
  readonly backend: Backend;
  /** 0-1 */
  readonly share: number;
}

export interface Redirect {
  readonly status: number;
  readonly scheme: string | undefined;
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  readonly path: HttpRule['rewritePath'];
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
  /** By the suffix of a `*.` host name: `.example.com`. */
  readonly wildcards: ReadonlyMap<string, HostRoutes>;
  /** Rules of HTTPRoutes without host names. */
  readonly catchAll: HostRoutes | undefined;
  /** Main splits by `namespace/name` of the Route. */
  readonly services: ReadonlyMap<string, readonly Split[]>;
  readonly revisions: ReadonlyMap<string, Destination>;
  /** Ports of core Services, by `namespace/name:port`. */
  readonly destinations: ReadonlyMap<string, Destination>;
  /** Host -> `namespace/name` of the Secret with its certificate. */
  readonly certificates: ReadonlyMap<string, string>;
  /** By Lambda function name, `<namespace>-<name>` and `<namespace>/<name>`. */
  readonly functions: ReadonlyMap<string, FunctionTarget>;
  /** Generation of each Ingress that the table holds, by key. */
  readonly ingresses: ReadonlyMap<string, number>;
}
