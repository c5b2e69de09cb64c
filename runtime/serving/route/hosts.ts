/** Hosts and URLs of a Route's targets. Source: knative.dev/serving pkg/reconciler/route/domains/domains.go. */
import { clusterLocalVisibility, visibilityLabelKey } from '../../apis/serving/labels.ts';
import { clusterLocalHost, targetHostName } from '../../apis/serving/names.ts';
import type { Route } from '../../apis/serving/types.ts';
import type { ServingConfig } from '../serving-config.ts';

const HTTP_PORT = 80;

export const isClusterLocal = (route: Route): boolean =>
  route.metadata.labels?.[visibilityLabelKey] === clusterLocalVisibility;

/** `hello.ns.example.com`, or `tag-hello.ns.example.com`. */
export function publicHost(route: Route, tag: string, config: ServingConfig): string {
  const { name, namespace } = route.metadata;
  return `${targetHostName(name, tag)}.${namespace}.${config.domain}`;
}

/** The names under which pods may call the target. */
export function localHosts(route: Route, tag: string): string[] {
  const { namespace = '' } = route.metadata;
  const name = targetHostName(route.metadata.name, tag);
  return [`${name}.${namespace}`, `${name}.${namespace}.svc`, clusterLocalHost(name, namespace)];
}

/** Where a client finds the target. The port is written out unless it is 80, so that the URL works as it stands. */
export function targetUrl(route: Route, tag: string, config: ServingConfig): string {
  if (isClusterLocal(route)) return addressUrl(route, tag);
  const port = config.externalPort === HTTP_PORT ? '' : `:${config.externalPort}`;
  return `http://${publicHost(route, tag, config)}${port}`;
}

/** Where a pod finds the target. */
export const addressUrl = (route: Route, tag = ''): string =>
  `http://${clusterLocalHost(targetHostName(route.metadata.name, tag), route.metadata.namespace ?? '')}`;
