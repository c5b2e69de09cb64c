/** gateway.networking.k8s.io/v1 HTTPRoute: the HTTP API of a deployed service. */
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface HTTPHeader {
  name: string;
  value: string;
}

export interface HTTPRouteMatch {
  path?: { type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; value?: string };
  method?: string;
  headers?: { type?: 'Exact' | 'RegularExpression'; name: string; value: string }[];
  queryParams?: { type?: 'Exact' | 'RegularExpression'; name: string; value: string }[];
}

export interface HTTPPathModifier {
  type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface HTTPHeaderFilter {
  set?: HTTPHeader[];
  add?: HTTPHeader[];
  remove?: string[];
}

export interface HTTPRouteFilter {
  type:
    | 'RequestHeaderModifier'
    | 'ResponseHeaderModifier'
    | 'URLRewrite'
    | 'RequestRedirect'
    | 'RequestMirror'
    | 'ExtensionRef';
  requestHeaderModifier?: HTTPHeaderFilter;
  responseHeaderModifier?: HTTPHeaderFilter;
  urlRewrite?: { hostname?: string; path?: HTTPPathModifier };
  requestRedirect?: {
    scheme?: string;
    hostname?: string;
    path?: HTTPPathModifier;
    port?: number;
    statusCode?: number;
  };
  requestMirror?: {
    backendRef: BackendRef;
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
}

export interface BackendRef {
  name: string;
  namespace?: string;
  group?: string;
  kind?: string;
  port?: number;
}

export interface HTTPRouteRule {
  name?: string;
  matches?: HTTPRouteMatch[];
  filters?: HTTPRouteFilter[];
  /** Core Services; one of a ksvc's name goes where that Knative Route goes. */
  backendRefs?: (BackendRef & { weight?: number; filters?: HTTPRouteFilter[] })[];
  timeouts?: { request?: string; backendRequest?: string };
}

export interface ParentReference {
  name: string;
  namespace?: string;
  kind?: string;
  group?: string;
  sectionName?: string;
  port?: number;
}

export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: (Condition & { observedGeneration?: number })[];
}

export interface HTTPRoute extends KubeObject {
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules?: HTTPRouteRule[];
  };
  status?: { parents?: RouteParentStatus[] };
}

export const httpRouteKind: ResourceKind<HTTPRoute> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  namespaced: true,
};

export interface GatewayListener {
  name: string;
  hostname?: string;
  port: number;
  /** `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or one with a domain. */
  protocol: string;
  tls?: Record<string, unknown>;
  allowedRoutes?: Record<string, unknown>;
}

/** Read and written for routes that name one; Knit's gateway serves routes whatever their parents are. */
export interface Gateway extends KubeObject {
  spec: {
    gatewayClassName: string;
    listeners: GatewayListener[];
    addresses?: { type?: string; value?: string }[];
    [other: string]: unknown;
  };
  status?: Record<string, unknown>;
}

export const gatewayKind: ResourceKind<Gateway> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'Gateway',
  plural: 'gateways',
  namespaced: true,
};

export interface GatewayClass extends KubeObject {
  spec: {
    /** Immutable; a path with a domain before it. */
    controllerName: string;
    description?: string;
    parametersRef?: Record<string, unknown>;
  };
  status?: Record<string, unknown>;
}

export const gatewayClassKind: ResourceKind<GatewayClass> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  namespaced: false,
};
