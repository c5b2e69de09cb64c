/**
 * The HTTP API of a service: one HTTPRoute per function on the service's host. Each rule names the
 * route that matched in a header, from which the function server fills in path parameters.
 */
import {
  httpRouteKind,
  type HTTPRoute,
  type HTTPRouteRule,
} from '../../../runtime/apis/gateway/types.ts';
import { eventSourceHeader, routeKeyHeader } from '../../../runtime/apis/knit.ts';
import { childName } from '../../../runtime/apis/meta/child-name.ts';
import { apiVersionOf } from '../../../runtime/apis/meta/object.ts';
import type { FunctionModel, HttpEvent, ServiceModel } from '../../config/service-model.ts';
import { ownLabels } from '../object-labels.ts';

/** Gateway API allows so many rules in one HTTPRoute. */
const RULES_MAX = 16;
/** The Gateway that Knit's own gateway stands for. */
const GATEWAY = { name: 'knit-gateway', namespace: 'knative-serving' };

/** Host of the service's HTTP API. */
export const httpApiHost = (model: ServiceModel): string =>
  `${model.service}-${model.stage}.${model.domain}`.toLowerCase();

export function compileHttp(model: ServiceModel, fn: FunctionModel): readonly HTTPRoute[] {
  const rules = fn.events
    .filter((event) => event.type === 'http')
    .map((event) => makeRule(fn, event));
  const routes: HTTPRoute[] = [];
  for (let start = 0; start < rules.length; start += RULES_MAX) {
    const suffix = start === 0 ? '-http' : `-http-${start / RULES_MAX + 1}`;
    routes.push({
      apiVersion: apiVersionOf(httpRouteKind),
      kind: httpRouteKind.kind,
      metadata: {
        name: childName(fn.name, suffix),
        namespace: model.namespace,
        labels: ownLabels(model),
      },
      spec: {
        parentRefs: [GATEWAY],
        hostnames: [httpApiHost(model)],
        rules: rules.slice(start, start + RULES_MAX),
      },
    });
  }
  return routes;
}

function makeRule(fn: FunctionModel, event: HttpEvent): HTTPRouteRule {
  return {
    matches: [
      {
        path: matchPath(event.path),
        ...(event.method === 'ANY' ? {} : { method: event.method }),
      },
    ],
    filters: [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: {
          set: [
            { name: eventSourceHeader, value: event.payload },
            { name: routeKeyHeader, value: routeKey(event) },
          ],
        },
      },
    ],
    backendRefs: [{ name: fn.name, port: 80 }],
  };
}

/** As API Gateway writes it: `GET /hello/{name}`, `$default`. */
export const routeKey = (event: HttpEvent): string =>
  event.path === '$default' ? '$default' : `${event.method} ${event.path}`;

/** `{name}` is one segment, `{name+}` the rest of the path; neither is empty. */
export function matchPath(path: string): {
  type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  value: string;
} {
  if (path === '$default') return { type: 'PathPrefix', value: '/' };
  if (!path.includes('{')) return { type: 'Exact', value: path };
  const segments = path.split('/').map((segment) => {
    if (/^\{.*\+\}$/.test(segment)) return '.+';
    if (/^\{.*\}$/.test(segment)) return '[^/]+';
    return segment.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
  });
  return { type: 'RegularExpression', value: `^${segments.join('/')}$` };
}
