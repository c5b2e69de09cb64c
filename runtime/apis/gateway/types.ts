/** gateway.networking.k8s.io/v1 HTTPRoute: the HTTP API of a deployed service. */
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

export interface HTTPRouteFilter {
  type: 'RequestHeaderModifier' | 'ResponseHeaderModifier' | 'URLRewrite' | 'RequestRedirect';
  requestHeaderModifier?: { set?: HTTPHeader[]; add?: HTTPHeader[]; remove?: string[] };
  responseHeaderModifier?: { set?: HTTPHeader[]; add?: HTTPHeader[]; remove?: string[] };
  urlRewrite?: {
    hostname?: string;
    path?: {
      type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
      replaceFullPath?: string;
      replacePrefixMatch?: string;
    };
  };
}

export interface HTTPRouteRule {
  matches?: HTTPRouteMatch[];
  filters?: HTTPRouteFilter[];
  /** A core Service of the ksvc's name in the route's namespace: goes where that Knative Route goes. */
  backendRefs?: {
    name: string;
    namespace?: string;
    kind?: string;
    port?: number;
    weight?: number;
  }[];
  timeouts?: { request?: string; backendRequest?: string };
}

export interface HTTPRoute extends KubeObject {
  spec: {
    parentRefs?: { name: string; namespace?: string; kind?: string; group?: string }[];
    hostnames?: string[];
    rules?: HTTPRouteRule[];
  };
  status?: { parents?: unknown[] };
}

export const httpRouteKind: ResourceKind<HTTPRoute> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  namespaced: true,
};
